//! From the events of an answer to the tokens of a stream.

use stream_core::{Error, Finish, FinishReason, Token, TokenId, TokenLogprobs, TokenSink};

use crate::chunk::{Call, Choice, Chunk, Delta, message};

/// Reads one answer.
pub(crate) struct Reader<'s> {
    sink: &'s TokenSink,
    /// How many of the most probable tokens were asked for.
    top: usize,
    echo: bool,
    /// Something was said: the request may not be sent again.
    pub(crate) begun: bool,
    id: Option<String>,
    /// Text that came without a token, and travels with the next one or with the end.
    held: String,
    form: Form,
    finish: Option<FinishReason>,
}

/// What the text that the model wrote looked like, where the server has taken it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Plain,
    Thinking,
    Calling,
}

impl<'s> Reader<'s> {
    pub(crate) fn new(sink: &'s TokenSink, top: usize, echo: bool) -> Self {
        Self {
            sink,
            top,
            echo,
            begun: false,
            id: None,
            held: String::new(),
            form: Form::Plain,
            finish: None,
        }
    }

    /// Reads the data of an event, or a whole answer.
    ///
    /// # Errors
    /// If the server reports one, says what its protocol does not know, or the stream was ended
    /// from outside.
    pub(crate) async fn data(&mut self, data: &str) -> Result<(), Error> {
        let chunk: Chunk = serde_json::from_str(data)
            .map_err(|e| protocol(format!("an event is no JSON of an answer: {e}")))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(Error::Engine(message(&error).into()));
        }
        self.check_id(chunk.id)?;
        if let Some(usage) = chunk.usage {
            self.note(usage);
        }
        let mut choices = chunk.choices.into_iter();
        let (choice, more) = (choices.next(), choices.next());
        match (choice, more) {
            (_, Some(_)) => Err(protocol("an event has several answers, one was asked for")),
            (Some(choice), None) => self.choice(choice).await,
            (None, None) => Ok(()),
        }
    }

    /// The end, once the server has nothing more to say.
    ///
    /// # Errors
    /// [`Error::Truncated`] if it never said why it ended.
    pub(crate) fn end(mut self) -> Result<Finish, Error> {
        match self.finish.take() {
            Some(reason) => Ok(Finish {
                reason,
                held_text: self.held,
            }),
            None => Err(Error::Truncated("no event said why it ended".into())),
        }
    }

    /// Whether the server said why the answer ended.
    pub(crate) fn has_ended(&self) -> bool {
        self.finish.is_some()
    }

    fn check_id(&mut self, id: Option<String>) -> Result<(), Error> {
        let Some(id) = id.filter(|id| !id.is_empty()) else {
            return Ok(());
        };
        match &self.id {
            Some(known) if *known != id => Err(protocol(format!(
                "an event of `{id}` came in the answer `{known}`"
            ))),
            _ => {
                self.id = Some(id);
                Ok(())
            }
        }
    }

    fn note(&self, usage: crate::chunk::Usage) {
        if let Some(tokens) = usage.prompt_tokens {
            self.sink.set_prompt_tokens(tokens);
        }
        let details = usage.prompt_tokens_details;
        if let Some(tokens) = details.and_then(|details| details.cached_tokens) {
            self.sink.gate().set_cached_tokens(tokens);
        }
    }

    async fn choice(&mut self, choice: Choice) -> Result<(), Error> {
        let text = self.text(&choice);
        let logprobs = choice.logprobs.as_ref();
        let logprobs = logprobs.map(|l| l.tokens(self.top)).unwrap_or_default();
        let says = !text.is_empty() || !logprobs.is_empty();
        if self.finish.is_some() && says {
            return Err(protocol("text came after the answer's end"));
        }
        let finish = choice
            .finish()
            .transpose()
            .map_err(|word| match word.as_str() {
                "abort" => Error::Truncated("the server has aborted it".into()),
                _ => Error::Engine(format!("the server ended the answer with `{word}`").into()),
            })?;
        self.say(text, choice.token_ids, logprobs).await?;
        if finish.is_some() {
            if self.form != Form::Plain {
                let close = self.close();
                self.held.push_str(close);
            }
            self.finish = finish;
        }
        Ok(())
    }

    async fn say(
        &mut self,
        text: String,
        ids: Option<Vec<TokenId>>,
        logprobs: Vec<TokenLogprobs>,
    ) -> Result<(), Error> {
        let told = ids.is_some();
        let ids = ids.unwrap_or_default();
        if told && !logprobs.is_empty() && ids.len() != logprobs.len() {
            let (ids, logprobs) = (ids.len(), logprobs.len());
            let problem = format!("an event has {ids} ids and {logprobs} log-probabilities");
            return Err(protocol(problem));
        }
        if told && ids.is_empty() {
            self.say_without_token(text);
            return Ok(());
        }
        // Without ids, what comes with an event is one token, or as many as have probabilities.
        let tokens = ids
            .len()
            .max(logprobs.len())
            .max(usize::from(!text.is_empty()));
        let mut text = std::mem::take(&mut self.held) + &text;
        if tokens == 0 {
            self.held = text;
            return Ok(());
        }
        let mut logprobs = logprobs.into_iter();
        for place in 0..tokens {
            let last = place + 1 == tokens;
            let id = ids.get(place).copied();
            let said = if last {
                std::mem::take(&mut text)
            } else {
                String::new()
            };
            let mut token = Token::new(id, said);
            token.logprobs = logprobs.next().map(|mut of| {
                of.token.id = id;
                of
            });
            self.begun = true;
            self.sink.send(token).await.map_err(|_| Error::ShutDown)?;
        }
        Ok(())
    }

    /// The echo of the prompt, or what was held back until the end.
    fn say_without_token(&mut self, text: String) {
        if self.echo && !self.begun && !text.is_empty() {
            self.begun = true;
            self.sink.echo(text);
        } else {
            self.held.push_str(&text);
        }
    }

    /// The text as the model wrote it, or nearly so: thoughts and calls of tools, which the server
    /// has taken out of it, are put back in the form of Qwen and Hermes.
    fn text(&mut self, choice: &Choice) -> String {
        if let Some(text) = &choice.text {
            return text.clone();
        }
        let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) else {
            return String::new();
        };
        let mut out = String::new();
        self.thought(delta, &mut out);
        if let Some(content) = delta.content.as_deref().filter(|text| !text.is_empty()) {
            self.turn(Form::Plain, &mut out);
            out.push_str(content);
        }
        for call in delta.tool_calls.iter().flatten() {
            self.call(call, &mut out);
        }
        out
    }

    fn thought(&mut self, delta: &Delta, out: &mut String) {
        let thought = delta
            .reasoning_content
            .as_deref()
            .or(delta.reasoning.as_deref());
        if let Some(thought) = thought.filter(|text| !text.is_empty()) {
            if self.form != Form::Thinking {
                self.turn(Form::Thinking, out);
                out.push_str("<think>");
            }
            out.push_str(thought);
        }
    }

    fn call(&mut self, call: &Call, out: &mut String) {
        if let Some(name) = &call.function.name {
            out.push_str(self.close());
            self.form = Form::Calling;
            let name = serde_json::Value::from(name.as_str());
            out.push_str(&format!("<tool_call>\n{{\"name\": {name}, \"arguments\": "));
        }
        out.push_str(call.function.arguments.as_deref().unwrap_or(""));
    }

    fn turn(&mut self, form: Form, out: &mut String) {
        if self.form != form {
            out.push_str(self.close());
            self.form = form;
        }
    }

    fn close(&self) -> &'static str {
        match self.form {
            Form::Plain => "",
            Form::Thinking => "</think>",
            Form::Calling => "}\n</tool_call>",
        }
    }
}

pub(crate) fn protocol(problem: impl Into<String>) -> Error {
    Error::Protocol(problem.into().into())
}
