//! What the tests share.

use std::time::Duration;

use stream_bench::workload::Source;
use stream_bench::{Goal, Lengths, Load, Plan, Vocabulary, Workload};
use stream_core::{Message, TokenId, TokenizeError, Tokenizer};

/// A vocabulary of a few words.
struct Words;

impl Tokenizer for Words {
    fn encode(&self, text: &str) -> Result<Vec<TokenId>, TokenizeError> {
        Ok(text.split(' ').map(|_| 0).collect())
    }
    fn render_chat(&self, _: &[Message]) -> Result<String, TokenizeError> {
        Err(TokenizeError::new("no template"))
    }
    fn token_bytes(&self, id: TokenId) -> Option<&[u8]> {
        [&b" one"[..], b" two", b" three"].get(id as usize).copied()
    }
    fn vocabulary_size(&self) -> usize {
        3
    }
    fn end_ids(&self) -> &[TokenId] {
        &[]
    }
}

/// Prompts of 16 tokens, answers of 8.
pub(crate) fn workload() -> Workload {
    let source = Source::Synthetic {
        prompt: Lengths::fixed(16),
        shared_prefix: 0,
    };
    let vocabulary = Vocabulary::of(&Words).unwrap();
    Workload::new(vocabulary, source, Lengths::fixed(8), 1).unwrap()
}

/// Three rounds of four requests.
pub(crate) fn plan(loads: Vec<Load>) -> Plan {
    Plan {
        loads,
        rounds: 3,
        warm_up: 1,
        num_prompts: Some(4),
        timeout: Duration::from_secs(60),
        goal: Goal::default(),
    }
}
