//! The laws against a real server of another make, where one is named.
//!
//! `STREAM_ENGINE_REMOTE=http://127.0.0.1:8000 cargo nextest run -p backend-vllm -E
//! 'test(a_real_server)' --no-capture` runs them; a vLLM (`vllm serve MODEL`) or llama.cpp's server
//! (`llama-server -m MODEL.gguf`) will do. Without the variable the test says so and is done.

use backend_vllm::{Vllm, VllmConfig};
use futures::executor::block_on;
use stream_core::Backend;
use stream_testkit::{Ground, Kept, Verdict, keeps, laws};

const VARIABLE: &str = "STREAM_ENGINE_REMOTE";

/// What the server decides and no client can mend: vLLM holds back as many characters as its longest
/// stop string has, whatever they are.
const OF_THE_SERVER: [&str; 1] = ["text_is_held_no_longer_than_needed"];

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
    eprintln!("{:?}", connect().info());
    let verdicts = verdicts(connect, &Ground::default());
    let broken = verdicts
        .iter()
        .filter(|(law, verdict)| is_broken(law, verdict));
    assert_eq!(broken.count(), 0);
}

/// Tells what became of a law.
fn is_broken(law: &str, verdict: &Verdict) -> bool {
    let excused = OF_THE_SERVER.contains(&law);
    match verdict {
        Ok(Kept::Checked) => eprintln!("{law}: kept"),
        Ok(Kept::Skipped(why)) => eprintln!("{law}: does not apply, {why}"),
        Err(broken) if excused => eprintln!("{law}: not kept by the server, {broken}"),
        Err(broken) => eprintln!("{law}: BROKEN, {broken}"),
    }
    verdict.is_err() && !excused
}
