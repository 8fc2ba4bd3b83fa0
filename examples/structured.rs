//! An answer that a program can read: the model fills a JSON Schema.

use serde_json::Value;
use stream_engine::{Ask, StreamingConfig, StreamingEngine};

const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "name": { "type": "string", "maxLength": 40 },
        "country": { "type": "string", "maxLength": 40 },
        "founded": { "type": "integer", "minimum": 0, "maximum": 2100 },
        "on_the_sea": { "type": "boolean" },
        "known_for": {
            "type": "array",
            "items": { "type": "string", "maxLength": 30 },
            "minItems": 1,
            "maxItems": 3
        }
    },
    "required": ["name", "country", "founded", "on_the_sea", "known_for"],
    "additionalProperties": false
}"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let engine = StreamingEngine::new(StreamingConfig::default().temperature(0.0));
    let question = "Describe the city of Lisbon as a JSON object with the keys name, country, \
                    founded, on_the_sea and known_for.";
    let mut text = String::new();
    for token in engine.generate_iter(Ask::new(question).json_schema(SCHEMA).max_tokens(300))? {
        text.push_str(&token?.text);
    }
    let city: Value = serde_json::from_str(&text)?;
    println!("{city:#}");
    println!("known for: {}", city["known_for"][0]);
    Ok(())
}
