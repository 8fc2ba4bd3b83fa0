//! What the bench and the process of a contender say to each other: one JSON object a line.
//!
//! The contender loads its model and writes `{"ready": {…}}`, or `{"failed": "why"}`. Then, for
//! each `{"round": {…}}` that it reads, it writes `{"done": 3}` as requests come to their end, and
//! at last `{"round": {…}}` with what happened. It ends where its input ends. A program in any
//! language that does so can be measured.

use serde::{Deserialize, Serialize};
use stream_core::TokenId;

/// What the bench says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Answer these requests.
    Round(Round),
}

/// What a contender says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The model is loaded; rounds can begin.
    Ready(Ready),
    /// It cannot take part, and why.
    Failed(String),
    /// So many requests of the round have come to their end.
    Done(usize),
    /// The round is over.
    Round(Outcome),
}

/// What a contender is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// The engine's name.
    pub backend: String,
    /// The engine's version, where it tells.
    #[serde(default)]
    pub version: Option<String>,
    /// The model that it has loaded.
    pub model: String,
    /// The device that does the work, in the engine's own words.
    pub device: String,
    /// Tokens of prompt and answer together, where it tells.
    #[serde(default)]
    pub context_length: Option<usize>,
    /// It takes prompts of token ids; else it gets text.
    pub token_prompts: bool,
    /// It goes on after the model's end token if asked to, so that answers have the length asked
    /// for.
    pub exact_length: bool,
}

/// Requests that belong together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// The most requests that are under way at once; without it, each is sent when it is due.
    pub concurrency: Option<usize>,
    /// Seconds after which a request has failed.
    pub timeout_s: f64,
    /// The requests, in the order in which they are due.
    pub requests: Vec<Ask>,
}

/// A request: greedy, and going on after the model's end token where the contender can.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// When it is due, in seconds from the start of the round.
    pub arrival_s: f64,
    /// What the model is asked.
    pub prompt: Input,
    /// The tokens of the answer.
    pub max_tokens: usize,
}

/// A prompt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// Token ids, given to the model unchanged.
    Tokens(Vec<TokenId>),
    /// Text to be continued, without a chat template.
    Text(String),
}

/// What happened in a round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Seconds from the start of the round to the end of its last request.
    pub duration_s: f64,
    /// What became of each request, in their order.
    pub requests: Vec<Record>,
}

/// What became of a request. All times are in seconds from the start of the round, as the reader
/// of the stream saw them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Record {
    /// It was due.
    pub arrival_s: f64,
    /// It was handed to the engine.
    pub sent_s: f64,
    /// It entered a step of the model, where the engine tells.
    #[serde(default)]
    pub scheduled_s: Option<f64>,
    /// Each piece of the answer that brought tokens was read: one a token, unless the engine
    /// sends several at once.
    pub tokens_s: Vec<f64>,
    /// It had ended.
    pub ended_s: f64,
    /// Tokens of the prompt, as the engine counted them.
    pub prompt_tokens: usize,
    /// Tokens of the answer.
    pub output_tokens: usize,
    /// Why it failed, if it did.
    #[serde(default)]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn both_ways<T>(value: &T, line: &str)
    where
        T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug,
    {
        assert_eq!(serde_json::to_string(value).unwrap(), line);
        assert_eq!(serde_json::from_str::<T>(line).unwrap(), *value);
    }

    #[test]
    fn the_lines_are_as_programs_in_other_languages_write_them() {
        let ask = |prompt| Ask {
            arrival_s: 0.5,
            prompt,
            max_tokens: 2,
        };
        let round = Round {
            concurrency: Some(8),
            timeout_s: 60.0,
            requests: vec![
                ask(Input::Tokens(vec![1, 2])),
                ask(Input::Text("x".to_owned())),
            ],
        };
        both_ways(
            &Command::Round(round),
            "{\"round\":{\"concurrency\":8,\"timeout_s\":60.0,\"requests\":[\
             {\"arrival_s\":0.5,\"prompt\":{\"tokens\":[1,2]},\"max_tokens\":2},\
             {\"arrival_s\":0.5,\"prompt\":{\"text\":\"x\"},\"max_tokens\":2}]}}",
        );
        both_ways(&Event::Failed("why".to_owned()), "{\"failed\":\"why\"}");
        both_ways(&Event::Done(3), "{\"done\":3}");
    }

    #[test]
    fn what_a_contender_does_not_know_it_may_leave_out() {
        let line = "{\"ready\":{\"backend\":\"b\",\"model\":\"m\",\"device\":\"cpu\",\
                    \"token_prompts\":false,\"exact_length\":true}}";
        let Ok(Event::Ready(ready)) = serde_json::from_str(line) else {
            panic!("the line can be read");
        };
        assert_eq!((ready.version, ready.context_length), (None, None));
        let line = "{\"arrival_s\":0,\"sent_s\":0,\"tokens_s\":[1.5],\"ended_s\":2,\
                    \"prompt_tokens\":3,\"output_tokens\":1}";
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!((record.scheduled_s, record.error), (None, None));
    }
}
