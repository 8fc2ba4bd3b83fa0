//! What a backend can do.

use crate::{InvalidRequest, Prompt, Rejection, Request, Sampling};

/// Who does what a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Support {
    /// The engine itself.
    Native,
    /// The shared code around the engine.
    Core,
    /// Nobody: a request that asks for it is rejected.
    Unsupported,
}

/// What a backend can do, by the parameter that asks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Conversations, rendered by the model's chat template.
    pub chat: Support,
    /// Conversations in JSON, with tools and their calls.
    pub tools: Support,
    /// Prompts of token ids.
    pub token_prompts: Support,
    /// Temperature, top-k, top-p and min-p.
    pub sampling: Support,
    /// Typical-p.
    pub typical_p: Support,
    /// Top-n-sigma.
    pub top_n_sigma: Support,
    /// Epsilon and eta cutoff.
    pub cutoffs: Support,
    /// Repetition, presence and frequency penalties.
    pub penalties: Support,
    /// DRY.
    pub dry: Support,
    /// XTC.
    pub xtc: Support,
    /// Mirostat 2.0.
    pub mirostat: Support,
    /// Logit bias.
    pub logit_bias: Support,
    /// Bad words and bad token sequences.
    pub bad_words: Support,
    /// An order of the sampler's stages that the request sets.
    pub sampler_order: Support,
    /// Repeatable draws.
    pub seed: Support,
    /// Stop strings.
    pub stop_strings: Support,
    /// Stop ids, and going on after the model's own end tokens.
    pub stop_ids: Support,
    /// A least number of tokens.
    pub min_tokens: Support,
    /// Log-probabilities of the answer's tokens.
    pub logprobs: Support,
    /// Log-probabilities of the prompt's tokens.
    pub prompt_logprobs: Support,
    /// Text that begins with the prompt's.
    pub echo: Support,
    /// Answers that match a grammar: JSON Schema at least. Another form that is lacking is refused
    /// by its [kind](crate::Grammar::kind).
    pub structured_output: Support,
    /// Records carry their token's id.
    pub token_ids: Support,
    /// Whether a request's greedy ids are the same alone and in any batch.
    pub batch_invariant: bool,
}

/// Whether a request asks for something, by which name, and who does it.
type Asked = (bool, &'static str, Support);

impl Capabilities {
    /// Everything, done by the shared code: what an engine in the shared loop has.
    pub const fn core() -> Self {
        Self::all(Support::Core)
    }

    /// Everything, done by the same hand.
    pub const fn all(by: Support) -> Self {
        Self {
            chat: by,
            tools: by,
            token_prompts: by,
            sampling: by,
            typical_p: by,
            top_n_sigma: by,
            cutoffs: by,
            penalties: by,
            dry: by,
            xtc: by,
            mirostat: by,
            logit_bias: by,
            bad_words: by,
            sampler_order: by,
            seed: by,
            stop_strings: by,
            stop_ids: by,
            min_tokens: by,
            logprobs: by,
            prompt_logprobs: by,
            echo: by,
            structured_output: by,
            token_ids: by,
            batch_invariant: true,
        }
    }

    /// Whether the request asks for one answer, and everything in it can be honoured.
    ///
    /// # Errors
    /// [`Rejection::Invalid`] if it asks for several answers, which are a request each;
    /// [`Rejection::Unsupported`] with the first parameter that cannot be honoured.
    pub fn check(&self, request: &Request, backend: &str) -> Result<(), Rejection> {
        if request.n() > 1 {
            let allowed = "1 for a single stream: `generate_choices` makes a stream for each";
            return Err(InvalidRequest::new("n", request.n(), allowed).into());
        }
        let asked = [
            self.of_request(request),
            self.of_sampling(request.sampling()),
        ];
        let mut refused = asked.into_iter().flatten();
        match refused.find(|(asked, _, by)| *asked && *by == Support::Unsupported) {
            None => Ok(()),
            Some((_, parameter, _)) => Err(Rejection::Unsupported {
                parameter,
                backend: backend.to_owned(),
            }),
        }
    }

    fn of_request(&self, request: &Request) -> Vec<Asked> {
        let (prompt, stop) = (request.prompt(), request.stop());
        let chat = matches!(prompt, Prompt::Chat(_));
        let tools = matches!(prompt, Prompt::Conversation(_));
        let ids = matches!(prompt, Prompt::Tokens(_));
        let stop_ids = !stop.ids().is_empty() || stop.ignore_eos();
        let (logprobs, of_prompt) = (request.logprobs(), request.prompt_logprobs());
        vec![
            (chat, "messages", self.chat),
            (tools, "tools", self.tools),
            (ids, "prompt token ids", self.token_prompts),
            (!stop.strings().is_empty(), "stop", self.stop_strings),
            (stop_ids, "stop_token_ids, ignore_eos", self.stop_ids),
            (stop.min_tokens() > 0, "min_tokens", self.min_tokens),
            (logprobs.is_some(), "logprobs", self.logprobs),
            (of_prompt.is_some(), "prompt_logprobs", self.prompt_logprobs),
            (request.echo(), "echo", self.echo),
            (
                request.grammar().is_some(),
                "grammar",
                self.structured_output,
            ),
        ]
    }

    fn of_sampling(&self, s: &Sampling) -> Vec<Asked> {
        let shaped =
            s.temperature() != 1.0 || s.top_k().is_some() || s.top_p() < 1.0 || s.min_p() > 0.0;
        let cutoffs = s.epsilon_cutoff() > 0.0 || s.eta_cutoff() > 0.0;
        let bad = !s.bad_words().is_empty() || !s.bad_token_sequences().is_empty();
        vec![
            (shaped, "temperature, top_k, top_p, min_p", self.sampling),
            (s.typical_p() < 1.0, "typical_p", self.typical_p),
            (s.top_n_sigma() > 0.0, "top_n_sigma", self.top_n_sigma),
            (cutoffs, "epsilon_cutoff, eta_cutoff", self.cutoffs),
            (s.has_penalties(), "penalties", self.penalties),
            (s.dry().is_some(), "dry", self.dry),
            (s.xtc().is_some(), "xtc", self.xtc),
            (s.mirostat().is_some(), "mirostat", self.mirostat),
            (!s.logit_bias().is_empty(), "logit_bias", self.logit_bias),
            (bad, "bad_words", self.bad_words),
            (s.has_own_order(), "sampler_order", self.sampler_order),
            (s.seed().is_some(), "seed", self.seed),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Conversation, Dry, Grammar, Message, Mirostat, RequestBuilder, SamplerStage,
        SamplingBuilder, Stop, Xtc,
    };

    fn sampled(set: impl FnOnce(SamplingBuilder) -> SamplingBuilder) -> RequestBuilder {
        Request::raw("x").sampling(set(Sampling::builder()).build().unwrap())
    }

    fn stopped(stop: crate::StopBuilder) -> RequestBuilder {
        Request::raw("x").stop(stop.build().unwrap())
    }

    #[test]
    fn every_parameter_is_refused_by_its_name() {
        let stop = Stop::builder;
        let cases = [
            ("messages", Request::chat([Message::user("x")])),
            ("tools", Request::conversation(Conversation::new("[{}]"))),
            ("prompt token ids", Request::tokens([1])),
            (
                "temperature, top_k, top_p, min_p",
                sampled(|s| s.min_p(0.1)),
            ),
            ("typical_p", sampled(|s| s.typical_p(0.9))),
            ("top_n_sigma", sampled(|s| s.top_n_sigma(1.0))),
            ("epsilon_cutoff, eta_cutoff", sampled(|s| s.eta_cutoff(0.1))),
            ("penalties", sampled(|s| s.presence_penalty(0.1))),
            ("dry", sampled(|s| s.dry(Dry::default()))),
            ("xtc", sampled(|s| s.xtc(Xtc::default()))),
            ("mirostat", sampled(|s| s.mirostat(Mirostat::default()))),
            ("logit_bias", sampled(|s| s.logit_bias(1, 1.0))),
            ("bad_words", sampled(|s| s.bad_word("x"))),
            ("bad_words", sampled(|s| s.bad_token_sequence([1]))),
            (
                "sampler_order",
                sampled(|s| s.sampler_order([SamplerStage::TopK])),
            ),
            ("seed", sampled(|s| s.seed(1))),
            ("stop", stopped(stop().string("x"))),
            ("stop_token_ids, ignore_eos", stopped(stop().id(1))),
            ("min_tokens", stopped(stop().min_tokens(1))),
            ("logprobs", Request::raw("x").logprobs(0)),
            ("prompt_logprobs", Request::raw("x").prompt_logprobs(0)),
            ("echo", Request::raw("x").echo()),
            ("grammar", Request::raw("x").grammar(Grammar::JsonObject)),
        ];
        let (none, all) = (Support::Unsupported, Capabilities::core());
        for (name, request) in cases {
            let request = request.build().unwrap();
            let refused = Capabilities::all(none).check(&request, "b").unwrap_err();
            let expected = format!("the backend `b` does not support `{name}`");
            assert_eq!(refused.to_string(), expected);
            assert_eq!(all.check(&request, "b"), Ok(()));
        }
        let plain = Request::raw("x").build().unwrap();
        assert_eq!(Capabilities::all(none).check(&plain, "b"), Ok(()));
    }

    #[test]
    fn several_answers_are_not_one_stream() {
        let request = Request::raw("x").n(2).build().unwrap();
        let refused = Capabilities::core().check(&request, "b").unwrap_err();
        let expected = "n is 2, but must be 1 for a single stream: `generate_choices` makes a \
                        stream for each";
        assert_eq!(refused.to_string(), expected);
    }
}
