//! What clients send: the bodies of requests, as OpenAI's API has them, with vLLM's parameters.
//!
//! A member that is not known is refused by its name: a client that sets it expects something.

mod loose;
mod message;
mod parameters;
mod read;

pub(crate) use loose::{Id, Logit, OneOrMany, PromptInput};
pub(crate) use message::{
    CalledFunction, Content, FunctionWord, Tool, ToolChoice, ToolMode, WireMessage, WireRole,
};
pub(crate) use parameters::{
    ChatRequest, CompletionRequest, FormatKind, Parameters, ResponseFormat, StructuredOutputs,
};
pub(crate) use read::Body;
