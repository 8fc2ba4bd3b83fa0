//! minijinja, set up as transformers sets up Jinja 2, and kept within bounds.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::{fmt, io};

use jiff::Zoned;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Error, ErrorKind, Value, context};

use super::input::{ChatInput, variables};
use super::json::to_json;
use super::methods::method;
use super::namespace::{emptied_after, namespace};
use super::source::translate;
use super::{ChatTemplateError, FUEL, MOST_BYTES, SpecialTexts};
use crate::contain::{ORDINARY_STACK, contained};

/// The longest template that is read; those in use have a few kilobytes, or a few tens. minijinja
/// takes time with the square of a chain of operators: seconds for this much of nothing else.
const MOST_SOURCE: usize = 64 << 10;
/// minijinja recurses for each operator of a chain: measured, up to 440 bytes of stack per byte
/// of source, 1,140 where it is compiled without optimisation.
const STACK_PER_BYTE: usize = 2 << 10;
/// Lists nested as deeply as the fuel allows are printed and dropped in a quarter of this.
const RENDER_STACK: usize = 64 << 20;
const NAME: &str = "chat_template";

/// Reads a template.
pub(super) fn compile(source: &str) -> Result<Environment<'static>, ChatTemplateError> {
    if source.len() > MOST_SOURCE {
        let problem = format!("{} bytes, at most {MOST_SOURCE} are read", source.len());
        return Err(ChatTemplateError::Syntax(problem));
    }
    let stack = ORDINARY_STACK + source.len() * STACK_PER_BYTE;
    contained(stack, || compile_here(source)).map_err(failed)?
}

fn compile_here(source: &str) -> Result<Environment<'static>, ChatTemplateError> {
    let mut environment = Environment::new();
    environment.set_syntax(whitespace()?);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(method);
    environment.add_filter("tojson", to_json);
    environment.add_function("namespace", namespace);
    environment.add_function("raise_exception", raise_exception);
    environment.add_function("strftime_now", strftime_now);
    environment
        .add_template_owned(NAME, translate(source))
        .map_err(|error| ChatTemplateError::Syntax(error.to_string()))?;
    Ok(environment)
}

/// The text that a template makes of a conversation.
pub(super) fn render(
    environment: &Environment<'static>,
    input: &ChatInput<'_>,
    special: &SpecialTexts,
) -> Result<String, ChatTemplateError> {
    let run = || emptied_after(|| render_here(environment, input, special));
    contained(RENDER_STACK, run).map_err(failed)?
}

fn render_here(
    environment: &Environment<'static>,
    input: &ChatInput<'_>,
    special: &SpecialTexts,
) -> Result<String, ChatTemplateError> {
    let variables = context! { ..variables(input)?, ..texts(special) };
    let mut out = Capped::default();
    environment
        .get_template(NAME)
        .and_then(|template| template.render_captured_to(variables, &mut out))
        .map_err(|error| explain(&error))?;
    String::from_utf8(out.0).map_err(failed)
}

fn failed(error: impl ToString) -> ChatTemplateError {
    ChatTemplateError::Failed(error.to_string())
}

/// A block tag on a line of its own leaves no trace.
fn whitespace() -> Result<SyntaxConfig, ChatTemplateError> {
    SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .build()
        .map_err(failed)
}

fn texts(special: &SpecialTexts) -> Value {
    let texts = [
        ("bos_token", &special.bos),
        ("eos_token", &special.eos),
        ("unk_token", &special.unknown),
        ("pad_token", &special.padding),
    ];
    let texts = texts.into_iter();
    let known = texts.filter_map(|(name, text)| Some((name, Value::from(text.as_deref()?))));
    known.collect::<BTreeMap<_, _>>().into()
}

/// The message of `raise_exception`, so that it can be told from other errors.
#[derive(Debug)]
struct Refusal(String);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refusal {}

fn raise_exception(message: String) -> Result<Value, Error> {
    Err(Error::new(ErrorKind::InvalidOperation, message.clone()).with_source(Refusal(message)))
}

/// Llama 3.1 templates write today's date.
fn strftime_now(format: &str) -> Result<String, Error> {
    strftime(format, &Zoned::now())
}

fn strftime(format: &str, time: &Zoned) -> Result<String, Error> {
    jiff::fmt::strtime::format(format, time).map_err(|error| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("strftime_now: {error}"),
        )
    })
}

fn explain(error: &Error) -> ChatTemplateError {
    let source = error.source();
    if let Some(Refusal(message)) = source.and_then(|source| source.downcast_ref()) {
        return ChatTemplateError::Refused(message.clone());
    }
    match error.kind() {
        ErrorKind::OutOfFuel => ChatTemplateError::OutOfFuel,
        ErrorKind::WriteFailure => ChatTemplateError::TooLong,
        _ => ChatTemplateError::Failed(error.to_string()),
    }
}

/// Takes [`MOST_BYTES`] and no more.
#[derive(Default)]
struct Capped(Vec<u8>);

impl io::Write for Capped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MOST_BYTES {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
