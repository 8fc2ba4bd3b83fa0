//! Row 31 of the list of faults: evil templates, and requests that reach for what is not theirs.

use stream_checkpoint::{ChatInput, ChatTemplate, ChatTemplateError, Messages, SpecialTexts};
use stream_core::Message;

fn render(template: &str) -> Result<String, ChatTemplateError> {
    let messages = [Message::user("Hi")];
    ChatTemplate::new(template).render(&messages, &SpecialTexts::default())
}

fn render_with(template: &str, input: &ChatInput<'_>) -> Result<String, ChatTemplateError> {
    ChatTemplate::new(template).render_with(input, &SpecialTexts::default())
}

#[test]
fn a_request_sets_only_the_variables_that_it_may() {
    let messages = [Message::user("Hi")];
    let set = |name, json| {
        let template =
            "{{ messages[0].content }} {{ enable_thinking }} {{ add_generation_prompt }}";
        let variables = [(name, json)];
        let input = ChatInput {
            variables: &variables,
            ..ChatInput::new(&messages)
        };
        render_with(template, &input)
    };
    assert_eq!(
        set("enable_thinking", "false").expect("text"),
        "Hi False True"
    );
    let forbidden = [
        "messages",
        "tools",
        "documents",
        "add_generation_prompt",
        "bos_token",
        "eos_token",
        "raise_exception",
        "strftime_now",
        "namespace",
        "range",
        "loop",
        "anything",
        "",
    ];
    for name in forbidden {
        let error = set(name, "[]").expect_err(name);
        let expected = ChatTemplateError::Variable {
            name: name.to_owned(),
        };
        assert_eq!(error, expected);
        let allowed = "it can set: add_vision_id, builtin_tools";
        assert!(error.to_string().contains(allowed), "{error}");
    }
}

#[test]
fn what_is_no_conversation_is_refused() {
    let input = ChatInput::new(&[]);
    let json = |messages, tools| ChatInput {
        messages: Messages::Json(messages),
        tools,
        ..input
    };
    let deep = "[".repeat(10_000);
    let cases = [
        (
            json("", None),
            "the chat's messages must be a JSON array of objects: ",
        ),
        (json("{}", None), "the chat's messages must be"),
        (json("[1]", None), "the chat's messages must be"),
        (json(&deep, None), "recursion limit"),
        (json("[]", Some("{\"a\": 1}")), "the chat's tools must be"),
        (
            ChatInput {
                documents: Some("7"),
                ..input
            },
            "the chat's documents must be",
        ),
        (
            ChatInput {
                variables: &[("enable_thinking", "maybe")],
                ..input
            },
            "the chat's enable_thinking must be JSON: ",
        ),
    ];
    for (input, expected) in cases {
        let error = render_with("{{ messages }}", &input).expect_err(expected);
        assert!(
            matches!(error, ChatTemplateError::Input { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_namespace_that_holds_itself_does_no_harm() {
    let uses = [
        "{{ n }}",
        "{{ n.me }}",
        "{{ n | string }}",
        "{{ [n] | string }}",
        "{{ {'a': n} }}",
        "{{ n ~ n }}",
        "{{ n == n.me }}",
        "{{ [n] == [n.me] }}",
        "{{ n < n.me }}",
        "{{ [n, n.me] | sort | length }}",
        "{{ [n, n.me] | unique | list | length }}",
        "{{ n in [n] }}",
        "{{ n | tojson }}",
        "{{ n | list }}",
        "{{ n | length }}",
        "{{ n | pprint }}",
        "{{ debug() }}",
        "{{ {n: 1} }}",
        "{% for x in n %}{{ x }}{% endfor %}",
    ];
    for hold in ["n", "[n]", "{'n': n}", "namespace(x=n)", "(n, 1)"] {
        for it in uses {
            let template = format!(
                "{{% set n = namespace() %}}{{% set n.me = {hold} %}}{it}{{% set n.more = n.me %}}"
            );
            // Text or an error, but an end.
            if let Ok(text) = render(&template) {
                assert!(text.len() < 10_000, "{template}: {} bytes", text.len());
            }
        }
    }
    let printed = render("{% set n = namespace(a=1) %}{% set n.me = n %}{{ n }} {{ n.me.me.a }}");
    assert_eq!(printed.expect("text"), "<Namespace> 1");
}

/// None of these can be had for the fuel that there is: what is done to data costs as much as
/// the data is long.
#[test]
fn huge_data_costs_fuel() {
    let begin = "{% set s = 'a' * 1000000 %}{% set l = range(50000) | list %}{% set n = namespace(l=l, d={}) %}";
    let again = |what: &str| format!("{begin}{{% for i in range(100000) %}}{what}{{% endfor %}}");
    let cases = [
        "{{ 'a' * 10**9 }}".to_owned(),
        "{{ 10**9 * 'a' }}".to_owned(),
        "{{ 'a' * 10**30 }}".to_owned(),
        "{{ [0] * 10**9 }}".to_owned(),
        "{{ range(10**9) | list | length }}".to_owned(),
        format!("{begin}{{{{ s * 1000000 }}}}"),
        format!("{begin}{{{{ s.replace('a', s) | length }}}}"),
        format!("{begin}{{{{ s.replace('', s) | length }}}}"),
        format!("{begin}{{{{ s | replace('a', s) | length }}}}"),
        format!("{begin}{{{{ s.join(l) | length }}}}"),
        format!("{begin}{{{{ l | join(s) | length }}}}"),
        format!("{begin}{{{{ '\\n'.join(l) | indent(1000000) | length }}}}"),
        "{{ '%1000000000d' | format(1) | length }}".to_owned(),
        "{{ '{:1000000000}'.format(1) | length }}".to_owned(),
        "{{ [[1]] | tojson(indent=10**9) | length }}".to_owned(),
        format!("{begin}{{{{ l | tojson(indent=1000) | length }}}}"),
        again("{% if s | length %}{% endif %}"),
        again("{% if s == s ~ '' %}{% endif %}"),
        again("{% if 'b' in s %}{% endif %}"),
        again("{% if s[1:] %}{% endif %}"),
        again("{% if s.count('b') %}{% endif %}"),
        again("{% if s.split('b') %}{% endif %}"),
        again("{% if s | upper %}{% endif %}"),
        again("{% if s | trim %}{% endif %}"),
        again("{% if l | sort %}{% endif %}"),
        again("{% if l | tojson %}{% endif %}"),
        again("{% if -1 in l %}{% endif %}"),
        again("{% if l == range(50000) | list %}{% endif %}"),
        again("{% set n.l = n.l[1:] %}"),
        again("{% set n.l = n.l[::-1] %}"),
        again("{% set n.l = n.l + [1] %}"),
    ];
    for template in cases {
        let error = render(&template).expect_err(&template);
        let known = match &error {
            ChatTemplateError::OutOfFuel | ChatTemplateError::TooLong => true,
            ChatTemplateError::Failed(problem) => {
                problem.contains("too large")
                    || problem.contains("range")
                    || problem.contains("overflow")
            }
            _ => false,
        };
        assert!(known, "{template}: {error:?}");
    }
}

#[test]
fn a_mistake_is_told_with_its_line() {
    let begin = "{% set n = namespace(a=1) %}\n{% set n.a = 2,\n3 %}\n{% generation %}\n";
    let end = "\n{% endgeneration %}";
    for (wrong, kind) in [
        ("{{ nothing.at.all }}", "failed"),
        ("{{ 1 + [] }}", "failed"),
        ("{{ | }}", "has a mistake"),
    ] {
        let error = render(&format!("{begin}{wrong}{end}")).expect_err(wrong);
        let text = error.to_string();
        assert!(
            text.contains(kind) && text.contains("chat_template:5"),
            "{text}"
        );
    }
    let error = render("{% set x = {} %}{% set x.a = 1 %}").expect_err("no namespace");
    assert!(error.to_string().contains("chat_template:1"), "{error}");
}
