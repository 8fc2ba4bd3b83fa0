//! How an engine is set up, and what one call may change.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stream_checkpoint::SamplingDefaults;
use stream_core::{Grammar, InvalidRequest, Message, Request, RequestBuilder, Sampling, Stop};

use crate::{BackendKind, Batches, Device, Precision, Spinning};

/// Where neither a call, nor the configuration, nor the model's makers say anything.
const TEMPERATURE: f32 = 0.7;

/// Where the key for a remote engine stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RemoteKey {
    Variable(String),
    File(PathBuf),
}

/// What an engine runs and how it answers unless a call says otherwise.
///
/// ```
/// use stream_engine::StreamingConfig;
///
/// let config = StreamingConfig::default()
///     .model("models/SmolLM2-135M-Instruct.Q4_1.gguf")
///     .system_prompt("Answer in one sentence.")
///     .temperature(0.2)
///     .max_tokens(64);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct StreamingConfig {
    pub(crate) backend: Option<BackendKind>,
    /// As the user names it; see [`StreamingConfig::model`].
    pub(crate) model: Option<PathBuf>,
    pub(crate) urls: Vec<String>,
    pub(crate) key: Option<RemoteKey>,
    pub(crate) check_weights: bool,
    pub(crate) device: Option<Device>,
    pub(crate) threads: Option<usize>,
    pub(crate) kv_tokens: Option<usize>,
    pub(crate) precision: Option<Precision>,
    pub(crate) spinning: Option<Spinning>,
    pub(crate) batches: Option<Batches>,
    pub(crate) step_timeout: Option<Duration>,
    pub(crate) speculative_tokens: Option<usize>,
    pub(crate) prefix_cache: bool,
    pub(crate) system_prompt: Option<String>,
    pub(crate) temperature: Option<f32>,
    pub(crate) max_tokens: Option<usize>,
}

impl Default for StreamingConfig {
    /// The default model on the only backend that is compiled in, sampled as its makers recommend
    /// or else with a temperature of 0.7, and answers of at most 512 tokens.
    fn default() -> Self {
        Self {
            backend: None,
            model: None,
            urls: Vec::new(),
            key: None,
            check_weights: false,
            device: None,
            threads: None,
            kv_tokens: None,
            precision: None,
            spinning: None,
            batches: None,
            step_timeout: None,
            speculative_tokens: None,
            prefix_cache: true,
            system_prompt: None,
            temperature: None,
            max_tokens: Some(512),
        }
    }
}

impl StreamingConfig {
    /// The backend. Left out, it is candle, or else the only one compiled in.
    pub fn backend(mut self, backend: BackendKind) -> Self {
        self.backend = Some(backend);
        self
    }

    /// A model: a file or folder, or a name on the Hugging Face hub such as `hf:org/repo`,
    /// `hf:org/repo@revision/file.gguf` or `org/repo:Q4_K_M` (see
    /// [`ModelReference`](stream_checkpoint::hub::ModelReference)), which is fetched when the
    /// model is loaded, if this crate's feature `hub` is on. Left out, it is the default model in
    /// the user's cache folder.
    pub fn model(mut self, reference: impl AsRef<Path>) -> Self {
        self.model = Some(reference.as_ref().to_owned());
        self
    }

    /// The address of a server that speaks vLLM's API, with or without `/v1` at its end. It
    /// chooses the remote backend where none is named; [`model`](Self::model) is then a name
    /// there. Several servers with the same model share the work.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.urls.push(url.into());
        self
    }

    /// The environment variable that holds the key for the servers.
    pub fn key_from_env(mut self, variable: impl Into<String>) -> Self {
        self.key = Some(RemoteKey::Variable(variable.into()));
        self
    }

    /// The file that holds the key for the servers.
    pub fn key_from_file(mut self, path: impl AsRef<Path>) -> Self {
        self.key = Some(RemoteKey::File(path.as_ref().to_owned()));
        self
    }

    /// Looks at every number of the weights when the model is loaded, and refuses it if one is
    /// not finite. It reads the whole file.
    pub fn check_weights(mut self) -> Self {
        self.check_weights = true;
        self
    }

    /// What computes; left out, the processor. Only libtorch has GPUs, with the Cargo feature
    /// `cuda`: it takes the CUDA library of a PyTorch from the folder that the environment variable
    /// `STREAM_ENGINE_LIBTORCH_CUDA` names. What is missing is
    /// [`EngineError::Device`](crate::EngineError::Device).
    pub fn device(mut self, device: Device) -> Self {
        self.device = Some(device);
        self
    }

    /// CPU threads that compute. Left out, the backend chooses.
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = Some(threads);
        self
    }

    /// Tokens that the KV cache holds, over all streams. Left out, the backend chooses.
    pub fn kv_tokens(mut self, tokens: usize) -> Self {
        self.kv_tokens = Some(tokens);
        self
    }

    /// In what numbers the engine computes. candle has `Native` and `F32`; libtorch `Native`,
    /// `Bf16` and `F32`; ONNX Runtime `Native`, `Exact` and `F32`. A value that the engine does
    /// not have is [`EngineError::UnsupportedSetting`](crate::EngineError::UnsupportedSetting)
    /// when it is opened, as it is for every setting.
    pub fn precision(mut self, precision: Precision) -> Self {
        self.precision = Some(precision);
        self
    }

    /// Whether threads wait by spinning: ONNX Runtime. (libtorch's threads obey the environment
    /// variable `OMP_WAIT_POLICY`, candle's always sleep soon.)
    pub fn spinning(mut self, spinning: Spinning) -> Self {
        self.spinning = Some(spinning);
        self
    }

    /// What a stream's tokens may depend on: libtorch has both; candle is always
    /// [`Batches::Invariant`], ONNX Runtime always [`Batches::Fastest`].
    pub fn batches(mut self, batches: Batches) -> Self {
        self.batches = Some(batches);
        self
    }

    /// The longest time that one step of the model may take; [`Duration::MAX`] is for ever. A step
    /// that takes longer hangs: its streams end with [`Error::Hung`](stream_core::Error::Hung),
    /// and until it ends after all no question is taken. Left out, it is two minutes.
    pub fn step_timeout(mut self, limit: Duration) -> Self {
        self.step_timeout = Some(limit);
        self
    }

    /// The most tokens that a stream tries ahead in one step: speculative decoding by prompt
    /// lookup, which changes the speed of an answer and nothing else. 0 switches it off. Left
    /// out, the backend chooses.
    pub fn speculative_tokens(mut self, tokens: usize) -> Self {
        self.speculative_tokens = Some(tokens);
        self
    }

    /// Computes every prompt from its first token. Otherwise, where an engine can, it keeps what
    /// it has computed until its memory is needed, and a prompt that begins like an earlier one,
    /// or like an earlier one with its answer, has its first token sooner. The tokens are the
    /// same.
    pub fn without_prefix_cache(mut self) -> Self {
        self.prefix_cache = false;
        self
    }

    /// The system message of every call. Left out, the model's chat template has its own way.
    pub fn system_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// The temperature of every call; 0 is greedy. Left out, it is what the model's makers
    /// recommend in its file, or else 0.7.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// The most tokens of an answer; `None` is as many as the context has room for.
    pub fn max_tokens(mut self, tokens: impl Into<Option<usize>>) -> Self {
        self.max_tokens = tokens.into();
        self
    }
}

/// One question to a chat model. A `&str` or `String` is one already.
///
/// ```
/// use stream_engine::Ask;
///
/// let ask = Ask::new("Tell me a story").temperature(0.9).max_tokens(200);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Ask {
    prompt: String,
    system_prompt: Option<String>,
    temperature: Option<f32>,
    max_tokens: Option<usize>,
    sampling: Option<Sampling>,
    n: usize,
    logprobs: Option<usize>,
    prompt_logprobs: Option<usize>,
    stop: Stop,
    grammar: Option<Grammar>,
}

impl Ask {
    /// A question that takes everything else from the engine's configuration.
    pub fn new(prompt: impl Into<String>) -> Self {
        Self {
            prompt: prompt.into(),
            system_prompt: None,
            temperature: None,
            max_tokens: None,
            sampling: None,
            n: 1,
            logprobs: None,
            prompt_logprobs: None,
            stop: Stop::default(),
            grammar: None,
        }
    }

    /// Another system message.
    pub fn system_prompt(mut self, prompt: impl Into<String>) -> Self {
        self.system_prompt = Some(prompt.into());
        self
    }

    /// Another temperature.
    pub fn temperature(mut self, temperature: f32) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Another limit to the answer.
    pub fn max_tokens(mut self, tokens: usize) -> Self {
        self.max_tokens = Some(tokens);
        self
    }

    /// The whole set of sampling parameters; takes the place of the temperature and of what the
    /// model's makers recommend.
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = Some(sampling);
        self
    }

    /// What ends the answer early.
    pub fn stop(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// The answer is JSON that is valid by this JSON Schema.
    pub fn json_schema(self, schema: impl Into<Arc<str>>) -> Self {
        self.grammar(Grammar::JsonSchema(schema.into()))
    }

    /// The whole answer matches this regular expression.
    pub fn regex(self, pattern: impl Into<Arc<str>>) -> Self {
        self.grammar(Grammar::Regex(pattern.into()))
    }

    /// The whole answer matches this Lark grammar.
    pub fn lark(self, grammar: impl Into<Arc<str>>) -> Self {
        self.grammar(Grammar::Lark(grammar.into()))
    }

    /// What the whole answer must match. The question should say so too: a grammar forbids, it
    /// does not explain.
    pub fn grammar(mut self, grammar: Grammar) -> Self {
        self.grammar = Some(grammar);
        self
    }

    /// So many answers, 1 to 128, each with draws of its own; more than one are for
    /// [`ask_choices`](crate::StreamingEngine::ask_choices).
    pub fn n(mut self, choices: usize) -> Self {
        self.n = choices;
        self
    }

    /// Reports how probable each token was, and the 0 to 20 most probable ones in its place.
    pub fn logprobs(mut self, top: usize) -> Self {
        self.logprobs = Some(top);
        self
    }

    /// Reports the same for each token of the prompt after the first.
    pub fn prompt_logprobs(mut self, top: usize) -> Self {
        self.prompt_logprobs = Some(top);
        self
    }

    /// The request that this makes with `config` of a model whose makers recommend this.
    pub(crate) fn request(
        self,
        config: &StreamingConfig,
        recommended: &SamplingDefaults,
    ) -> Result<Request, InvalidRequest> {
        let system = self.system_prompt.or_else(|| config.system_prompt.clone());
        let sampling = match (self.sampling, self.temperature.or(config.temperature)) {
            (Some(sampling), _) => sampling,
            (None, None) => recommended.builder(TEMPERATURE).build()?,
            (None, Some(own)) => recommended.builder(own).temperature(own).build()?,
        };
        let messages = system.map(Message::system).into_iter();
        let mut request = Request::chat(messages.chain([Message::user(self.prompt)]))
            .sampling(sampling)
            .n(self.n)
            .stop(self.stop);
        if let Some(top) = self.logprobs {
            request = request.logprobs(top);
        }
        if let Some(top) = self.prompt_logprobs {
            request = request.prompt_logprobs(top);
        }
        if let Some(grammar) = self.grammar {
            request = request.grammar(grammar);
        }
        limited(request, self.max_tokens.or(config.max_tokens)).build()
    }
}

fn limited(request: RequestBuilder, max_tokens: Option<usize>) -> RequestBuilder {
    match max_tokens {
        Some(tokens) => request.max_tokens(tokens),
        None => request,
    }
}

impl<S: Into<String>> From<S> for Ask {
    fn from(prompt: S) -> Self {
        Self::new(prompt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling(ask: Ask, config: &StreamingConfig) -> Sampling {
        let mut recommended = SamplingDefaults::default();
        recommended.temperature = Some(0.6);
        recommended.top_p = Some(0.9);
        let request = ask.request(config, &recommended).unwrap();
        request.sampling().clone()
    }

    #[test]
    fn what_is_left_open_is_as_the_models_makers_recommend() {
        let plain = StreamingConfig::default();
        let expected = Sampling::builder().temperature(0.6).top_p(0.9);
        assert_eq!(sampling(Ask::new("x"), &plain), expected.build().unwrap());
        let expected = Sampling::builder().temperature(0.2).top_p(0.9);
        let own = Ask::new("x").temperature(0.2);
        assert_eq!(sampling(own, &plain), expected.clone().build().unwrap());
        let configured = StreamingConfig::default().temperature(0.2);
        let found = sampling(Ask::new("x"), &configured);
        assert_eq!(found, expected.build().unwrap());
        let whole = Sampling::builder().min_p(0.1).build().unwrap();
        assert_eq!(
            sampling(Ask::new("x").sampling(whole.clone()), &plain),
            whole
        );
    }

    #[test]
    fn a_model_that_recommends_nothing_is_sampled_as_ever() {
        let nothing = SamplingDefaults::default();
        let request = Ask::new("x").request(&StreamingConfig::default(), &nothing);
        let expected = Sampling::builder().temperature(TEMPERATURE).build();
        assert_eq!(*request.unwrap().sampling(), expected.unwrap());
    }
}
