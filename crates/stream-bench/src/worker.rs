//! A backend as a contender in a process of its own.

use std::io::{self, BufRead, Write};

use stream_core::Backend;

use crate::drive::{can, drive};
use crate::protocol::{Command, Event, Ready};

/// Says that the backend is ready, and answers rounds until `input` ends.
///
/// # Errors
/// If `input` cannot be read, holds a line that is no [`Command`], or `output` cannot be written.
pub fn serve(
    backend: &dyn Backend,
    version: &str,
    input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    let mut ready = describe(backend);
    ready.version = Some(version.to_owned());
    say(&mut output, &Event::Ready(ready))?;
    for line in input.lines() {
        let Command::Round(round) = serde_json::from_str(&line?)?;
        let mut written = Ok(());
        let outcome = drive(backend, &round, &mut |ended| {
            let said = say(&mut output, &Event::Done(ended));
            written = std::mem::replace(&mut written, Ok(())).and(said);
        });
        written?;
        say(&mut output, &Event::Round(outcome))?;
    }
    Ok(())
}

/// Says that there is no backend, and why.
///
/// # Errors
/// If `output` cannot be written.
pub fn refuse(reason: &str, mut output: impl Write) -> io::Result<()> {
    say(&mut output, &Event::Failed(reason.to_owned()))
}

/// What a backend tells of itself.
pub(crate) fn describe(backend: &dyn Backend) -> Ready {
    let info = backend.info();
    Ready {
        backend: info.name.clone(),
        version: None,
        model: info.model.clone(),
        device: info.device.clone(),
        context_length: info.limits.context_length,
        token_prompts: can(info.capabilities.token_prompts),
        exact_length: can(info.capabilities.stop_ids),
    }
}

fn say(output: &mut impl Write, event: &Event) -> io::Result<()> {
    let mut line = serde_json::to_string(event)?;
    line.push('\n');
    output.write_all(line.as_bytes())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Ask, Input, Outcome, Round};
    use stream_core::Mock;

    fn answer(input: &str) -> io::Result<Vec<Event>> {
        let mock = Mock::new(["a", "b", "c"]).with_prompt_tokens(7);
        let mut output = Vec::new();
        serve(&mock, "1.0", input.as_bytes(), &mut output)?;
        let lines = std::str::from_utf8(&output).unwrap().lines();
        Ok(lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect())
    }

    fn round(max_tokens: &[usize]) -> String {
        let ask = |&max_tokens| Ask {
            arrival_s: 0.0,
            prompt: Input::Tokens(vec![1]),
            max_tokens,
        };
        let round = Round {
            concurrency: Some(1),
            timeout_s: 60.0,
            requests: max_tokens.iter().map(ask).collect(),
        };
        serde_json::to_string(&Command::Round(round)).unwrap() + "\n"
    }

    #[test]
    fn each_round_is_answered_with_its_records_in_order() {
        let events = answer(&(round(&[1, 3]) + &round(&[2]))).unwrap();
        assert!(matches!(&events[0], Event::Ready(ready) if ready.backend == "mock"));
        let counts: Vec<_> = events.iter().filter_map(tokens).collect();
        assert_eq!(counts, [vec![1, 3], vec![2]]);
        let done = |event: &&Event| matches!(event, Event::Done(_));
        assert_eq!(events.iter().filter(done).count(), 3);
    }

    fn tokens(event: &Event) -> Option<Vec<usize>> {
        let Event::Round(Outcome { requests, .. }) = event else {
            return None;
        };
        assert!(requests.iter().all(|r| r.prompt_tokens == 7));
        Some(requests.iter().map(|r| r.tokens_s.len()).collect())
    }

    #[test]
    fn a_line_that_is_no_command_ends_the_worker() {
        let error = answer("walk\n").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
