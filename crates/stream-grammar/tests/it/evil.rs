//! Grammars that are wrong, or are meant to do harm.

use std::sync::Arc;
use std::time::Duration;

use stream_core::Grammar;
use stream_grammar::{GrammarLimits, Grammars};
use stream_runtime::grammar::{CompileError, GrammarCompiler};

use crate::lab::{Cutter, grammars, lark, patient, random, refusal, regex, schema, walk};

/// Schemas in one another, so deep.
fn nested(depth: usize) -> String {
    let open = r#"{"type":"array","items":"#.repeat(depth);
    format!("{open}{{}}{}", "}".repeat(depth))
}

/// References to references, so many.
fn referring(count: usize) -> String {
    let links = (0..count).map(|i| format!(r##""{i}":{{"$ref":"#/$defs/{}"}},"##, i + 1));
    let links: String = links.collect();
    format!(r##"{{"$ref":"#/$defs/0","$defs":{{{links}"{count}":{{"type":"null"}}}}}}"##)
}

/// Rules or terminals that lead to one another, so many.
fn chain(first: char, count: usize) -> String {
    let links = (0..count).map(|i| format!("{first}{i}:{first}{}\n", i + 1));
    let links: String = links.collect();
    format!("start:{first}0\n{links}{first}{count}:\"x\"\n")
}

#[test]
fn what_is_wrong_is_said() {
    let grammars = grammars();
    let cases = [
        (schema("{"), "it is not JSON"),
        (schema("3"), "schema must be an object or boolean"),
        (schema("false"), "schema is false"),
        (
            schema(r#"{"not":{"type":"string"}}"#),
            r#"Unimplemented keys: ["not"]"#,
        ),
        (schema(r#"{"enum":[]}"#), "Unsatisfiable schema"),
        (
            schema(r#"{"type":"integer","minimum":5,"maximum":3}"#),
            "minimum (5) is greater",
        ),
        (
            schema(r#"{"type":"string","pattern":"("}"#),
            "unclosed group",
        ),
        (
            schema(r#"{"$ref":"https://example.com/x.json"}"#),
            "Only absolute $ref's",
        ),
        (
            schema(r#"{"$ref":"file:///etc/hosts"}"#),
            "Only absolute $ref's",
        ),
        (schema(r##"{"$ref":"#/$defs/none"}"##), "none"),
        (regex("(a"), "unclosed group, at byte 0"),
        (regex("a{5,2}"), "invalid repetition count range"),
        (regex("(?=a)b"), "look-around"),
        (
            regex(r"(a)\1"),
            "backreferences are not supported, at byte 3",
        ),
        (regex(r"\bword\b"), "lookarounds not supported"),
        (lark("start: ("), "Expected token ')'"),
        (lark("other: \"a\""), "no start rule found"),
        (lark("start: other"), "unknown name: \"other\""),
        (lark("start: <|im_end|>"), "special token"),
    ];
    for (grammar, expected) in cases {
        let message = refusal(&grammars, &grammar);
        assert!(message.contains(expected), "{grammar:?}: {message}");
        assert!(!message.contains("backtrace"), "{message}");
    }
}

#[test]
fn what_matches_nothing_is_refused() {
    let grammars = grammars();
    let cases = [
        regex("[a&&b]"),
        lark("start: start"),
        schema(r##"{"$ref":"#"}"##),
        schema(
            r##"{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}}}"##,
        ),
    ];
    for grammar in cases {
        let message = refusal(&grammars, &grammar);
        assert_eq!(message, "it allows no text here", "{grammar:?}");
    }
}

#[test]
fn depth_does_not_overflow_a_stack() {
    let grammars = grammars();
    assert!(refusal(&grammars, &schema(&nested(10_000))).contains("recursion limit"));
    let brackets = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
    assert!(refusal(&grammars, &regex(&brackets)).contains("nest"));
    let brackets = format!("start: {}\"a\"{}", "(".repeat(30_000), ")".repeat(30_000));
    assert!(refusal(&grammars, &lark(&brackets)).contains("too deeply nested"));
    // As long as chains may be.
    for text in [chain('A', 5500), chain('a', 5500)] {
        assert!((60_000..65_536).contains(&text.len()), "{}", text.len());
        let walk = walk(&mut *grammars.compile(&lark(&text)).unwrap(), 5, random(1));
        assert_eq!((walk.text.as_str(), walk.ended), ("x", true));
    }
    let text = referring(8000);
    assert!(text.len() < 262_144, "{}", text.len());
    let walk = walk(
        &mut *grammars.compile(&schema(&text)).unwrap(),
        9,
        random(1),
    );
    assert!(walk.ended && walk.text.trim() == "null", "{walk:?}");
}

/// Grammars that would be huge if they were written out. They are compiled or refused, and what
/// is compiled gives masks within its budget.
#[test]
fn size_is_bounded() {
    let grammars = grammars();
    let properties: Vec<_> = (0..1500)
        .map(|i| {
            format!(
                r#""p{i}":{{"type":"string","pattern":"^[a-z]{{1,{}}}$"}}"#,
                i % 50 + 1
            )
        })
        .collect();
    let words: Vec<_> = (0..20_000).map(|i| format!("w{i}x")).collect();
    let cases = [
        regex("a{1000000000}"),
        regex("((a{1000}){1000}){1000}"),
        regex("(?:a|b)*a(?:a|b){200}"),
        regex("(.*foo.*){40}"),
        regex(r"(?:a+)+(?:b|bb)*c"),
        regex(r"\p{L}{500}\w{300}.{400}"),
        regex(&words.join("|")),
        lark("start: a{1000}\na: b{1000}\nb: \"a\"{1000}"),
        lark("start: s\ns: s s | \"a\" | "),
        schema(r#"{"type":"array","items":{"type":"integer"},"minItems":1000000}"#),
        schema(r#"{"type":"string","minLength":1000000,"maxLength":4000000000}"#),
        schema(r#"{"type":"integer","multipleOf":1234567891}"#),
        schema(&format!(
            r#"{{"type":"object","properties":{{{}}}}}"#,
            properties.join(",")
        )),
    ];
    let mut compiled = 0;
    for grammar in cases {
        let Ok(mut matcher) = grammars.compile(&grammar) else {
            continue;
        };
        compiled += 1;
        let mut pick = random(3);
        for _ in 0..20 {
            let Ok(allowed) = matcher.allowed() else {
                break;
            };
            let ids: Vec<_> = allowed.tokens.iter().collect();
            if ids.is_empty() || matcher.accept(ids[pick(ids.len())]).is_err() {
                break;
            }
        }
    }
    assert!(compiled > 5, "only {compiled} were compiled");
    let long = lark(&format!("start: \"{}\"", "x".repeat(65_536)));
    assert!(refusal(&grammars, &long).contains("at most 65536 are read"));
}

#[test]
fn who_waits_too_long_is_told() {
    let tokenizer = Arc::new(Cutter::default());
    let limits = GrammarLimits {
        compile_time: Duration::ZERO,
        ..patient()
    };
    let hurried = Grammars::with_limits(tokenizer.clone(), limits);
    let message = refusal(&hurried, &regex("(?:abc){1,50}"));
    assert_eq!(message, "it takes longer than 0ns to compile");
    let limits = GrammarLimits {
        compile_time: Duration::ZERO,
        concurrent: 0,
        ..patient()
    };
    let full = Grammars::with_limits(tokenizer, limits);
    let refused = full.compile(&Grammar::JsonObject).err();
    assert_eq!(refused, Some(CompileError::Busy { capacity: 0 }));
}
