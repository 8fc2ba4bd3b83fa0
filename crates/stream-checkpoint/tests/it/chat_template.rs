//! Chat templates: the same text as Jinja2, and an end to those that never end.

use serde_json::Value;
use stream_checkpoint::{ChatTemplate, ChatTemplateError, SpecialTexts};
use stream_core::Message;

const FIXTURE: &str = include_str!("../fixtures/chat_templates.json");

fn special() -> SpecialTexts {
    SpecialTexts {
        bos: Some("<s>".to_owned()),
        eos: Some("</s>".to_owned()),
        unknown: None,
        padding: Some("<pad>".to_owned()),
    }
}

pub(crate) fn messages(case: &Value) -> Vec<Message> {
    let message = |m: &Value| {
        let content = m["content"].as_str().expect("content");
        match m["role"].as_str().expect("role") {
            "system" => Message::system(content),
            "user" => Message::user(content),
            "assistant" => Message::assistant(content),
            other => panic!("role {other}"),
        }
    };
    let list = case["messages"].as_array().expect("messages");
    list.iter().map(message).collect()
}

#[test]
fn the_same_as_jinja2() {
    let cases: Vec<Value> = serde_json::from_str(FIXTURE).expect("a list of cases");
    assert!(cases.len() > 20);
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let template = ChatTemplate::new(case["template"].as_str().expect("a template"));
        let found = template.render(&messages(case), &special());
        let expected = match case["refused"].as_str() {
            Some(message) => Err(ChatTemplateError::Refused(message.to_owned())),
            None => Ok(case["text"].as_str().expect("a text").to_owned()),
        };
        assert_eq!(found, expected, "{name}");
    }
}

fn render(template: &str) -> Result<String, ChatTemplateError> {
    ChatTemplate::new(template).render(&[Message::user("Hi")], &special())
}

#[test]
fn mistakes_are_told_by_kind() {
    type Check = fn(&ChatTemplateError) -> bool;
    let syntax: Check = |e| matches!(e, ChatTemplateError::Syntax(_));
    let fuel: Check = |e| *e == ChatTemplateError::OutOfFuel;
    let failed: Check = |e| matches!(e, ChatTemplateError::Failed(_));
    let endless = "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}";
    let doubling = "{% set n = namespace(x='0123456789') %}{% for i in range(60) %}\
                    {% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}";
    let cases: [(&str, Check, &str); 9] = [
        (
            "{% for m in messages %}",
            syntax,
            "the chat template has a mistake: ",
        ),
        ("{{ messages[ }}", syntax, "mistake"),
        (endless, fuel, "did not end within 500000 steps"),
        (doubling, fuel, "did not end within"),
        ("{{ 'x' * 1000000000000 }}", fuel, "did not end within"),
        ("{% include '/etc/passwd' %}", failed, "template not found"),
        ("{{ messages.nothing.at_all }}", failed, "undefined"),
        ("{{ open('/etc/passwd') }}", failed, "open"),
        ("{{ strftime_now('%') }}", failed, "strftime_now"),
    ];
    for (template, check, expected) in cases {
        let error = render(template).expect_err(template);
        assert!(check(&error), "{template}: {error:?}");
        assert!(error.to_string().contains(expected), "{template}: {error}");
    }
}

#[test]
fn monstrous_templates_are_mistakes() {
    let deep = |open: &str, close: &str| open.repeat(5_000) + &close.repeat(5_000);
    let cases = [
        format!("{{{{ {} }}}}", deep("(", ")")),
        format!("{{{{ {} }}}}", deep("[", "]")),
        deep("{% if a %}", "{% endif %}"),
        "x".repeat((64 << 10) + 1),
    ];
    for template in cases {
        let error = render(&template).expect_err("too deep or too long");
        let begin: String = template.chars().take(20).collect();
        let mistake = matches!(error, ChatTemplateError::Syntax(_));
        assert!(mistake, "{begin}: {error:?}");
    }
}

/// Each of these overflows an ordinary stack of two megabytes.
#[test]
fn long_chains_and_deep_lists_find_room() {
    let chain = |link: &str, count: usize| link.repeat(count);
    let chains = [
        format!("{{{{ {}1 }}}}", chain("-", 20_000)),
        format!("{{{{ {}1 }}}}", chain("not ", 8_000)),
        format!("{{{{ {}1 }}}}", chain("1+", 8_000)),
        format!("{{{{ a{} }}}}", chain(".a", 10_000)),
        format!("{{{{ a{} }}}}", chain("()", 10_000)),
        format!("{{{{ [1]{} }}}}", chain("[1:]", 4_000)),
        format!("{{{{ [1]{} }}}}", chain("|list", 3_000)),
        format!("{{% if a %}}{}{{% endif %}}", chain("{% elif a %}", 4_000)),
    ];
    for template in chains {
        // Whatever it comes to, it comes to an end.
        let _ = render(&template);
    }
    for grow in [
        "[n.x]",
        "{'a': n.x}",
        "namespace(x=n.x)",
        "[n.x][:]",
        "dict(a=n.x)",
    ] {
        let template = format!(
            "{{% set n = namespace(x=0) %}}{{% for i in range(100000) %}}\
             {{% set n.x = {grow} %}}{{% endfor %}}"
        );
        assert_eq!(
            render(&template),
            Err(ChatTemplateError::OutOfFuel),
            "{grow}"
        );
    }
}

#[test]
fn what_is_written_is_bounded() {
    let wide = "{% set x = 'x' * 1000000 %}{% for i in range(31) %}{{ x }}{% endfor %}";
    let error = render(wide).expect_err("31 MB");
    assert_eq!(error, ChatTemplateError::TooLong);
}

#[test]
fn a_long_conversation_is_not_too_long() {
    let template = "{% for m in messages %}{{ '<' + m.role + '>' + m.content + '\n' }}{% endfor %}";
    let messages: Vec<Message> = (0..200)
        .map(|_| Message::user("words ".repeat(1_000)))
        .collect();
    let text = ChatTemplate::new(template).render(&messages, &special());
    assert_eq!(text.expect("1.2 MB").len(), 200 * (6_000 + 7));
}

#[test]
fn todays_date() {
    let year = render("{{ strftime_now('%Y') }}").expect("a year");
    assert!(year.parse::<u32>().is_ok_and(|year| year >= 2025), "{year}");
}
