//! The facade without a model.

use stream_engine::{Ask, BackendKind, EngineError, StreamingConfig, StreamingEngine};

fn nowhere() -> StreamingConfig {
    StreamingConfig::default().model("no/such/model.gguf")
}

#[test]
fn an_engine_without_its_file_is_not_available() {
    let engine = StreamingEngine::new(nowhere());
    assert!(!engine.is_available());
    assert!(engine.stats().is_none());
    let error = engine.generate_iter("hi").unwrap_err();
    assert!(error.to_string().contains("no/such/model.gguf"), "{error}");
}

#[test]
fn a_model_with_an_odd_name_is_refused_before_anything_is_asked_of_the_hub() {
    let config = StreamingConfig::default().model("hf:org/../model");
    let engine = StreamingEngine::new(config);
    assert!(!engine.is_available());
    let error = engine.generate_iter("hi").unwrap_err();
    assert!(matches!(error, EngineError::Reference(_)), "{error}");
}

#[test]
fn a_senseless_question_is_refused_before_anything_is_loaded() {
    let engine = StreamingEngine::new(nowhere());
    let parameter = |ask: Ask| match engine.generate_iter(ask) {
        Err(EngineError::Invalid(invalid)) => invalid.parameter,
        other => panic!("{:?}", other.map(|_| "accepted")),
    };
    assert_eq!(parameter(Ask::new("")), "prompt");
    assert_eq!(parameter(Ask::new("x").temperature(-1.0)), "temperature");
    assert_eq!(parameter(Ask::new("x").max_tokens(0)), "max_tokens");
    assert_eq!(parameter(Ask::new("x").n(0)), "n");
    assert_eq!(parameter(Ask::new("x").logprobs(21)), "logprobs");
    assert_eq!(
        parameter(Ask::new("x").prompt_logprobs(21)),
        "prompt_logprobs"
    );
}

#[test]
fn an_unknown_backend_is_told_the_known_ones() {
    let error = "mlx".parse::<BackendKind>().unwrap_err().to_string();
    let compiled: Vec<_> = BackendKind::compiled().map(BackendKind::name).collect();
    let known = compiled.join(", ");
    assert_eq!(
        error,
        format!("there is no backend `mlx`; compiled in: {known}")
    );
}

#[test]
fn the_shared_engine_is_one_until_it_is_shut_down() {
    let first = StreamingEngine::get_instance(&nowhere()).unwrap();
    assert!(StreamingEngine::get_instance(&nowhere()).is_ok());
    let other = StreamingEngine::get_instance(&nowhere().max_tokens(5));
    assert!(matches!(other.err(), Some(EngineError::OtherConfig)));
    first.shutdown_blocking(std::time::Duration::ZERO);
    assert!(StreamingEngine::get_instance(&nowhere().max_tokens(5)).is_ok());
}

#[test]
fn what_a_models_file_recommends_is_known() {
    let folder = "../stream-checkpoint/tests/fixtures/families/llama-3/hf";
    let engine = StreamingEngine::new(StreamingConfig::default().model(folder));
    let recommended = engine.recommended_sampling().unwrap();
    assert_eq!(
        (recommended.temperature, recommended.top_p),
        (Some(0.6), Some(0.9))
    );
}

#[test]
fn a_remote_engine_needs_an_address_that_is_one() {
    if !BackendKind::compiled().any(BackendKind::is_remote) {
        return;
    }
    let ask = |config: StreamingConfig| match StreamingEngine::new(config).generate_iter("hi") {
        Err(error) => error,
        Ok(_) => panic!("it was accepted"),
    };
    let remote = StreamingConfig::default().backend(BackendKind::Vllm);
    assert!(matches!(ask(remote), EngineError::NoUrl));
    let nonsense = StreamingConfig::default().url("no address");
    assert!(matches!(ask(nonsense), EngineError::Url { .. }));
}
