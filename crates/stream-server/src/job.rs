//! From a body to the requests that the backend gets, and to the form of the answer.

mod chat;
mod format;
mod sampling;
mod tools;

use stream_core::{Request, RequestBuilder};

use crate::error::ApiError;
use crate::state::App;
use crate::tools::ToolStyle;
use crate::wire::{CompletionRequest, Parameters, PromptInput};

/// What a client asks for.
pub(crate) struct Job {
    /// One for each prompt; each may ask for several answers.
    pub(crate) requests: Vec<Request>,
    pub(crate) form: Form,
    /// Whether the answer is streamed.
    pub(crate) stream: bool,
}

/// The form of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) kind: Kind,
    /// The model's name.
    pub(crate) model: String,
    pub(crate) include_usage: bool,
    pub(crate) token_ids: bool,
    pub(crate) logprobs: bool,
    pub(crate) tools: ToolStyle,
}

/// Which API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Chat,
    Completion,
}

impl Job {
    /// A completion of one or more prompts.
    pub(crate) fn completion(mut body: CompletionRequest, app: &App) -> Result<Self, ApiError> {
        let parameters = body.take_parameters();
        let prompts = prompts(body.prompt, app.config.limits.prompts)?;
        let form = form(Kind::Completion, &parameters, app)?;
        let form = Form {
            logprobs: body.logprobs.is_some(),
            ..form
        };
        let stream = parameters.stream.unwrap_or(false);
        let set = Shared::new(parameters, app)?;
        let build = |prompt: RequestBuilder| {
            let mut request = set.apply(prompt);
            if let Some(top) = body.logprobs {
                request = request.logprobs(top);
            }
            if body.echo == Some(true) {
                request = request.echo();
            }
            Ok(request.build()?)
        };
        let requests = prompts.into_iter().map(build);
        Ok(Self {
            requests: requests.collect::<Result<_, ApiError>>()?,
            form,
            stream,
        })
    }
}

fn prompts(input: PromptInput, most: usize) -> Result<Vec<RequestBuilder>, ApiError> {
    let prompts: Vec<_> = match input {
        PromptInput::Text(text) => vec![Request::raw(text)],
        PromptInput::Ids(ids) => vec![Request::tokens(ids)],
        PromptInput::Texts(texts) => texts.into_iter().map(Request::raw).collect(),
        PromptInput::ManyIds(lists) => lists.into_iter().map(Request::tokens).collect(),
    };
    if prompts.is_empty() || prompts.len() > most {
        let found = prompts.len();
        let message = format!("prompt is a list of {found}, but must be of 1 to {most}");
        return Err(ApiError::parameter("prompt", message));
    }
    Ok(prompts)
}

/// What is shared by both kinds.
fn form(kind: Kind, parameters: &Parameters, app: &App) -> Result<Form, ApiError> {
    let options = parameters.stream_options;
    if options.is_some() && parameters.stream != Some(true) {
        let message = "stream_options are for answers that are streamed: set `stream` to true";
        return Err(ApiError::parameter("stream_options", message));
    }
    let options = options.unwrap_or_default();
    if options.include_obfuscation == Some(true) {
        let message = "stream_options.include_obfuscation is not known here; leave it out";
        return Err(ApiError::parameter("stream_options", message));
    }
    if parameters.store == Some(true) {
        let message = "store is true, but nothing is stored here; leave it out";
        return Err(ApiError::parameter("store", message));
    }
    Ok(Form {
        kind,
        model: app.model(parameters.model.as_deref())?.to_owned(),
        include_usage: options.include_usage.unwrap_or(false),
        token_ids: parameters.return_token_ids.unwrap_or(false),
        logprobs: false,
        tools: ToolStyle::None,
    })
}

/// The parameters that every prompt of a request gets.
struct Shared {
    n: usize,
    max_tokens: Option<usize>,
    prompt_logprobs: Option<usize>,
    sampling: stream_core::Sampling,
    stop: stream_core::Stop,
    grammar: Option<stream_core::Grammar>,
}

impl Shared {
    fn new(mut parameters: Parameters, app: &App) -> Result<Self, ApiError> {
        Ok(Self {
            n: parameters.n.unwrap_or(1),
            max_tokens: parameters.max_tokens,
            prompt_logprobs: parameters.prompt_logprobs,
            grammar: format::grammar(&mut parameters)?,
            stop: sampling::stop(&mut parameters)?,
            sampling: sampling::sampling(parameters, &app.config.sampling)?,
        })
    }

    fn apply(&self, request: RequestBuilder) -> RequestBuilder {
        let mut request = request
            .n(self.n)
            .sampling(self.sampling.clone())
            .stop(self.stop.clone());
        if let Some(tokens) = self.max_tokens {
            request = request.max_tokens(tokens);
        }
        if let Some(top) = self.prompt_logprobs {
            request = request.prompt_logprobs(top);
        }
        match &self.grammar {
            Some(grammar) => request.grammar(grammar.clone()),
            None => request,
        }
    }
}
