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

/// Every number is finite, and they vary as much as those of a model that is not trained yet.
#[track_caller]
fn expect_sane(checkpoint: &Checkpoint, case: &str) {
    let mut matrices = 0;
    for (_, tensor) in checkpoint.weights().iter() {
        let (name, values) = (tensor.name(), tensor.to_f32());
        if tensor.shape().0 == 1 {
            let sane = |x: &f32| (0.7..=1.3).contains(x);
            assert!(values.iter().all(sane), "{case} {name}");
            continue;
        }
        let sum: f64 = values.iter().map(|x| f64::from(*x)).sum();
        let squares: f64 = values.iter().map(|x| f64::from(x * x)).sum();
        let count = values.len() as f64;
        let (mean, deviation) = (sum / count, (squares / count).sqrt());
        assert!(
            (0.014..0.028).contains(&deviation),
            "{case} {name}: {deviation}"
        );
        assert!(mean.abs() < 0.004, "{case} {name}: {mean}");
        matrices += 1;
    }
    assert_eq!(matrices, 1 + 7 * checkpoint.architecture().layers, "{case}");
}

#[test]
fn every_quantisation_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for (name, quant) in Quant::ALL {
        let out = folder.path().join(format!("{name}.gguf"));
        run(&options(quant, Format::Gguf, &out)).unwrap();
        let checkpoint = Checkpoint::open(&out).unwrap();
        expect_sane(&checkpoint, name);
        let text = "The whale and a ring, naïve 鯨 🐋\n";
        let ids = checkpoint.tokenizer().encode(text).unwrap();
        assert!(ids.len() < text.len(), "{name}");
        assert_eq!(checkpoint.tokenizer().decode(&ids), text, "{name}");
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
        ("--shape huge", "known are tiny, smollm2-135m"),
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
