//! What a server of OpenAI's API costs: tokens for each second of its processors' time, and memory
//! for each stream.
//!
//! ```text
//! cargo bench -p stream-benches --bench server [-- --streams 1,64,1000 --tokens 250 --rounds 5]
//! cargo bench -p stream-benches --bench server -- --url http://127.0.0.1:8123 --pid 4711 …
//! ```
//!
//! Without `--url` it is our own server, in a process of its own, around a model that costs nothing:
//! 50 tokens a second for every stream, as an engine with continuous batching makes them, or with
//! `--pace-ms 0` as many as the server can write. Another server is named by its address and its
//! process; what its children do counts too. Then the model's work is in the figures, so that the
//! smallest model says most about the server.
//!
//! All streams begin at once, and each must end with all its tokens. Processor time and resident
//! memory are as the system tells them of the process and its descendants; the readers are in
//! another process. Memory for each stream is the most that was resident in the first round, less
//! what was before it.

mod ours;
mod process;
mod streams;

use std::error::Error;

use stream_benches::{Series, argument, load_average, rounds, table};
use tokio::runtime::Runtime;

use process::Family;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const STREAMS: &str = "1,64,1000";
const TOKENS: usize = 250;
const ROUNDS: usize = 3;
const KIB: f64 = 1024.0;

/// A server that is there.
struct Server {
    name: String,
    url: String,
    process: u32,
    /// It ends with this.
    _child: Option<ours::Child>,
}

fn main() -> Result<()> {
    if let Some(streams) = argument(ours::SERVE) {
        return ours::serve(streams.parse()?);
    }
    let tokens = argument("--tokens").map_or(Ok(TOKENS), |n| n.parse())?;
    let list = argument("--streams").unwrap_or(STREAMS.to_owned());
    let before = load_average();
    let mut rows = Vec::new();
    for streams in list.split(',') {
        rows.push(row(&server(streams)?, streams.parse()?, tokens)?);
    }
    let after = load_average();
    println!("load before and after: {before:.2?} and {after:.2?}\n");
    let header = [
        "server",
        "streams",
        "tokens a round",
        "tokens a second",
        "tokens a CPU-second",
        "KiB a stream",
        "MiB before",
    ];
    println!("{}", table(&header, &rows));
    Ok(())
}

/// The server that is named, or a new one of our own.
fn server(streams: &str) -> Result<Server> {
    let Some(url) = argument("--url") else {
        return ours::start(streams);
    };
    let process = argument("--pid").ok_or("--url needs --pid, the server's process")?;
    Ok(Server {
        name: argument("--name").unwrap_or(url.clone()),
        url,
        process: process.parse()?,
        _child: None,
    })
}

fn row(server: &Server, streams: usize, tokens: usize) -> Result<Vec<String>> {
    let runtime = Runtime::new()?;
    let readers = streams::Readers::connect(&server.url, streams)?;
    runtime.block_on(readers.read(1, tokens))?;
    let mut family = Family::of(server.process)?;
    let idle = family.look().memory;
    let (mut rate, mut per_cpu, mut memory) = (Series::default(), Series::default(), None);
    for _ in 0..rounds(ROUNDS)? {
        let (seconds, cost) = family.during(|| runtime.block_on(readers.read(streams, tokens)))?;
        let made = (streams * tokens) as f64;
        rate.push(made / seconds);
        per_cpu.push(made / cost.processor_seconds);
        memory.get_or_insert(cost.memory.saturating_sub(idle) as f64 / streams as f64 / KIB);
    }
    Ok(vec![
        server.name.clone(),
        streams.to_string(),
        (streams * tokens).to_string(),
        rate.summary(0),
        per_cpu.summary(0),
        memory.map_or(String::new(), |kib| format!("{kib:.0}")),
        format!("{:.0}", idle as f64 / KIB / KIB),
    ])
}
