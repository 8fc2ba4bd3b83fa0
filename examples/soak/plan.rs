//! What a client does.

use std::time::Duration;

use stream_core::{Deadlines, InvalidRequest, Request, Sampling, SlowReader, Stop};

/// A request, and how its stream is read.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) request: Request,
    /// The request is to be turned down.
    pub(crate) invalid: bool,
    /// After so many records…
    pub(crate) after: usize,
    /// …this happens, and then it is read to its end.
    pub(crate) then: Then,
}

/// What happens in the middle of reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    ReadOn,
    /// The request is cancelled.
    Abort,
    /// The stream is dropped.
    Leave,
    /// Nothing is read for so long.
    Stall(Duration),
}

/// Numbers without a pattern (SplitMix64, Steele, Lea and Flood 2014).
#[derive(Debug)]
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % sides
    }

    fn milliseconds(&mut self, most: u64) -> Duration {
        Duration::from_millis(1 + self.throw(most))
    }
}

impl Plan {
    /// The next thing that a client does.
    pub(crate) fn next(dice: &mut Dice) -> Result<Self, InvalidRequest> {
        const PROMPTS: [&str; 4] = ["the sea ", "the sea and the ", "rain over the hill ", "a "];
        let prompt = PROMPTS[dice.throw(4) as usize];
        let sampling = Sampling::builder().seed(dice.throw(1000)).build()?;
        let request = Request::raw(prompt)
            .max_tokens(4 + dice.throw(44) as usize)
            .sampling(sampling);
        let mut plan = Self {
            request: request.clone().build()?,
            invalid: false,
            after: dice.throw(12) as usize,
            then: Then::ReadOn,
        };
        match dice.throw(10) {
            0 => plan.then = Then::Abort,
            1 => plan.then = Then::Leave,
            2..=4 => {
                plan.then = Then::Stall(dice.milliseconds(100));
                plan.request = request.buffer(2).slow_reader(policy(dice)).build()?;
            }
            5 => {
                // A fast model needs a slow reader to be late.
                plan.then = Then::Stall(dice.milliseconds(100));
                let slow = request.buffer(1).slow_reader(SlowReader::Pause);
                plan.request = slow.deadlines(deadlines(dice)).build()?;
            }
            6 => {
                plan.invalid = true;
                plan.request = Request::raw("x".repeat(100_000)).build()?;
            }
            7 => {
                let stop = Stop::builder().string("e").string(". ").build()?;
                plan.request = request.stop(stop).build()?;
            }
            _ => {}
        }
        Ok(plan)
    }
}

fn policy(dice: &mut Dice) -> SlowReader {
    match dice.throw(3) {
        0 => SlowReader::Coalesce,
        1 => SlowReader::Pause,
        _ => SlowReader::Abort {
            after: dice.milliseconds(40),
        },
    }
}

fn deadlines(dice: &mut Dice) -> Deadlines {
    let limit = Some(dice.milliseconds(60));
    let none = Deadlines::default();
    match dice.throw(4) {
        0 => Deadlines {
            queue: limit,
            ..none
        },
        1 => Deadlines {
            first_token: limit,
            ..none
        },
        2 => Deadlines {
            between_tokens: limit,
            ..none
        },
        _ => Deadlines {
            total: limit,
            ..none
        },
    }
}
