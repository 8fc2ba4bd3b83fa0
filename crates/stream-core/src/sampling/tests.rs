//! Every impossible value is refused by its name.

use super::*;

fn rejected(builder: SamplingBuilder) -> &'static str {
    builder.build().err().map_or("accepted", |e| e.parameter)
}

const NOT_NUMBERS: [f32; 3] = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY];

type Set = fn(SamplingBuilder, f32) -> SamplingBuilder;

fn dry(builder: SamplingBuilder, set: impl FnOnce(&mut Dry)) -> SamplingBuilder {
    let mut dry = Dry::default();
    set(&mut dry);
    builder.dry(dry)
}

/// Each number with values that it can have and values that it cannot.
const NUMBERS: [(&str, Set, &[f32], &[f32]); 18] = [
    (
        "temperature",
        |b, x| b.temperature(x),
        &[0.0, 0.01, 10.0],
        &[-1.0, 1e-30, 0.009, 10.1, 1e30],
    ),
    ("top_p", |b, x| b.top_p(x), &[1e-6, 1.0], &[0.0, -0.1, 1.1]),
    (
        "typical_p",
        |b, x| b.typical_p(x),
        &[1e-6, 1.0],
        &[0.0, -0.1, 1.1],
    ),
    ("min_p", |b, x| b.min_p(x), &[0.0, 1.0], &[-0.1, 1.1]),
    (
        "top_n_sigma",
        |b, x| b.top_n_sigma(x),
        &[0.0, 1.0, 100.0],
        &[-1.0, 101.0],
    ),
    (
        "epsilon_cutoff",
        |b, x| b.epsilon_cutoff(x),
        &[0.0, 0.999],
        &[-0.1, 1.0],
    ),
    (
        "eta_cutoff",
        |b, x| b.eta_cutoff(x),
        &[0.0, 0.999],
        &[-0.1, 1.0],
    ),
    (
        "repetition_penalty",
        |b, x| b.repetition_penalty(x),
        &[1e-3, 10.0],
        &[0.0, -1.0, 11.0],
    ),
    (
        "presence_penalty",
        |b, x| b.presence_penalty(x),
        &[-2.0, 2.0],
        &[-2.1, 2.1],
    ),
    (
        "frequency_penalty",
        |b, x| b.frequency_penalty(x),
        &[-2.0, 2.0],
        &[-2.1, 2.1],
    ),
    (
        "dry_multiplier",
        |b, x| dry(b, |d| d.multiplier = x),
        &[0.1, 100.0],
        &[0.0, -1.0, 101.0],
    ),
    (
        "dry_base",
        |b, x| dry(b, |d| d.base = x),
        &[1.0, 10.0],
        &[0.9, -2.0, 11.0],
    ),
    (
        "xtc_probability",
        |b, x| {
            b.xtc(Xtc {
                probability: x,
                ..Xtc::default()
            })
        },
        &[0.01, 1.0],
        &[0.0, -0.1, 1.1],
    ),
    (
        "xtc_threshold",
        |b, x| {
            b.xtc(Xtc {
                threshold: x,
                ..Xtc::default()
            })
        },
        &[0.01, 0.5],
        &[0.0, -0.1, 0.51],
    ),
    (
        "mirostat_tau",
        |b, x| {
            b.mirostat(Mirostat {
                tau: x,
                ..Mirostat::default()
            })
        },
        &[0.1, 100.0],
        &[0.0, -1.0, 101.0],
    ),
    (
        "mirostat_eta",
        |b, x| {
            b.mirostat(Mirostat {
                eta: x,
                ..Mirostat::default()
            })
        },
        &[0.01, 10.0],
        &[0.0, -1.0, 10.1],
    ),
    (
        "logit_bias",
        |b, x| b.logit_bias(3, x),
        &[-100.0, 0.0, 100.0],
        &[-100.1, 100.1],
    ),
    (
        "dry_range",
        |b, x| dry(b, |d| d.range = Some(x as usize)),
        &[1.0, 1e6],
        &[0.0],
    ),
];

#[test]
fn every_number_has_its_range() {
    for (name, set, possible, impossible) in NUMBERS {
        for &x in possible {
            assert_eq!(
                rejected(set(Sampling::builder(), x)),
                "accepted",
                "{name} {x}"
            );
        }
        // A range of tokens is a whole number.
        let not_numbers = NOT_NUMBERS.iter().filter(|_| name != "dry_range");
        for &x in impossible.iter().chain(not_numbers) {
            assert_eq!(rejected(set(Sampling::builder(), x)), name, "{x}");
        }
    }
}

#[test]
fn every_list_has_its_limits() {
    let b = Sampling::builder;
    let biases = |n: u32| (0..n).fold(b(), |builder, id| builder.logit_bias(id, 1.0));
    let words = |n: usize, bytes: usize| (0..n).fold(b(), |b, _| b.bad_word("x".repeat(bytes)));
    let ids = |n: usize, ids: usize| (0..n).fold(b(), |b, _| b.bad_token_sequence(vec![1; ids]));
    let breakers =
        |n: usize, bytes: usize| dry(b(), |d| d.sequence_breakers = vec!["x".repeat(bytes); n]);
    let allowed = |n: usize| dry(b(), |d| d.allowed_length = n);
    let cases = [
        ("accepted", biases(1024)),
        ("logit_bias", biases(1025)),
        ("logit_bias", b().logit_bias(7, 1.0).logit_bias(7, 2.0)),
        ("accepted", words(128, 256)),
        ("bad_words", words(129, 1)),
        ("bad_words", words(1, 257)),
        ("bad_words", words(1, 0)),
        ("accepted", ids(128, 64)),
        ("bad_token_sequences", ids(129, 1)),
        ("bad_token_sequences", ids(1, 65)),
        ("bad_token_sequences", ids(1, 0)),
        ("accepted", breakers(32, 64)),
        ("accepted", breakers(0, 0)),
        ("dry_sequence_breakers", breakers(33, 1)),
        ("dry_sequence_breakers", breakers(1, 65)),
        ("dry_sequence_breakers", breakers(1, 0)),
        ("accepted", allowed(4096)),
        ("dry_allowed_length", allowed(0)),
        ("dry_allowed_length", allowed(4097)),
    ];
    for (expected, builder) in cases {
        assert_eq!(rejected(builder.clone()), expected, "{builder:?}");
    }
}

#[test]
fn the_error_says_what_is_allowed() {
    let error = Sampling::builder().temperature(-1.0).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "temperature is -1, but must be 0 (greedy) or from 0.01 to 10"
    );
}

#[test]
fn zero_means_greedy_and_no_top_k() {
    let s = Sampling::builder()
        .temperature(0.0)
        .top_k(0)
        .build()
        .unwrap();
    assert!(s.is_greedy());
    assert_eq!(s.top_k(), None);
}

#[test]
fn what_another_parameter_makes_meaningless_is_refused() {
    let mirostat = || Sampling::builder().mirostat(Mirostat::default());
    let cases = [
        ("temperature", mirostat().temperature(0.0)),
        (
            "temperature",
            Sampling::builder().temperature(0.0).xtc(Xtc::default()),
        ),
        ("top_k", mirostat().top_k(40)),
        ("top_p", mirostat().top_p(0.9)),
        ("min_p", mirostat().min_p(0.1)),
        ("typical_p", mirostat().typical_p(0.9)),
        ("top_n_sigma", mirostat().top_n_sigma(1.0)),
        ("epsilon_cutoff", mirostat().epsilon_cutoff(0.1)),
        ("eta_cutoff", mirostat().eta_cutoff(0.1)),
        ("xtc", mirostat().xtc(Xtc::default())),
        ("accepted", mirostat().temperature(0.5).dry(Dry::default())),
        (
            "accepted",
            mirostat().repetition_penalty(1.1).logit_bias(1, 5.0),
        ),
        (
            "accepted",
            Sampling::builder().temperature(0.0).top_k(40).min_p(0.1),
        ),
    ];
    for (expected, builder) in cases {
        assert_eq!(rejected(builder.clone()), expected, "{builder:?}");
    }
}

#[test]
fn an_order_names_each_stage_once_and_every_stage_that_is_set() {
    use SamplerStage::{MinP, Temperature, TopK};
    let order = |stages: &[SamplerStage]| Sampling::builder().min_p(0.1).sampler_order(stages);
    assert_eq!(rejected(order(&[MinP, Temperature])), "accepted");
    assert_eq!(rejected(order(&SamplerStage::DEFAULT_ORDER)), "accepted");
    assert_eq!(rejected(order(&[MinP, TopK, MinP])), "sampler_order");
    let forgotten = order(&[Temperature]).build().unwrap_err();
    assert_eq!(
        forgotten.to_string(),
        "sampler_order is a list without min_p, but must be a list of every stage that is set"
    );
    let sampling = order(&[MinP, TopK, Temperature]).temperature(0.5).build();
    let active: Vec<_> = sampling.unwrap().active_stages().collect();
    assert_eq!(active, [MinP, Temperature], "top-k is off");
}

#[test]
fn stages_have_names() {
    for stage in SamplerStage::DEFAULT_ORDER {
        assert_eq!(stage.to_string().parse(), Ok(stage));
    }
    let unknown = "top_a".parse::<SamplerStage>().unwrap_err();
    assert_eq!(unknown.parameter, "sampler_order");
    assert!(unknown.to_string().contains("`top_a`"), "{unknown}");
    assert!(unknown.to_string().contains("typical_p"), "{unknown}");
}
