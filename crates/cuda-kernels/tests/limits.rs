//! What the kernels are not made for is refused before anything is launched.

use cuda_kernels::{Heads, Kernel, Number, SampleTask, UnsupportedHeads};
use stream_core::{Sampling, SamplingBuilder};
use stream_runtime::Choice;
use stream_runtime::sample::TokenCounts;

#[test]
fn heads_without_a_kernel_are_named() {
    let cases = [
        (
            (9, 3, 80),
            "heads of 80 numbers, attention on the GPU is made for 32, 64, 96, 128 and 256",
        ),
        (
            (64, 1, 64),
            "64 query heads share a key-value head, attention on the GPU has room for 32",
        ),
        (
            (16, 1, 256),
            "16 query heads share a key-value head, attention on the GPU has room for 12",
        ),
        (
            (9, 2, 64),
            "9 query heads cannot be shared out among 2 key-value heads",
        ),
        (
            (9, 0, 64),
            "9 query heads cannot be shared out among 0 key-value heads",
        ),
        (
            (0, 1, 64),
            "0 query heads cannot be shared out among 1 key-value heads",
        ),
    ];
    for ((heads, kv_heads, head_dim), message) in cases {
        let error: UnsupportedHeads = Heads::new(heads, kv_heads, head_dim).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}

#[test]
fn a_run_has_room_for_all_its_queries() {
    for (heads, kv_heads, head_dim, tokens) in [(9, 3, 64, 10), (32, 1, 128, 1), (4, 4, 256, 12)] {
        let heads = Heads::new(heads, kv_heads, head_dim).unwrap();
        assert_eq!(heads.run_tokens(), tokens);
    }
}

#[test]
fn choices_that_are_the_hosts_are_left_to_it() {
    let on_device = |build: fn(SamplingBuilder) -> SamplingBuilder| {
        let sampling = build(Sampling::builder()).build().unwrap();
        SampleTask::new(&Choice::new(&sampling), 0).is_some()
    };
    assert!(on_device(|s| s));
    assert!(on_device(|s| s.temperature(0.0)));
    assert!(on_device(|s| s
        .temperature(0.5)
        .top_k(4)
        .top_p(0.5)
        .min_p(0.1)));
    assert!(!on_device(|s| s.frequency_penalty(1.0)));
    assert!(!on_device(|s| s.logit_bias(3, 1.0)));
    assert!(!on_device(|s| s.typical_p(0.5)));
    assert!(!on_device(|s| s.top_n_sigma(1.0)));
}

#[test]
fn what_a_request_brings_beside_its_parameters_is_the_hosts() {
    let sampling = Sampling::default();
    let plain = Choice::new(&sampling);
    let history = TokenCounts::new();
    let choices = [
        Choice {
            banned: &[3],
            ..plain
        },
        Choice {
            logprobs: Some(0),
            ..plain
        },
    ];
    for choice in choices {
        assert_eq!(SampleTask::new(&choice, 0), None);
    }
    // A history alone changes nothing without penalties.
    let with_history = Choice {
        history: &history,
        ..plain
    };
    assert_eq!(
        SampleTask::new(&with_history, 2),
        SampleTask::new(&plain, 2)
    );
}

#[test]
fn kernels_have_the_names_of_their_sources() {
    let number = Number::Bf16;
    let attention = |many| Kernel::Attention {
        number,
        head_dim: 96,
        many,
    };
    for (kernel, name) in [
        (Kernel::RmsNorm(Number::F32), "rms_norm_f32"),
        (Kernel::SwiGlu(Number::F16), "swiglu_f16"),
        (Kernel::Rotary(number), "rotary_bf16"),
        (Kernel::Combine(number), "combine_bf16"),
        (attention(true), "attention_many_96_bf16"),
        (attention(false), "attention_few_96_bf16"),
        (Kernel::Sample, "sample"),
    ] {
        assert_eq!(kernel.to_string(), name);
    }
}
