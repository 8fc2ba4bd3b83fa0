//! Where the calling thread of a `phases` run spends its time, as a table: `perf script` in,
//! Markdown out. `docs/profile.md` has the commands.
//!
//! A sample belongs to the station of the decoder that its stack goes through, and within it to
//! the kind of work. The matrix products of one station are told apart by where they are called,
//! in the order of the program.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, stdin};

use stream_benches::table;

/// A part of a stack: a function, and where in it.
type Frame<'a> = (&'a str, u64);

/// Functions of the decoder, each with what it is for. The innermost that a stack goes through is
/// its station. The compiler puts some functions into their callers: attention stands in the
/// layer itself, and the head in the step.
const STATIONS: [(&str, &str); 11] = [
    ("Layer::project", "queries, keys and values"),
    ("Context>::place", "rotation"),
    ("Context>::store", "writing keys and values"),
    ("Layer::attend", "attention"),
    ("Layer::feed_forward", "feed-forward"),
    ("Layer::forward", "attention"),
    ("Decoder::logits", "head"),
    ("Decoder::embed", "embedding"),
    ("Context>::turn", "rotation"),
    ("sample::", "sampling"),
    (STEP, "head"),
];

/// What all of a step lies under.
const STEP: &str = "CandleModel as stream_runtime::model::Model>::launch";

/// Kinds of work in a station, looked for from the inner end of a stack.
const KINDS: [(&str, &str); 6] = [
    ("product::multiply", PRODUCT),
    ("KBlocks", PRODUCT),
    ("Attention", "scores and values"),
    ("Partial", "scores and values"),
    ("Input::fill", NORM),
    ("InputRow", NORM),
];

const PRODUCT: &str = "matrix product";
const NORM: &str = "norm or gate, rounding to 8 bits";
const WAITING: &str = "handing out work, and waiting for the other thread";

/// Innermost frames that wait.
const WAITS: [&str; 6] = [
    "Shared::run",
    "Shared::close",
    "Shared::wake",
    "sched_yield",
    "futex",
    "unpark",
];

fn main() -> std::io::Result<()> {
    let mut text = String::new();
    stdin().read_to_string(&mut text)?;
    let stacks: Vec<_> = text.split("\n\n").filter_map(stack).collect();
    let sites = sites(&stacks);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for stack in &stacks {
        *counts.entry(group(stack, &sites)).or_default() += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let share = |count| 100.0 * count as f64 / stacks.len() as f64;
    let row = |(group, count)| vec![group, format!("{:.1}", share(count))];
    let rows: Vec<_> = rows.into_iter().map(row).collect();
    println!(
        "{} samples\n\n{}",
        stacks.len(),
        table(&["where", "%"], &rows)
    );
    Ok(())
}

/// The frames of a sample, innermost first, if it is one of the thread that calls the model.
fn stack(sample: &str) -> Option<Vec<Frame<'_>>> {
    let frames: Vec<_> = sample.lines().skip(1).filter_map(frame).collect();
    let steps = |(name, _): &Frame<'_>| name.contains(STEP);
    frames.iter().any(steps).then_some(frames)
}

/// `7f3a name::of::function+0x1f (file)`
fn frame(line: &str) -> Option<Frame<'_>> {
    let (_, rest) = line.trim().split_once(' ')?;
    let rest = rest.rsplit_once(" (").map_or(rest, |(rest, _)| rest);
    let (name, offset) = rest.rsplit_once("+0x").unwrap_or((rest, "0"));
    Some((name, u64::from_str_radix(offset, 16).unwrap_or(0)))
}

/// Where each station calls for a product: places in the station's function.
type Sites = BTreeMap<&'static str, BTreeSet<u64>>;

fn sites(stacks: &[Vec<Frame<'_>>]) -> Sites {
    let mut sites = Sites::new();
    for stack in stacks {
        if let Some((station, place)) = product(stack) {
            sites.entry(station).or_default().insert(place);
        }
    }
    sites
}

/// The station that a product was called from, and where in it.
fn product(stack: &[Frame<'_>]) -> Option<(&'static str, u64)> {
    let (at, station) = station(stack)?;
    let calls = stack[..at]
        .iter()
        .any(|(name, _)| name.ends_with("product::multiply"));
    calls.then_some((station, stack[at].1))
}

/// Where in a stack its station is, and what that is for.
fn station(stack: &[Frame<'_>]) -> Option<(usize, &'static str)> {
    let of = |name: &str| STATIONS.iter().find(|(part, _)| name.contains(part));
    let mut frames = stack.iter().enumerate();
    frames.find_map(|(at, (name, _))| Some((at, of(name)?.1)))
}

fn group(stack: &[Frame<'_>], sites: &Sites) -> String {
    let innermost = stack.first().map_or("", |(name, _)| *name);
    if WAITS.iter().any(|wait| innermost.contains(wait)) {
        return WAITING.to_owned();
    }
    let Some((at, station)) = station(stack) else {
        return "the rest".to_owned();
    };
    if let Some((station, place)) = product(stack) {
        let places = &sites[station];
        let number = places.range(..place).count() + 1;
        return match places.len() {
            1 => format!("{station}: {PRODUCT}"),
            _ => format!("{station}: {PRODUCT} {number}"),
        };
    }
    let kind = |(name, _): &Frame<'_>| KINDS.iter().find(|(part, _)| name.contains(part));
    match stack[..at].iter().find_map(kind) {
        Some((_, kind)) => format!("{station}: {kind}"),
        None => station.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "\
phases 7 1.0: cpu-clock:
\t1 a::product::multiply::{{closure}}+0x4 (p)
\t2 a::Shared::run+0x1 (p)
\t3 a::product::multiply+0x1 (p)
\t4 a::Layer::feed_forward+0x90 (p)
\t5 <a::CandleModel as stream_runtime::model::Model>::launch+0x1 (p)

phases 7 1.0: cpu-clock:
\t1 a::product::multiply::{{closure}}+0x8 (p)
\t3 a::product::multiply+0x1 (p)
\t4 a::Layer::feed_forward+0x20 (p)
\t5 <a::CandleModel as stream_runtime::model::Model>::launch+0x1 (p)

phases 7 1.0: cpu-clock:
\t1 a::Shared::run+0x70 (p)
\t3 a::product::multiply+0x1 (p)
\t4 a::Layer::feed_forward+0x20 (p)
\t5 <a::CandleModel as stream_runtime::model::Model>::launch+0x1 (p)

candle-1 8 1.0: cpu-clock:
\t1 a::product::multiply::{{closure}}+0x8 (p)
\t2 a::Shared::serve+0x1 (p)
";

    #[test]
    fn samples_are_told_apart() {
        let stacks: Vec<_> = SCRIPT.split("\n\n").filter_map(stack).collect();
        let sites = sites(&stacks);
        let groups: Vec<_> = stacks.iter().map(|stack| group(stack, &sites)).collect();
        let (first, second) = (
            "feed-forward: matrix product 1",
            "feed-forward: matrix product 2",
        );
        assert_eq!(groups, [second, first, WAITING]);
    }
}
