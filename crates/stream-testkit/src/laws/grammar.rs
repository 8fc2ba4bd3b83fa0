//! Structured output.

use stream_core::{Backend, BackendExt, FinishReason, Grammar, Rejection, Request, Support};

use crate::ask::{Answer, ask, question};
use crate::verdict::{applies, ensure};
use crate::{Broken, Ground, Kept, Verdict};

/// The fewest and the most letters of the word that is asked for.
const LEAST: usize = 2;
const MOST: usize = 12;

/// Constrained output keeps its grammar: whole where it ends by itself, and as far as it goes
/// where it is cut off. What is no grammar is refused.
///
/// # Errors
/// How the law was broken.
pub async fn an_answer_keeps_its_grammar(backend: &dyn Backend, ground: &Ground) -> Verdict {
    applies!(
        backend.info().capabilities.structured_output,
        "it keeps no grammar"
    );
    for number in 0..ground.prompts.len() {
        let word = Grammar::Regex(format!("[a-z]{{{LEAST},{MOST}}}").into());
        check_word(&ask(backend, question(backend, ground, number).grammar(word)).await?)?;
        let either = Grammar::choice(["land", "sea"]);
        check_choice(&ask(backend, question(backend, ground, number).grammar(either)).await?)?;
    }
    check_refusal(backend)?;
    Ok(Kept::Checked)
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

fn check_choice(answer: &Answer) -> Result<(), Broken> {
    let text = answer.text.as_str();
    let fits = match is_cut(answer)? {
        true => "land".starts_with(text) || "sea".starts_with(text),
        false => text == "land" || text == "sea",
    };
    ensure!(fits, "{text:?} is neither \"land\" nor \"sea\"");
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
