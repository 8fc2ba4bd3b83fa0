//! Calls, cut everywhere.

use proptest::prelude::*;

use super::*;

const TAGGED: ToolStyle = ToolStyle::Tagged { several: true };

/// What an answer says: its text, and its calls.
fn read(style: &ToolStyle, chunks: &[&str]) -> (String, Vec<(String, String)>) {
    let mut pieces = Vec::new();
    let mut reader = ToolReader::new(style, &mut pieces);
    for chunk in chunks {
        reader.push(chunk, &mut pieces);
    }
    reader.finish(&mut pieces);
    let (mut said, mut calls) = (String::new(), Vec::<(String, String)>::new());
    for piece in pieces {
        match piece {
            Piece::Text(text) => said.push_str(&text),
            Piece::Call { index, name } => {
                assert_eq!(index, calls.len());
                calls.push((name, String::new()));
            }
            Piece::Arguments { index, text } => {
                assert_eq!(index + 1, calls.len());
                calls[index].1.push_str(&text);
            }
        }
    }
    (said, calls)
}

/// A name and its arguments.
type Call = (&'static str, &'static str);

/// An answer, what it says, and its calls.
const ANSWERS: &[(&str, &str, &[Call])] = &[
    ("plain < text <tool", "plain < text <tool", &[]),
    (
        "Let me look.\n<tool_call>\n{\"name\": \"look\", \"arguments\": {\"at\": \"a\\\"}é\"}}\n</tool_call>",
        "Let me look.\n",
        &[("look", "{\"at\": \"a\\\"}é\"}")],
    ),
    (
        "<tool_call>{\"name\":\"a\",\"arguments\":{}}</tool_call>\n<tool_call>{\"arguments\":{\"x\":[1,{}]},\"name\":\"b\"}</tool_call>\n",
        "",
        &[("a", "{}"), ("b", "{\"x\":[1,{}]}")],
    ),
    (
        "<tool_call>{\"id\": 7, \"name\": \"f\", \"parameters\": \"{\\\"q\\\": 1}\"}</tool_call> then",
        " then",
        &[("f", "{\"q\": 1}")],
    ),
    ("<tool_call>nonsense", "<tool_call>nonsense", &[]),
    ("<tool_call>{\"no\": 1}", "<tool_call>{\"no\": 1}", &[]),
    ("<tool_call>{\"name\": 5}", "<tool_call>{\"name\": 5}", &[]),
    ("<tool_call>{\"na", "<tool_call>{\"na", &[]),
    (
        "<tool_call>{\"name\": \"f\", \"arguments\": {\"cut",
        "",
        &[("f", "{\"cut")],
    ),
];

fn expected(calls: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, text): &(&str, &str)| (name.to_string(), text.to_string());
    calls.iter().map(owned).collect()
}

#[test]
fn calls_are_found_whole_and_letter_by_letter() {
    for (answer, said, calls) in ANSWERS {
        let whole = read(&TAGGED, &[answer]);
        assert_eq!(whole, (said.to_string(), expected(calls)), "{answer}");
        let letters: Vec<_> = answer.split_inclusive(|_| true).collect();
        assert_eq!(read(&TAGGED, &letters), whole, "{answer}");
    }
}

#[test]
fn forced_calls_need_no_tags() {
    let call = ["{\"name\": \"f\", \"argu", "ments\": {\"a\": 1}}"];
    let calls = vec![("f".to_owned(), "{\"a\": 1}".to_owned())];
    assert_eq!(
        read(&ToolStyle::Bare, &call),
        (String::new(), calls.clone())
    );
    let named = ToolStyle::Arguments { name: "f".into() };
    assert_eq!(read(&named, &["{\"a\"", ": 1}"]), (String::new(), calls));
}

#[test]
fn one_call_is_one_where_there_may_be_one() {
    let (answer, _, calls) = ANSWERS[2];
    let one = read(&ToolStyle::Tagged { several: false }, &[answer]);
    assert_eq!(one, (String::new(), expected(&calls[..1])));
}

#[test]
fn arguments_come_as_they_are_made() {
    let mut pieces = Vec::new();
    let mut reader = ToolReader::new(&TAGGED, &mut pieces);
    reader.push(
        "<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":",
        &mut pieces,
    );
    let told = [
        Piece::Call {
            index: 0,
            name: "f".into(),
        },
        Piece::Arguments {
            index: 0,
            text: "{\"a\":".into(),
        },
    ];
    assert_eq!(pieces, told);
}

proptest! {
    /// Whatever the text, cutting it changes nothing.
    #[test]
    fn cuts_change_nothing(text in r#"(<tool_call>|</tool_call>|[{}":,a-c\\ \[\]é]|"name":|"arguments":){0,24}"#, cut in 0usize..200) {
        let cut = (0..=cut.min(text.len())).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let (head, tail) = text.split_at(cut);
        let whole = read(&TAGGED, &[&text]);
        prop_assert_eq!(read(&TAGGED, &[head, tail]), whole);
    }

    /// Where there is no tag, nothing is lost.
    #[test]
    fn text_without_tags_is_kept(text in "[<>a-z_/ é]{0,40}") {
        prop_assume!(!text.contains(OPEN));
        prop_assert_eq!(read(&TAGGED, &[&text]), (text.clone(), vec![]));
    }
}
