//! Templates in the styles of known families: the same text as transformers.

use serde_json::Value;
use stream_checkpoint::{ChatInput, ChatTemplate, ChatTemplateError, Messages, SpecialTexts};

const FIXTURE: &str = include_str!("../fixtures/chat_styles.json");

fn special() -> SpecialTexts {
    SpecialTexts {
        bos: Some("<s>".to_owned()),
        eos: Some("</s>".to_owned()),
        unknown: None,
        padding: Some("<pad>".to_owned()),
    }
}

#[test]
fn the_same_as_transformers() {
    let cases: Vec<Value> = serde_json::from_str(FIXTURE).expect("a list of cases");
    assert!(cases.len() >= 48);
    let mut different = Vec::new();
    for case in &cases {
        let text = |key: &str| case[key].as_str();
        let variables: Vec<(&str, &str)> = case["variables"]
            .as_array()
            .expect("a list")
            .iter()
            .filter_map(|pair| Some((pair[0].as_str()?, pair[1].as_str()?)))
            .collect();
        let input = ChatInput {
            messages: Messages::Json(text("messages").expect("JSON")),
            tools: text("tools"),
            documents: text("documents"),
            add_generation_prompt: case["add_generation_prompt"] == true,
            variables: &variables,
        };
        let template = ChatTemplate::new(text("template").expect("a template"));
        let found = template.render_with(&input, &special());
        let right = match (&found, text("text"), text("kind")) {
            (Ok(found), Some(expected), _) => found == expected,
            (Err(ChatTemplateError::Refused(found)), None, Some("TemplateError")) => {
                Some(&**found) == text("refused")
            }
            (Err(ChatTemplateError::Failed(_)), None, Some(kind)) => kind != "TemplateError",
            _ => false,
        };
        if !right {
            let expected = text("text").or(text("refused"));
            different.push(format!(
                "{:?}\nfound {found:?}\nexpected {expected:?}",
                text("name")
            ));
        }
    }
    assert!(
        different.is_empty(),
        "{} differ\n{}",
        different.len(),
        different.join("\n\n")
    );
}
