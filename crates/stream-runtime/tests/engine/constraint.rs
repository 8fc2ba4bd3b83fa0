//! Grammars of a test's own: what the loop does with masks, early, late and never.

use std::sync::Arc;
use std::time::Duration;

use stream_core::{BackendExt, Error, FinishReason, Grammar, Rejection, Request, TokenId};
use stream_runtime::grammar::{
    Allowed, CompileError, GrammarCompiler, MatchError, Matcher, TokenMask,
};
use stream_runtime::{Batch, Engine, EngineConfig, Model, ModelError, Next, Spec};

use crate::lab::{Lab, config, spec};
use crate::toy::hashed;
use crate::words::{END, SPECIAL, Words, ids};

/// Reads a `Regex` as a plain text, and does what its first letter says where the text ends.
struct Literal;

struct Follower {
    text: Vec<TokenId>,
    next: usize,
}

impl GrammarCompiler for Literal {
    fn compile(&self, grammar: &Grammar) -> Result<Box<dyn Matcher>, CompileError> {
        let Grammar::Regex(text) = grammar else {
            panic!("a compiler may panic");
        };
        match &**text {
            "busy" => Err(CompileError::Busy { capacity: 3 }),
            "wrong" => Err(CompileError::Unusable("it is wrong".into())),
            text => Ok(Box::new(Follower {
                text: ids(text),
                next: 0,
            })),
        }
    }
}

impl Matcher for Follower {
    fn allowed(&mut self) -> Result<Allowed, MatchError> {
        // Late: the model has its logits long before.
        std::thread::sleep(Duration::from_millis(1));
        let mut tokens: TokenMask = self.text.get(self.next).copied().into_iter().collect();
        // The loop lets these in only where the text may end, or never.
        tokens.allow(END);
        tokens.allow(SPECIAL);
        let at_end = self.next == self.text.len();
        match at_end.then(|| self.text[0]) {
            Some(first) if first == ids("p")[0] => panic!("a matcher may panic"),
            Some(first) if first == ids("f")[0] => Err(MatchError::new("too complex")),
            Some(first) if first == ids("d")[0] => Ok(Allowed {
                tokens,
                may_end: false,
            }),
            _ => Ok(Allowed {
                tokens,
                may_end: at_end,
            }),
        }
    }

    fn accept(&mut self, token: TokenId) -> Result<(), MatchError> {
        assert_eq!(
            token, self.text[self.next],
            "the loop tells every token once"
        );
        self.next += 1;
        Ok(())
    }
}

fn constrained() -> EngineConfig {
    EngineConfig {
        grammars: Some(Arc::new(Literal)),
        ..config()
    }
}

fn lab(spec: Spec) -> Lab {
    Lab::with_config(hashed(), spec, constrained())
}

fn spell(text: &str) -> Request {
    after("x", text)
}

fn after(prompt: &str, text: &str) -> Request {
    let grammar = Grammar::Regex(text.into());
    let request = Request::raw(prompt).max_tokens(40).grammar(grammar);
    request.build().unwrap()
}

#[test]
fn a_text_is_spelled_and_ended() {
    let lab = lab(spec());
    let answer = lab.engine.generate(spell("hello there")).unwrap();
    let answer = answer.blocking().completion().unwrap();
    assert_eq!(
        (answer.text.as_str(), answer.reason),
        ("hello there", FinishReason::EndOfSequence)
    );
    assert_eq!(answer.ids.last(), Some(&END));
    lab.settle(1);
}

#[test]
fn a_matcher_that_fails_ends_its_stream_alone() {
    let lab = lab(spec());
    let cases = [
        ("pan", "a matcher may panic"),
        ("fuel", "too complex"),
        ("dead", "no token continues the text as the grammar demands"),
    ];
    let whole = lab.engine.generate(spell("and so it goes on.")).unwrap();
    for (text, expected) in cases {
        let mut stream = lab.engine.generate(spell(text)).unwrap().blocking();
        let (mut seen, mut error) = (String::new(), None);
        for token in &mut stream {
            match token {
                Ok(token) => seen.push_str(&token.text),
                Err(failed) => error = Some(failed),
            }
        }
        let message = expected.into();
        let index = text.len();
        assert_eq!(
            (seen.as_str(), error),
            (text, Some(Error::Grammar { index, message }))
        );
    }
    assert_eq!(
        whole.blocking().completion().unwrap().text,
        "and so it goes on."
    );
    lab.settle(4);
}

/// Six answers of 30 tokens need 8 blocks each, and there are 20.
#[test]
fn a_preempted_answer_tells_its_matcher_nothing_twice() {
    let lab = lab(Spec {
        blocks: 20,
        ..spec()
    });
    let text = "it was a dark and stormy night";
    // Each after a prompt of its own: they share no block.
    let prompts = ["a", "b", "c", "d", "e", "f"];
    let start = |prompt| lab.engine.generate(after(prompt, text)).unwrap();
    let streams = prompts.map(start);
    for stream in streams {
        assert_eq!(stream.blocking().completion().unwrap().text, text);
    }
    assert!(lab.settle(6).preemptions > 0);
}

#[test]
fn what_a_compiler_refuses_comes_back_with_its_reason() {
    let lab = lab(spec());
    let reason = |request| lab.engine.generate(request).unwrap_err().reason;
    assert_eq!(
        reason(spell("busy")),
        Rejection::GrammarsBusy { capacity: 3 }
    );
    let message = "it is wrong".into();
    assert_eq!(
        reason(spell("wrong")),
        Rejection::Grammar {
            kind: "regex",
            message
        }
    );
    let object = Request::raw("x")
        .grammar(Grammar::JsonObject)
        .build()
        .unwrap();
    let message = "a compiler may panic".into();
    assert_eq!(
        reason(object),
        Rejection::Grammar {
            kind: "json_object",
            message
        }
    );
    lab.settle(0);
}

/// Never looks at a mask.
struct Stubborn(Spec);

impl Model for Stubborn {
    type Ticket = usize;

    fn spec(&self) -> &Spec {
        &self.0
    }

    fn launch(&mut self, batch: &Batch<'_>) -> Result<usize, ModelError> {
        Ok(batch.rows.iter().map(|row| row.sample.len()).sum())
    }

    fn collect(&mut self, choices: usize, next: &mut Vec<Next>) -> Result<(), ModelError> {
        next.extend((0..choices).map(|_| Next::Token(ids("q")[0].into())));
        Ok(())
    }
}

#[test]
fn a_model_that_ignores_the_mask_is_caught() {
    let engine = Engine::start(Stubborn(spec()), Arc::new(Words::new()), constrained()).unwrap();
    let answer = engine
        .generate(spell("qa"))
        .unwrap()
        .blocking()
        .completion();
    let Err(Error::Engine(message)) = answer else {
        panic!("{answer:?}");
    };
    assert!(
        message.contains("which the answer's grammar forbids"),
        "{message}"
    );
}
