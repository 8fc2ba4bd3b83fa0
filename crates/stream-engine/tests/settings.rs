//! What engines have of the settings, and what is said of the rest. Nothing is loaded for it.

use stream_engine::{
    BackendKind, Batches, EngineError, Precision, Spinning, StreamingConfig, check,
};

type Names = &'static [&'static str];

/// For each engine the values that it has, by the setting's name.
const HAS: [(BackendKind, Names, Names, Names); 4] = [
    (BackendKind::Candle, &["native", "f32"], &[], &["invariant"]),
    (
        BackendKind::Libtorch,
        &["native", "bf16", "f32"],
        &[],
        &["fastest", "invariant"],
    ),
    (
        BackendKind::Onnx,
        &["native", "exact", "f32"],
        &["on", "off"],
        &["fastest"],
    ),
    (BackendKind::Vllm, &[], &[], &[]),
];

/// Asks for every value of a setting, and compares with those that the engine has.
fn each<T: Copy>(
    kind: BackendKind,
    has: &[&str],
    (setting, all, name): (&str, &[T], fn(T) -> &'static str),
    with: impl Fn(StreamingConfig, T) -> StreamingConfig,
) {
    for &value in all {
        let config = with(StreamingConfig::default().backend(kind), value);
        let name = name(value);
        match check(&config) {
            Ok(()) => assert!(has.contains(&name), "{kind}: {setting} {name}"),
            Err(error) => {
                assert!(!has.contains(&name), "{kind}: {error}");
                let they = match has {
                    [] => "no such setting".to_owned(),
                    has => has.join(", "),
                };
                let wanted =
                    format!("the backend `{kind}` has no {setting} `{name}`; it has {they}");
                assert_eq!(error.to_string(), wanted);
            }
        }
    }
}

#[test]
fn an_engine_that_lacks_a_setting_says_what_it_has() {
    for (kind, precisions, spinning, batches) in HAS {
        if !BackendKind::compiled().any(|compiled| compiled == kind) {
            continue;
        }
        let values = ("precision", Precision::ALL, Precision::name as fn(_) -> _);
        each(kind, precisions, values, StreamingConfig::precision);
        let values = ("spinning", Spinning::ALL, Spinning::name as fn(_) -> _);
        each(kind, spinning, values, StreamingConfig::spinning);
        let values = ("batches", Batches::ALL, Batches::name as fn(_) -> _);
        each(kind, batches, values, StreamingConfig::batches);
    }
}

#[test]
fn an_unknown_value_is_told_the_known_ones() {
    let error = "int2".parse::<Precision>().unwrap_err();
    assert!(matches!(error, EngineError::UnknownValue { .. }));
    let known = "there is no precision `int2`; known are native, bf16, exact, f32";
    assert_eq!(error.to_string(), known);
}
