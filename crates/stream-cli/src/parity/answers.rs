//! What one engine says.

use std::collections::HashMap;

use futures::executor::block_on;
use stream_engine::EngineError;
use stream_engine::core::{
    Backend, BackendExt, Completion, Request, RequestBuilder, TokenId, TokenLogprobs,
};

use crate::failure::Failure;

/// The most probable tokens that are told at each position.
const TOP: usize = 20;

/// What one engine says to all prompts.
pub(super) struct Answers {
    pub(super) engine: String,
    pub(super) device: String,
    /// The most probable answers.
    pub(super) greedy: Vec<Vec<TokenId>>,
    /// The texts whose tokens were scored: prompts with the first engine's answers.
    pub(super) texts: Vec<Vec<TokenId>>,
    /// What it finds probable at each position of all texts.
    pub(super) positions: Vec<Position>,
}

/// What an engine finds probable at a position.
pub(super) struct Position {
    /// The most probable token, where the engine tells ids.
    pub(super) best: Option<TokenId>,
    /// Log-probabilities of the token that stands there and of the most probable ones.
    pub(super) logprobs: HashMap<TokenId, f64>,
}

impl Answers {
    /// Asks an engine. `texts` are those of the engine before; the first one's are its own answers.
    pub(super) fn of(
        backend: &dyn Backend,
        prompts: &[Vec<TokenId>],
        texts: Option<&[Vec<TokenId>]>,
        max_tokens: usize,
    ) -> Result<Self, Failure> {
        let greedy = prompts.iter().map(|prompt| {
            let request = Request::tokens(prompt.clone())
                .greedy()
                .max_tokens(max_tokens);
            Ok(complete(backend, request)?.ids)
        });
        let greedy = greedy.collect::<Result<Vec<_>, Failure>>()?;
        let own = || {
            prompts
                .iter()
                .zip(&greedy)
                .map(|(prompt, answer)| [&prompt[..], answer].concat())
        };
        let texts = texts.map_or_else(|| own().collect(), <[_]>::to_vec);
        let mut positions = Vec::new();
        for text in &texts {
            let request = Request::tokens(text.clone()).greedy().max_tokens(1);
            let scored = complete(backend, request.prompt_logprobs(TOP))?;
            positions.extend(
                scored
                    .prompt_logprobs
                    .unwrap_or_default()
                    .iter()
                    .map(Position::new),
            );
        }
        let info = backend.info();
        Ok(Self {
            engine: info.name.clone(),
            device: info.device.clone(),
            greedy,
            texts,
            positions,
        })
    }
}

fn complete(backend: &dyn Backend, request: RequestBuilder) -> Result<Completion, Failure> {
    let request = request.build().map_err(EngineError::from)?;
    let completion = block_on(backend.complete(request));
    completion.map_err(|error| EngineError::from(error).into())
}

impl Position {
    fn new(scored: &TokenLogprobs) -> Self {
        let told = scored.top.iter().chain([&scored.token]);
        let pairs = told.filter_map(|token| Some((token.id?, f64::from(token.logprob))));
        Self {
            best: scored.top.first().and_then(|best| best.id),
            logprobs: pairs.collect(),
        }
    }
}
