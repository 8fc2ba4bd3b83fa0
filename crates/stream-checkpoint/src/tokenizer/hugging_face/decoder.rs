//! The decoder of `tokenizer.json`, as the bytes of each token.

use serde_json::Value;
use tokenizers::Tokenizer as Encoder;

use super::super::bytes::{Alphabet, Leading, fallback_byte, strip};
use super::broken;
use crate::error::Fault;

/// A decoder that turns each token into bytes by itself, whatever its neighbours are.
#[derive(Default)]
pub(super) struct TokenDecoder {
    steps: Vec<Step>,
    leading: Leading,
    /// The tokens are one text from here on.
    fused: bool,
    /// Bytes were made from here on.
    bytes: bool,
}

/// What is done to the text of one token.
enum Step {
    Replace { pattern: String, content: String },
    ByteFallback,
    ByteLevel(Box<Alphabet>),
    Strip(Strip),
}

struct Strip {
    content: char,
    start: usize,
    stop: usize,
}

/// Reads the decoder's description.
pub(super) fn read(encoder: &Encoder) -> Result<TokenDecoder, Fault> {
    let decoder = encoder
        .get_decoder()
        .ok_or_else(|| broken("has no decoder, so the text of its tokens is not known"))?;
    let description = serde_json::to_value(decoder).map_err(|e| broken(&e.to_string()))?;
    let mut out = TokenDecoder::default();
    out.add(&description)?;
    Ok(out)
}

impl TokenDecoder {
    fn add(&mut self, description: &Value) -> Result<(), Fault> {
        let kind = description["type"].as_str().unwrap_or("without a type");
        match kind {
            "Sequence" => {
                let steps = description["decoders"].as_array();
                return steps.into_iter().flatten().try_for_each(|d| self.add(d));
            }
            "Fuse" => self.fused = true,
            "ByteLevel" if self.steps.is_empty() && !self.fused => {
                self.push(Step::ByteLevel(Box::new(Alphabet::new())));
                (self.fused, self.bytes) = (true, true);
            }
            "ByteFallback" if !self.fused && !self.bytes => {
                self.push(Step::ByteFallback);
                self.bytes = true;
            }
            "Replace" if !self.fused && !self.bytes => self.replace(description)?,
            "Metaspace" if !self.fused && !self.bytes => self.metaspace(description)?,
            "Strip" => self.strip(description)?,
            _ => return Err(unsupported(description)),
        }
        Ok(())
    }

    fn push(&mut self, step: Step) {
        self.steps.push(step);
    }

    fn replace(&mut self, description: &Value) -> Result<(), Fault> {
        let pattern = description["pattern"]["String"].as_str();
        let content = description["content"].as_str();
        let (Some(pattern), Some(content)) = (pattern, content) else {
            return Err(unsupported(description));
        };
        if pattern.is_empty() {
            return Err(unsupported(description));
        }
        self.push(Step::Replace {
            pattern: pattern.to_owned(),
            content: content.to_owned(),
        });
        Ok(())
    }

    /// Its mark is a space, but in the first token of a text it is nothing.
    fn metaspace(&mut self, description: &Value) -> Result<(), Fault> {
        let mark = description["replacement"].as_str();
        let pattern = mark.ok_or_else(|| unsupported(description))?.to_owned();
        let content = " ".to_owned();
        self.push(Step::Replace { pattern, content });
        if description["prepend_scheme"] != "never" {
            self.leading = Leading::FirstTokensSpaces;
        }
        Ok(())
    }

    fn strip(&mut self, description: &Value) -> Result<(), Fault> {
        let strip = Strip::read(description).ok_or_else(|| unsupported(description))?;
        match (self.fused, self.bytes) {
            (true, _) if strip.stop == 0 && self.leading == Leading::Kept => {
                self.leading = Leading::Stripped {
                    content: strip.content,
                    most: strip.start,
                };
            }
            (false, false) => self.push(Step::Strip(strip)),
            _ => return Err(unsupported(description)),
        }
        Ok(())
    }

    /// What a whole text loses at its beginning.
    pub(super) fn leading(&self) -> Leading {
        self.leading
    }

    /// The bytes that a token with this text adds to what stands before it.
    pub(super) fn bytes(&self, token: &str) -> Vec<u8> {
        let mut text = token.to_owned();
        for step in &self.steps {
            match step {
                Step::Replace { pattern, content } => text = text.replace(pattern, content),
                Step::Strip(strip) => text = strip.apply(&text).to_owned(),
                Step::ByteFallback => {
                    if let Some(byte) = fallback_byte(&text) {
                        return vec![byte];
                    }
                }
                Step::ByteLevel(alphabet) => return alphabet.bytes(&text),
            }
        }
        text.into_bytes()
    }
}

impl Strip {
    fn read(description: &Value) -> Option<Self> {
        let count = |key: &str| usize::try_from(description[key].as_u64()?).ok();
        Some(Self {
            content: description["content"].as_str()?.chars().next()?,
            start: count("start")?,
            stop: count("stop")?,
        })
    }

    fn apply<'a>(&self, text: &'a str) -> &'a str {
        let mut text = strip(text, self.content, self.start);
        for _ in 0..self.stop {
            match text.strip_suffix(self.content) {
                Some(rest) => text = rest,
                None => break,
            }
        }
        text
    }
}

fn unsupported(description: &Value) -> Fault {
    let mut text = description.to_string();
    if let Some((end, _)) = text.char_indices().nth(200) {
        text.truncate(end);
        text.push('…');
    }
    broken(&format!(
        "the decoder {text} is not supported here; known are ByteLevel, and Replace, Metaspace, \
         Strip, ByteFallback and Fuse in an order that decodes each token by itself"
    ))
}
