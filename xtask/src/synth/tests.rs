//! What is written can be read.

use std::fs;
use std::path::Path;

use stream_checkpoint::Checkpoint;
use stream_core::Tokenizer as _;

use super::*;

fn options(quant: Quant, format: Format, out: &Path) -> Options {
    Options {
        shape: Shape::named("tiny").unwrap(),
        quant,
        format,
        out: out.to_owned(),
        seed: 7,
        shard: false,
    }
}

/// The reader takes it; every number is finite, and they vary as much as those of a model that is
/// not trained yet; text is written and read.
#[track_caller]
fn expect_usable(out: &Path, case: &str) -> Checkpoint {
    let checkpoint = Checkpoint::open(out).unwrap();
    for (_, tensor) in checkpoint.weights().iter() {
        let (name, values) = (tensor.name(), tensor.to_f32());
        match tensor.shape().0 {
            1 => expect_sane_vector(&values, &format!("{case} {name}")),
            _ => expect_sane_matrix(&values, &format!("{case} {name}")),
        }
    }
    let text = "The whale and a ring, naïve 鯨 🐋\n";
    let ids = checkpoint.tokenizer().encode(text).unwrap();
    assert!(ids.len() < text.len(), "{case}");
    assert_eq!(checkpoint.tokenizer().decode(&ids), text, "{case}");
    assert!(checkpoint.chat_template().is_some(), "{case}");
    checkpoint
}

#[track_caller]
fn expect_sane_vector(values: &[f32], case: &str) {
    let sane = if case.ends_with("bias") {
        -0.04..=0.04
    } else {
        0.7..=1.3
    };
    assert!(values.iter().all(|x| sane.contains(x)), "{case}");
}

#[track_caller]
fn expect_sane_matrix(values: &[f32], case: &str) {
    let sum: f64 = values.iter().map(|x| f64::from(*x)).sum();
    let squares: f64 = values.iter().map(|x| f64::from(x * x)).sum();
    let count = values.len() as f64;
    let (mean, deviation) = (sum / count, (squares / count).sqrt());
    assert!((0.014..0.028).contains(&deviation), "{case}: {deviation}");
    assert!(mean.abs() < 0.004, "{case}: {mean}");
}

#[test]
fn every_quantisation_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, quant) in Quant::ALL {
        let out = folder.path().join(format!("{name}.gguf"));
        run(&options(quant, Format::Gguf, &out)).unwrap();
        expect_usable(&out, name);
    }
}

#[test]
fn every_number_format_of_a_folder_in_one_file_and_in_several() {
    let folder = tempfile::tempdir().unwrap();
    for (name, quant) in Quant::ALL.into_iter().take(3) {
        for shard in [false, true] {
            let out = folder.path().join(format!("{name} {shard}"));
            let mut options = options(quant, Format::Folder, &out);
            options.shard = shard;
            run(&options).unwrap();
            assert_eq!(out.join("model.safetensors.index.json").exists(), shard);
            expect_usable(&out, name);
        }
    }
}

#[test]
fn a_file_and_a_folder_of_one_seed_hold_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let opened = |format, name: &str| {
        let out = folder.path().join(name);
        run(&options(Quant::F32, format, &out)).unwrap();
        Checkpoint::open(&out).unwrap()
    };
    let file = opened(Format::Gguf, "m.gguf");
    let folder = opened(Format::Folder, "m");
    for (id, tensor) in file.weights().iter() {
        assert_eq!(
            tensor.bytes(),
            folder.weights().get(id).unwrap().bytes(),
            "{id:?}"
        );
    }
}

#[test]
fn biases_and_scaled_rotation() {
    let folder = tempfile::tempdir().unwrap();
    for (name, tensors) in [("tiny-qwen2", 9 + 3), ("tiny-llama3", 9)] {
        for (format, file) in [(Format::Gguf, "m.gguf"), (Format::Folder, "m")] {
            let out = folder.path().join(format!("{name} {file}"));
            let mut options = options(Quant::F16, format, &out);
            options.shape = Shape::named(name).unwrap();
            run(&options).unwrap();
            let checkpoint = expect_usable(&out, name);
            assert_eq!(
                checkpoint.weights().iter().count(),
                2 + 2 * tensors,
                "{name}"
            );
        }
    }
}

#[test]
fn the_same_seed_writes_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, seed: u64| {
        let out = folder.path().join(name);
        let mut options = options(Quant::Q4KM, Format::Gguf, &out);
        options.seed = seed;
        run(&options).unwrap();
        fs::read(out).unwrap()
    };
    let first = written("a", 7);
    assert_eq!(first, written("b", 7));
    assert_ne!(first, written("c", 8));
}

#[test]
fn words_that_are_no_options_are_told() {
    let full = "--shape tiny --quant f16 --format folder --out x --seed 3 --shard";
    let parse = |line: &str| Options::parse(&line.split(' ').collect::<Vec<_>>());
    let options = parse(full).unwrap();
    assert_eq!((options.seed, options.shard), (3, true));
    for (line, expected) in [
        ("--shape tiny", "--quant is missing"),
        ("--shape huge", "known are tiny, tiny-qwen2"),
        ("--quant q3", "known are f32, f16"),
        ("--format zip", "known are gguf, folder"),
        ("--out", "--out needs a value"),
        ("--colour red", "no option `--colour`"),
    ] {
        let error = format!("{:#}", parse(line).unwrap_err());
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn a_folder_takes_no_quantisation() {
    let folder = tempfile::tempdir().unwrap();
    let options = options(Quant::Q4_0, Format::Folder, &folder.path().join("m"));
    let error = run(&options).unwrap_err().to_string();
    assert!(error.contains("f32, f16 or bf16"), "{error}");
    assert!(!options.out.exists());
}
