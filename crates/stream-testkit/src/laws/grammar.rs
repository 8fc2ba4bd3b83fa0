//! Structured output.

use stream_core::{
    Backend, BackendExt, FinishReason, Grammar, Rejection, Request, RequestBuilder, Support,
};

use crate::ask::{Answer, ask, of_user, question};
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// The fewest and the most letters of the word that is asked for.
const LEAST: usize = 2;
const MOST: usize = 12;

/// Constrained output keeps its grammar: whole where it ends by itself, and as far as it goes
/// where it is cut off. What is no grammar is refused. JSON Schema is always there; another form
/// may be refused by its name.
///
/// # Errors
/// How the law was broken.
pub async fn an_answer_keeps_its_grammar(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.structured_output,
        "it keeps no grammar"
    );
    for number in 0..ground.prompts.len() {
        let schema = Grammar::JsonSchema(r#"{"type":"boolean"}"#.into());
        let answer = formed(backend, ground, number, schema).await?;
        let answer = answer.ok_or_else(|| Broken("it refuses JSON Schema".to_owned()))?;
        // JSON may have white space around it.
        check_choice(&answer, answer.text.trim(), ["true", "false"])?;
        let word = Grammar::Regex(format!("[a-z]{{{LEAST},{MOST}}}").into());
        if let Some(answer) = formed(backend, ground, number, word).await? {
            check_word(&answer)?;
        }
        let either = Grammar::choice(["land", "sea"]);
        if let Some(answer) = formed(backend, ground, number, either).await? {
            check_choice(&answer, &answer.text, ["land", "sea"])?;
        }
    }
    check_refusal(backend)?;
    Ok(Kept::Checked)
}

/// The answer in this form, to a question of the ground or, where the form is refused by its name,
/// to a chat; none where it is refused there too.
async fn formed(
    backend: &dyn Backend,
    ground: &Ground,
    number: usize,
    grammar: Grammar,
) -> Result<Option<Answer>, Broken> {
    let prompt = || question(backend, ground, number).grammar(grammar.clone());
    let chat = || of_user(backend, ground, "Is the sky blue?").grammar(grammar.clone());
    if !is_refused(backend, prompt(), grammar.kind()) {
        return ask(backend, prompt()).await.map(Some);
    }
    match is_refused(backend, chat(), grammar.kind()) {
        true => Ok(None),
        false => ask(backend, chat()).await.map(Some),
    }
}

/// Whether a request is refused, before anything is done, because of what has this name.
fn is_refused(backend: &dyn Backend, request: RequestBuilder, name: &str) -> bool {
    let request = request.build().expect("laws ask for what is possible");
    let reason = backend.generate(request).err().map(|back| back.reason);
    matches!(reason, Some(Rejection::Unsupported { parameter, .. }) if parameter == name)
}

fn check_word(answer: &Answer) -> Result<(), Broken> {
    let text = &answer.text;
    let letters = text.chars().all(|c| c.is_ascii_lowercase());
    let least = if is_cut(answer)? { 0 } else { LEAST };
    ensure!(
        letters && (least..=MOST).contains(&text.len()),
        "{text:?} is no word of {LEAST} to {MOST} letters"
    );
    Ok(())
}

fn check_choice(answer: &Answer, text: &str, choices: [&str; 2]) -> Result<(), Broken> {
    let fits = match is_cut(answer)? {
        true => choices.iter().any(|choice| choice.starts_with(text)),
        false => choices.contains(&text),
    };
    ensure!(fits, "{text:?} is none of {choices:?}");
    Ok(())
}

/// Whether the answer ended before its text did.
fn is_cut(answer: &Answer) -> Result<bool, Broken> {
    match &answer.end.outcome {
        Ok(reason) => Ok(*reason == FinishReason::Length),
        Err(error) => Err(Broken(format!("{:?} ended with {error}", answer.text))),
    }
}

fn check_refusal(backend: &dyn Backend) -> Result<(), Broken> {
    // A remote engine tells it as the stream's first item.
    if backend.info().capabilities.structured_output == Support::Native {
        return Ok(());
    }
    let wrong = Request::raw("Hello").grammar(Grammar::Regex("(".into()));
    let request = wrong.build().expect("laws ask for what is possible");
    let reason = backend.generate(request).err().map(|back| back.reason);
    ensure!(
        matches!(reason, Some(Rejection::Grammar { kind: "regex", .. })),
        "an expression that is none was refused with {reason:?}"
    );
    Ok(())
}
