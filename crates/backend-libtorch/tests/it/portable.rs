//! The operators that every device has, on the CPU: what they compute is what the engine's own do,
//! and what a GPU would.

use backend_libtorch::{Batches, Device, LibtorchModel, LoadError, NoDevice, Operators, Precision};
use stream_core::TokenId;

use crate::engine::Options;
use crate::families::reader;
use crate::families::{error, open, options, part};
use crate::support::forward;

fn portable(precision: Precision) -> Options {
    Options {
        operators: Operators::Portable,
        ..options(precision)
    }
}

#[test]
fn every_family_agrees_with_transformers() {
    for model in reader::models() {
        let single = error(&model, &portable(Precision::F32));
        let half = error(&model, &portable(Precision::Bf16));
        let row = format!("{}: {single:.0e}, {half:.0e}", model.path.display());
        println!("{row}");
        assert!(single <= 1e-5 && half <= 0.1, "{row}");
    }
}

/// A sequence that decodes beside one that reads its prompt in chunks, and two that decode at
/// different depths: windows, layers without rotation, norms of heads.
fn mixed(engine: &mut LibtorchModel, ids: &[TokenId]) -> Vec<Vec<f32>> {
    let lengths = [ids.len() - 40, ids.len() / 3];
    let prompts = lengths.map(|length| &ids[..length]);
    let mut found = forward(engine, &[part(1, prompts[0], 0), part(2, prompts[1], 0)]);
    for step in 0..8 {
        let first = 5 * step;
        let chunk = part(3, &ids[first..first + 5], first);
        let [long, short] = lengths.map(|length| length + step);
        let long = part(1, &ids[long..=long], long);
        let short = part(2, &ids[short..=short], short);
        found.extend(forward(engine, &[short, chunk, long]));
    }
    found
}

#[test]
fn mixed_batches_agree_with_our_own_operators() {
    for model in reader::models().filter(|model| !model.path.is_dir()) {
        let (checkpoint, ids) = (open(&model), &model.reference.ids);
        let logits = |options: &Options| {
            let mut engine = LibtorchModel::load(&checkpoint, options).unwrap();
            mixed(&mut engine, ids)
        };
        let wanted = logits(&options(Precision::F32)).concat();
        let found = logits(&portable(Precision::F32)).concat();
        assert_eq!(found.len(), wanted.len());
        let largest = wanted.iter().fold(0.0, |most, x| f32::max(most, x.abs()));
        let apart = found.iter().zip(&wanted).map(|(a, b)| (a - b).abs());
        let apart = apart.fold(0.0, f32::max) / largest;
        println!("{}: {apart:.0e}", model.path.display());
        assert!(apart < 1e-3, "{}: {apart}", model.path.display());
    }
}

/// What another sequence left in the rest of a block changes nothing.
#[test]
fn what_others_left_in_the_cache_is_never_read() {
    let model = reader::models().next().unwrap();
    let (checkpoint, ids) = (open(&model), &model.reference.ids);
    let decoded = |left: &[TokenId]| {
        let mut engine = LibtorchModel::load(&checkpoint, &portable(Precision::F32)).unwrap();
        forward(&mut engine, &[part(1, left, 0)]);
        forward(&mut engine, &[part(1, &ids[..20], 0)]);
        forward(
            &mut engine,
            &[part(1, &ids[20..21], 20), part(2, &ids[..1], 0)],
        )
    };
    assert!(decoded(&ids[60..120]) == decoded(&ids[..1]));
}

#[test]
fn what_they_cannot_do_is_refused() {
    let model = reader::models().next().unwrap();
    let invariant = Options {
        batches: Batches::Invariant,
        ..portable(Precision::F32)
    };
    let error = LibtorchModel::load(&open(&model), &invariant).unwrap_err();
    assert!(matches!(error, LoadError::NotInvariant), "{error}");
    // No machine has so many GPUs, whatever is compiled in.
    let gpu = Options {
        device: Device::Cuda(usize::MAX),
        ..options(Precision::F32)
    };
    let refused = gpu.check_device().unwrap_err();
    assert!(
        matches!(refused, NoDevice::NotCompiled | NoDevice::Driver(_)),
        "{refused}"
    );
    let error = LibtorchModel::load(&open(&model), &gpu).unwrap_err();
    assert_eq!(error.to_string(), refused.to_string());
}
