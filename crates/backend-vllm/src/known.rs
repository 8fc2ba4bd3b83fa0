//! What a server knows, by the names of its parameters.

use std::collections::BTreeSet;

use serde_json::Value;
use stream_core::{Capabilities, Support};

/// What every server of OpenAI's API knows, where one does not tell.
const USUAL: &[&str] = &[
    "echo",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "messages",
    "model",
    "presence_penalty",
    "prompt",
    "response_format",
    "seed",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tools",
    "top_logprobs",
    "top_p",
];

/// The parameters of both kinds of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) chat: BTreeSet<String>,
    pub(crate) completion: BTreeSet<String>,
}

impl Known {
    /// The same names for both.
    pub(crate) fn names<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: BTreeSet<_> = names.into_iter().map(|n| n.as_ref().to_owned()).collect();
        Self {
            chat: names.clone(),
            completion: names,
        }
    }

    /// What is known of a server that does not tell.
    pub(crate) fn usual() -> Self {
        let mut known = Self::names(USUAL);
        // OpenAI's completions have none, and llama.cpp's server passes over it there.
        known.completion.remove("response_format");
        known
    }

    /// What an OpenAPI document tells of the two requests.
    pub(crate) fn read(document: &Value) -> Option<Self> {
        let known = Self {
            chat: properties(document, "/v1/chat/completions"),
            completion: properties(document, "/v1/completions"),
        };
        (!known.chat.is_empty() || !known.completion.is_empty()).then_some(known)
    }

    /// What the names mean for a backend. Parameters count as supported where completions know
    /// them, or, at a server without completions, where chats do; forms of an answer where either
    /// does.
    pub(crate) fn capabilities(&self) -> Capabilities {
        let all = match self.completion.is_empty() {
            true => &self.chat,
            false => &self.completion,
        };
        let has =
            |set: &BTreeSet<String>, names: &[&str]| match names.iter().all(|n| set.contains(*n)) {
                true => Support::Native,
                false => Support::Unsupported,
            };
        let can = |names: &[&str]| has(all, names);
        Capabilities {
            chat: has(&self.chat, &["messages"]),
            tools: has(&self.chat, &["messages", "tools"]),
            token_prompts: has(&self.completion, &["prompt"]),
            sampling: can(&["temperature"]),
            typical_p: can(&["typical_p"]),
            top_n_sigma: can(&["top_n_sigma"]),
            penalties: can(&["presence_penalty", "frequency_penalty"]),
            logit_bias: can(&["logit_bias"]),
            // vLLM knows the first alone, which is not all that this promises.
            bad_words: can(&["bad_words", "bad_token_sequences"]),
            seed: can(&["seed"]),
            stop_strings: can(&["stop"]),
            stop_ids: can(&["stop_token_ids", "ignore_eos"]),
            min_tokens: can(&["min_tokens"]),
            logprobs: can(&["logprobs"]),
            echo: has(&self.completion, &["echo"]),
            structured_output: self.forms(),
            token_ids: can(&["return_token_ids"]),
            batch_invariant: false,
            ..Capabilities::all(Support::Unsupported)
        }
    }

    fn forms(&self) -> Support {
        let names = ["response_format", "structured_outputs"];
        let mut sets = [&self.chat, &self.completion].into_iter();
        match sets.any(|set| names.iter().any(|name| set.contains(*name))) {
            true => Support::Native,
            false => Support::Unsupported,
        }
    }
}

/// The names of the members of a request's body.
fn properties(document: &Value, path: &str) -> BTreeSet<String> {
    let path = path.replace('/', "~1");
    let schema = "post/requestBody/content/application~1json/schema";
    let schema = document.pointer(&format!("/paths/{path}/{schema}"));
    let schema = schema.map(|schema| resolve(document, schema));
    let names = schema.and_then(|schema| schema.get("properties")?.as_object());
    names
        .map(|map| map.keys().cloned().collect())
        .unwrap_or_default()
}

/// A schema, or the one that it refers to.
fn resolve<'d>(document: &'d Value, schema: &'d Value) -> &'d Value {
    let target = schema.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|target| target.strip_prefix('#'));
    target
        .and_then(|pointer| document.pointer(pointer))
        .unwrap_or(schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_tells_what_its_server_can() {
        let post = |schema: Value| json!({"post": {"requestBody": {"content": {"application/json": {"schema": schema}}}}});
        let document = json!({
            "paths": {
                "/v1/chat/completions": post(json!({"$ref": "#/components/schemas/Chat"})),
                "/v1/completions": post(json!({"properties": {"prompt": {}, "temperature": {}}})),
            },
            "components": {"schemas": {"Chat": {"properties": {"messages": {}, "tools": {}}}}},
        });
        let can = Known::read(&document).unwrap().capabilities();
        let native = [can.chat, can.tools, can.token_prompts, can.sampling];
        assert_eq!(native, [Support::Native; 4]);
        assert_eq!(
            [can.seed, can.echo, can.token_ids],
            [Support::Unsupported; 3]
        );
        assert_eq!(Known::read(&json!({"openapi": "3.1.0"})), None);
        assert_eq!(
            Known::usual().capabilities().min_tokens,
            Support::Unsupported
        );
        assert_eq!(
            Known::usual().capabilities().structured_output,
            Support::Native
        );
    }
}
