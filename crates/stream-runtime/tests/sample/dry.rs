//! DRY, against its definition read literally.

use std::collections::BTreeMap;

use proptest::prelude::*;
use stream_core::{Dry, TokenId};
use stream_runtime::sample::{SequenceBreakers, dry_penalties};

/// Every earlier place, every length, one comparison after the other.
fn naive(dry: &Dry, tokens: &[TokenId], breaks: &[bool]) -> Vec<(TokenId, f32)> {
    let from = tokens.len()
        - dry
            .range
            .map_or(tokens.len(), |range| range.min(tokens.len()));
    let (tokens, breaks) = (&tokens[from..], &breaks[from..]);
    let n = tokens.len();
    let mut longest = BTreeMap::new();
    for next in 1..n {
        // The occurrence ends before `next`, the sequence ends at `n`.
        let same = |m: &usize| tokens[next - m] == tokens[n - m] && !breaks[n - m];
        let length = (1..=next).take_while(same).count();
        if length >= dry.allowed_length && !breaks[next] {
            let best: &mut usize = longest.entry(tokens[next]).or_default();
            *best = length.max(*best);
        }
    }
    let penalty = |m: usize| dry.multiplier * dry.base.powi((m - dry.allowed_length) as i32);
    longest
        .into_iter()
        .map(|(id, m)| (id, penalty(m)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn linear_time_and_naive_agree(
        tokens in prop::collection::vec(0..4_u32, 0..60),
        broken in prop::collection::vec(prop::bool::weighted(0.1), 60),
        range in prop::option::of(1..70_usize),
        allowed_length in 1..6_usize,
        base in 1.0..3.0_f32,
    ) {
        let dry = Dry { base, allowed_length, range, ..Dry::default() };
        let breaks = &broken[..tokens.len()];
        let (found, expected) = (dry_penalties(&dry, &tokens, breaks), naive(&dry, &tokens, breaks));
        prop_assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(&expected) {
            prop_assert!(a.0 == b.0 && (a.1 - b.1).abs() <= 1e-4 * b.1, "{:?} is not {:?}", a, b);
        }
    }

    /// However the text is split, a token breaks if a breaker ends in it.
    #[test]
    fn breakers_are_found_over_the_edges_of_tokens(
        text in "[ab]{1,40}",
        cuts in prop::collection::vec(1..5_usize, 40),
        breakers in prop::collection::vec("[ab]{1,4}", 0..4),
    ) {
        let dry = Dry { sequence_breakers: breakers.clone(), ..Dry::default() };
        let mut found = SequenceBreakers::new(&dry);
        let mut start = 0;
        for cut in cuts {
            let end = text.len().min(start + cut);
            if start == end {
                break;
            }
            let ends_inside = |at: usize| breakers.iter().any(|b| text[..at].ends_with(b.as_str()));
            let expected = (start + 1..=end).any(ends_inside);
            prop_assert_eq!(found.push(&text.as_bytes()[start..end]), expected);
            start = end;
        }
    }
}

#[test]
fn a_worked_example() {
    let dry = Dry {
        multiplier: 0.8,
        base: 2.0,
        allowed_length: 2,
        ..Dry::default()
    };
    // 1 2 3 was followed by 4; 2 3 alone by 5; the end is 1 2 3.
    let tokens = [1, 2, 3, 4, 2, 3, 5, 1, 2, 3];
    let plain = [false; 10];
    assert_eq!(dry_penalties(&dry, &tokens, &plain), [(4, 1.6), (5, 0.8)]);
    let mut broken = plain;
    broken[8] = true;
    assert_eq!(
        dry_penalties(&dry, &tokens, &broken),
        [],
        "the end is cut short"
    );
    broken = plain;
    broken[3] = true;
    assert_eq!(
        dry_penalties(&dry, &tokens, &broken),
        [(5, 0.8)],
        "4 breaks by itself"
    );
    let short = Dry {
        range: Some(6),
        ..dry
    };
    assert_eq!(dry_penalties(&short, &tokens, &plain), [(5, 0.8)]);
}

#[test]
fn a_long_repetition_stays_a_number() {
    let dry = Dry {
        base: 10.0,
        multiplier: 100.0,
        ..Dry::default()
    };
    let tokens = vec![7; 3000];
    assert_eq!(
        dry_penalties(&dry, &tokens, &[false; 3000]),
        [(7, f32::MAX)]
    );
    assert_eq!(dry_penalties(&dry, &[], &[]), []);
    assert_eq!(dry_penalties(&dry, &[7], &[false]), []);
}

#[test]
fn a_token_without_bytes_breaks() {
    let mut breakers = SequenceBreakers::new(&Dry::default());
    let breaks = [&b"a"[..], b"", b"b\n", b"c", b"x: y", "é".as_bytes()].map(|b| breakers.push(b));
    assert_eq!(breaks, [false, true, true, false, true, false]);
}
