//! Refusals, and answers that would harm.

use stream_checkpoint::hub::{HubError, Token};

use crate::lab::{FOLDER, Lab, names};
use crate::server::{Hub, Served};

#[test]
fn refusals_are_told_apart() {
    for (refusal, words) in [
        (
            (401, "RepoNotFound"),
            ["no repository org/model", "HF_TOKEN"],
        ),
        (
            (404, "RepoNotFound"),
            ["no repository org/model", "private"],
        ),
        ((401, ""), ["wants to know who asks", "set HF_TOKEN"]),
        ((401, "GatedRepo"), ["restricted", "HF_TOKEN"]),
        ((403, ""), ["accept its terms", "none was sent"]),
        ((404, ""), ["no repository org/model", "private"]),
        (
            (404, "RevisionNotFound"),
            ["no branch, tag or commit", "main"],
        ),
        ((500, ""), ["HTTP status 500", "/api/models/org/model"]),
    ] {
        let lab = Lab::with(&FOLDER);
        lab.hub.refuse(refusal);
        let error = lab.locate("hf:org/model").unwrap_err().to_string();
        assert!(
            words.iter().all(|word| error.contains(word)),
            "{refusal:?}: {error}"
        );
    }
}

#[test]
fn a_file_or_revision_that_is_not_there() {
    let lab = Lab::with(&FOLDER);
    let error = lab.locate("hf:org/model/no.gguf").unwrap_err();
    assert!(
        matches!(&error, HubError::NoFile { file, .. } if file == "no.gguf"),
        "{error}"
    );
    let error = lab.locate("hf:org/model@v9").unwrap_err();
    assert!(matches!(error, HubError::NoRevision { .. }), "{error}");
    let error = lab.locate("hf:org/other").unwrap_err();
    assert!(matches!(error, HubError::NoRepository { .. }), "{error}");
}

#[test]
fn the_token_goes_to_the_endpoint_alone() {
    let mut lab = Lab::with(&FOLDER);
    lab.hub.serve(
        "model.safetensors",
        Served {
            body: b"large".to_vec(),
            large: true,
            ..Served::default()
        },
    );
    lab.config.token = Token::new("secret");
    lab.locate("hf:org/model").unwrap();
    let (elsewhere, here): (Vec<_>, Vec<_>) = lab
        .hub
        .requests()
        .into_iter()
        .partition(|asked| asked.elsewhere);
    assert_eq!(elsewhere.len(), 1, "{elsewhere:?}");
    assert_eq!(elsewhere[0].authorization, None);
    let token = Some("Bearer secret".to_owned());
    assert!(here.len() >= 7, "{here:?}");
    assert!(
        here.iter().all(|asked| asked.authorization == token),
        "{here:?}"
    );
}

#[test]
fn a_token_that_does_not_help_is_not_shown() {
    let mut lab = Lab::with(&FOLDER);
    lab.config.token = Token::new("secret");
    lab.hub.refuse((401, ""));
    let error = lab.locate("hf:org/model").unwrap_err();
    assert!(error.to_string().contains("check HF_TOKEN"), "{error}");
    assert!(!format!("{error} {error:?} {:?}", lab.config).contains("secret"));
}

#[test]
fn a_list_of_shards_cannot_lead_out_of_the_model() {
    for name in [
        "../../../../x.safetensors",
        "/etc/x.safetensors",
        "..\\x.safetensors",
        "C:x.safetensors",
        "a//x.safetensors",
        "",
        "x.bin",
        "x\u{0}.safetensors",
    ] {
        let map = serde_json::json!({ "weight_map": { "a": name } }).to_string();
        let lab = Lab::with(&[
            ("config.json", "{}"),
            ("model.safetensors.index.json", &map),
        ]);
        let error = lab.locate("hf:org/model").unwrap_err();
        assert!(matches!(error, HubError::Index { .. }), "{name}: {error}");
        assert!(!lab.repo().join("refs/main").exists(), "{name}");
        let error = lab.locate_offline("hf:org/model").unwrap_err();
        assert!(
            matches!(error, HubError::NotCached { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_list_of_shards_that_is_none_or_names_what_is_not_there() {
    for (map, words) in [
        ("{}", "weight_map"),
        ("not json", "expected"),
        (r#"{"weight_map": {"a": 1}}"#, "invalid type"),
        (
            r#"{"weight_map": {"a": "gone.safetensors"}}"#,
            "no file gone.safetensors",
        ),
    ] {
        let lab = Lab::with(&[("config.json", "{}"), ("model.safetensors.index.json", map)]);
        let error = lab.locate("hf:org/model").unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

#[test]
fn an_entity_tag_cannot_lead_out_of_the_cache() {
    let lab = Lab::new(Hub::start());
    for etag in ["../../../x", "/x", "a/b", ".x", ""] {
        lab.hub.serve(
            "m.gguf",
            Served {
                body: b"x".to_vec(),
                etag: Some(etag.to_owned()),
                ..Served::default()
            },
        );
        let error = lab.locate("hf:org/model/m.gguf").unwrap_err();
        assert!(
            matches!(error, HubError::Protocol { .. }),
            "{etag}: {error}"
        );
    }
    assert_eq!(names(&lab.config.cache), Vec::<String>::new());
}

#[test]
fn an_endpoint_that_is_none() {
    let mut lab = Lab::with(&FOLDER);
    lab.config.endpoint = "nonsense".to_owned();
    let error = lab.locate("hf:org/model").unwrap_err();
    assert!(matches!(error, HubError::Endpoint(_)), "{error}");
}
