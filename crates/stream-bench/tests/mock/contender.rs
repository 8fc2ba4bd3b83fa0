//! A contender without a model: `mock-contender DELAY_MS [broken | silent | chatty]`.

use std::io::{self, BufReader};
use std::time::Duration;

use stream_bench::worker;
use stream_core::Mock;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let delay = arguments.next().and_then(|text| text.parse().ok());
    match arguments.next().as_deref() {
        Some("broken") => return worker::refuse("it has no model", io::stdout()),
        Some("silent") => return Ok(()),
        Some("chatty") => println!("hello"),
        _ => {}
    }
    let mock = Mock::new(vec!["x"; 64])
        .with_delay(Duration::from_millis(delay.unwrap_or(0)))
        .with_prompt_tokens(16);
    worker::serve(&mock, "1.0", BufReader::new(io::stdin()), io::stdout())
}
