//! The parameters of a request. Those that chats and completions share stand once.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{Id, Logit, OneOrMany, PromptInput, Tool, ToolChoice, WireMessage};

/// A struct for each kind of request, with its own members and those that all share.
macro_rules! requests {
    (shared $shared:tt $($(#[$note:meta])* $name:ident $own:tt)*) => {
        parameters! { $shared }
        $(request! { $(#[$note])* $name $own $shared })*
    };
}

macro_rules! parameters {
    ({ $($(#[$note:meta])* $name:ident: $type:ty,)* }) => {
        /// What every kind of request may set.
        #[derive(Debug, Default)]
        pub(crate) struct Parameters {
            $(pub(crate) $name: Option<$type>,)*
        }
    };
}

macro_rules! request {
    (
        $(#[$note:meta])* $name:ident
        { $($(#[$own_note:meta])* $own:ident: $own_type:ty,)* }
        { $($(#[$shared_note:meta])* $shared:ident: $shared_type:ty,)* }
    ) => {
        $(#[$note])*
        #[derive(Debug, Deserialize, ToSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $name {
            $($(#[$own_note])* pub(crate) $own: $own_type,)*
            $($(#[$shared_note])* $shared: Option<$shared_type>,)*
        }

        impl $name {
            /// The members that all requests share.
            pub(crate) fn take_parameters(&mut self) -> Parameters {
                Parameters { $($shared: self.$shared.take(),)* }
            }
        }
    };
}

requests! {
    shared {
        /// The model, by one of its served names; left out, it is the one that is served.
        model: String,
        /// Whether the answer comes as server-sent events.
        stream: bool,
        stream_options: StreamOptions,
        /// Answers to make, 1 to 128.
        n: usize,
        /// The most tokens of an answer.
        max_tokens: usize,
        /// 0 for greedy, else 0.01 to 10.
        temperature: f32,
        /// Over 0, up to 1.
        top_p: f32,
        /// Makes the draws repeatable.
        seed: u64,
        /// Texts that end the answer, at most 16.
        stop: OneOrMany,
        /// −2 to 2.
        frequency_penalty: f32,
        /// −2 to 2.
        presence_penalty: f32,
        #[schema(value_type = Option<std::collections::BTreeMap<String, f32>>)]
        logit_bias: Logit,
        response_format: ResponseFormat,
        /// vLLM's: the same, and more kinds.
        structured_outputs: StructuredOutputs,
        /// vLLM's: the K most probable tokens; 0 and −1 keep all.
        top_k: i64,
        /// vLLM's.
        min_p: f32,
        /// text-generation-webui's and llama.cpp's.
        typical_p: f32,
        /// llama.cpp's.
        top_n_sigma: f32,
        /// vLLM's.
        repetition_penalty: f32,
        /// vLLM's.
        min_tokens: usize,
        /// vLLM's.
        ignore_eos: bool,
        /// vLLM's.
        stop_token_ids: Vec<Id>,
        /// vLLM's.
        include_stop_str_in_output: bool,
        /// vLLM's.
        bad_words: Vec<String>,
        /// Sequences of token ids that the answer must not hold.
        bad_token_sequences: Vec<Vec<Id>>,
        /// vLLM's: log-probabilities of the prompt's tokens.
        prompt_logprobs: usize,
        /// vLLM's: the ids of the answer's tokens, as `token_ids` of a choice.
        return_token_ids: bool,
        /// OpenAI's storing of answers; only `false` is possible.
        store: bool,
        /// Who asks. It changes nothing here.
        #[serde(rename = "user")]
        _user: String,
        /// Kept by OpenAI with an answer that is stored. Nothing is stored here.
        #[serde(rename = "metadata")]
        #[schema(value_type = Option<Object>)]
        _metadata: IgnoredAny,
        /// OpenAI's; it changes nothing here.
        #[serde(rename = "service_tier")]
        _service_tier: String,
        /// OpenAI's; it changes nothing here.
        #[serde(rename = "safety_identifier")]
        _safety_identifier: String,
        /// OpenAI's; it changes nothing here: prompts that begin alike are found by themselves.
        #[serde(rename = "prompt_cache_key")]
        _prompt_cache_key: String,
    }

    /// The body of `POST /v1/chat/completions`.
    ChatRequest {
        messages: Vec<WireMessage>,
        /// The most tokens of an answer; the newer name of `max_tokens`.
        max_completion_tokens: Option<usize>,
        /// Whether the log-probability of each token is told.
        logprobs: Option<bool>,
        /// How many of the most probable tokens are told beside it, 0 to 20.
        top_logprobs: Option<usize>,
        tools: Option<Vec<Tool>>,
        tool_choice: Option<ToolChoice>,
        /// Whether several tools may be called in one answer.
        parallel_tool_calls: Option<bool>,
        /// vLLM's: variables for the chat template.
        #[schema(value_type = Option<Object>)]
        chat_template_kwargs: Option<std::collections::BTreeMap<String, Box<RawValue>>>,
    }

    /// The body of `POST /v1/completions`.
    CompletionRequest {
        prompt: PromptInput,
        /// How many of the most probable tokens are told for each token, 0 to 20.
        logprobs: Option<usize>,
        /// Whether the text begins with the prompt's.
        echo: Option<bool>,
    }
}

/// What a stream tells beside the answer.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StreamOptions {
    /// A last event with the usage.
    pub(crate) include_usage: Option<bool>,
    /// OpenAI's padding against observers of lengths; only `false` is possible.
    pub(crate) include_obfuscation: Option<bool>,
}

/// OpenAI's `response_format`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResponseFormat {
    pub(crate) r#type: FormatKind,
    /// For `json_schema`.
    pub(crate) json_schema: Option<JsonSchema>,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FormatKind {
    Text,
    JsonObject,
    JsonSchema,
}

/// A schema with its name.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct JsonSchema {
    /// Of no use here.
    #[serde(rename = "name")]
    _name: String,
    /// Of no use here.
    #[serde(rename = "description")]
    _description: Option<String>,
    /// Every schema is kept strictly.
    #[serde(rename = "strict")]
    _strict: Option<bool>,
    #[schema(value_type = Object)]
    pub(crate) schema: Box<RawValue>,
}

/// vLLM's `structured_outputs`: one of these.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct StructuredOutputs {
    /// A JSON Schema, or a text of one.
    #[schema(value_type = Option<Object>)]
    pub(crate) json: Option<Box<RawValue>>,
    /// Any JSON object.
    pub(crate) json_object: Option<bool>,
    /// A regular expression.
    pub(crate) regex: Option<String>,
    /// One of these texts.
    pub(crate) choice: Option<Vec<String>>,
    /// A Lark grammar.
    pub(crate) grammar: Option<String>,
}
