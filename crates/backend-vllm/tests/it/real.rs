//! The laws against a real server of another make, where one is named.
//!
//! `STREAM_ENGINE_REMOTE=http://127.0.0.1:8000 cargo nextest run -p backend-vllm -E
//! 'test(a_real_server)' --no-capture` runs them; a vLLM (`vllm serve MODEL`) or llama.cpp's server
//! (`llama-server -m MODEL.gguf`) will do, and `cargo xtask peers serve` starts one of either make.
//! Without the variable the test says so and is done.

use backend_vllm::{Vllm, VllmConfig};
use futures::executor::block_on;
use stream_core::{Backend, Support};
use stream_testkit::{Ground, Kept, Verdict, keeps, laws};

const VARIABLE: &str = "STREAM_ENGINE_REMOTE";

/// What servers decide and no client can mend. vLLM holds back as many characters as its longest
/// stop string has, whatever they are. llama-server says `stop` of a stop string and of the model's
/// own end alike, and loses what it holds back when an answer reaches its greatest length.
const OF_THE_SERVER: [&str; 3] = [
    "text_is_held_no_longer_than_needed",
    "a_stop_string_never_leaks",
    "a_false_start_is_released",
];

/// Laws that need an answer which goes on: a server that does not say that it knows `ignore_eos`,
/// as llama-server, lets a model end before there is anything to see.
const OF_LONG_ANSWERS: [&str; 5] = [
    "a_cancelled_stream_ends_at_once",
    "a_stream_dropped_while_text_is_held_frees_its_place",
    "a_cancel_after_the_end_touches_nothing",
    "a_reader_that_stalls_too_long_is_ended",
    "a_deadline_ends_its_stream",
];

macro_rules! function_of_laws {
    ([$($law:ident)*] $name:ident) => {
        /// What becomes of each law. Each has a connection of its own: streams that one has dropped
        /// take the next one's places for a moment.
        fn $name(connect: impl Fn() -> Vllm, ground: &Ground) -> Vec<(&'static str, Verdict)> {
            vec![$((stringify!($law), block_on(keeps(&connect(), ground, laws::$law))),)*]
        }
    };
}

stream_testkit::for_each_law!(function_of_laws, verdicts);

#[test]
fn a_real_server_keeps_the_laws() {
    let Ok(url) = std::env::var(VARIABLE) else {
        eprintln!("{VARIABLE} names no server: nothing was checked");
        return;
    };
    let config = VllmConfig::new(url.parse().expect("an address")).concurrent(8);
    let connect = || Vllm::connect(config.clone()).expect("a server that answers");
    let info = connect().info().clone();
    eprintln!("{info:?}");
    // It stands for `ignore_eos` too.
    let long = info.capabilities.stop_ids != Support::Unsupported;
    let excused =
        |law: &str| OF_THE_SERVER.contains(&law) || !long && OF_LONG_ANSWERS.contains(&law);
    let verdicts = verdicts(connect, &Ground::default());
    let broken = verdicts
        .iter()
        .filter(|(law, verdict)| is_broken(law, verdict, excused(law)));
    assert_eq!(broken.count(), 0);
}

/// Tells what became of a law.
fn is_broken(law: &str, verdict: &Verdict, excused: bool) -> bool {
    match verdict {
        Ok(Kept::Checked) => eprintln!("{law}: kept"),
        Ok(Kept::Skipped(why)) => eprintln!("{law}: does not apply, {why}"),
        Err(broken) if excused => eprintln!("{law}: not kept by the server, {broken}"),
        Err(broken) => eprintln!("{law}: BROKEN, {broken}"),
    }
    verdict.is_err() && !excused
}
