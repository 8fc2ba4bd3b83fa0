use super::*;

fn hub(repo: &str, revision: &str, wanted: Wanted) -> ModelReference {
    ModelReference::Hub(HubReference {
        repo: repo.to_owned(),
        revision: revision.to_owned(),
        wanted,
    })
}

#[test]
fn every_form() {
    let file = |path: &str| Wanted::File(path.to_owned());
    let quantisation = |text: &str| Wanted::Quantisation(text.to_owned());
    for (given, expected) in [
        ("hf:a/b", hub("a/b", "main", Wanted::Model)),
        ("hf:a/b@v1", hub("a/b", "v1", Wanted::Model)),
        ("hf:a/b/m.gguf", hub("a/b", "main", file("m.gguf"))),
        ("hf:a/b@v1/d/m.gguf", hub("a/b", "v1", file("d/m.gguf"))),
        ("a/b:Q4_K_M", hub("a/b", "main", quantisation("Q4_K_M"))),
        ("a/b@v1:Q4_0", hub("a/b", "v1", quantisation("Q4_0"))),
        ("hf:a/b:q8_0", hub("a/b", "main", quantisation("q8_0"))),
        ("SmolLM2-135M-Instruct", ModelReference::Default),
    ] {
        assert_eq!(ModelReference::parse(given), Ok(expected), "{given}");
    }
}

#[test]
fn everything_else_is_a_path() {
    for given in [
        "model.gguf",
        "no/such/model.gguf",
        "../m.gguf",
        "/m.gguf",
        "~/m",
        "a/b",
        "C:/models/m.gguf",
        "C:\\models\\m.gguf",
        "./a:b",
        "a/b/c:d",
        "..",
    ] {
        let expected = ModelReference::Path(given.into());
        assert_eq!(ModelReference::parse(given), Ok(expected), "{given}");
    }
}

#[test]
fn a_path_that_is_there_comes_first() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(default_model::NAME);
    std::fs::write(&path, "").unwrap();
    assert_eq!(
        ModelReference::parse(&path),
        Ok(ModelReference::Path(path.clone()))
    );
}

#[test]
fn what_is_odd_is_refused_by_what_is_wrong_with_it() {
    use ReferenceProblem::{Empty, File, Quantisation, Repository, Revision};
    for (given, expected) in [
        ("", Empty),
        ("hf:", Repository),
        ("hf:gpt2", Repository),
        ("hf:/b", Repository),
        ("hf:a/", Repository),
        ("hf:../b", Repository),
        ("hf:a/..", Repository),
        ("hf:a\\b/c", Repository),
        ("hf:a b/c", Repository),
        ("hf:a/b\n", Repository),
        ("hf:a/b@", Revision),
        ("hf:a/b@..", Revision),
        ("hf:a/b@\u{1}", Revision),
        ("hf:a/b/", File),
        ("hf:a/b//m.gguf", File),
        ("hf:a/b//etc/passwd", File),
        ("hf:a/b/../m.gguf", File),
        ("hf:a/b/d/../../m.gguf", File),
        ("hf:a/b/d\\m.gguf", File),
        ("hf:a/b/m\0.gguf", File),
        ("hf:a/b/m.gguf:Q4_0", File),
        ("hf:a/b:", Quantisation),
        ("a/b:../m", Quantisation),
        ("a/b:Q4 0", Quantisation),
        ("a/b:__", Quantisation),
    ] {
        let error = ModelReference::parse(given).unwrap_err();
        assert_eq!(error.problem(), expected, "{given:?}");
        let text = error.to_string();
        assert!(text.contains("hf:OWNER/REPO"), "{text}");
        assert!(!text.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn shown_and_read_again_it_is_the_same() {
    for given in ["hf:a/b", "hf:a/b@v1", "hf:a/b@v1/d/m.gguf", "hf:a/b:Q4_0"] {
        let reference: HubReference = given.parse().unwrap();
        assert_eq!(reference.to_string(), given);
    }
}
