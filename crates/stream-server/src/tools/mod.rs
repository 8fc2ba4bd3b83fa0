//! Calls of tools, found in the model's text while it is made.

mod call;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::call::{CallReader, Progress};

const OPEN: &str = "<tool_call>";
const CLOSE: &str = "</tool_call>";

/// How calls stand in the model's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ToolStyle {
    /// There are none.
    None,
    /// Among other text, as `<tool_call>{"name": …, "arguments": …}</tool_call>`: Hermes, Qwen,
    /// SmolLM, and what models without a form of their own are told to write.
    Tagged {
        /// Whether there may be more than one; else what follows the first is left out.
        several: bool,
    },
    /// The whole text is the object of one call: a grammar forces it.
    Bare,
    /// The whole text is the arguments of a call of this function: a grammar forces it.
    Arguments {
        /// The function.
        name: Arc<str>,
    },
}

/// A part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// What the model says.
    Text(String),
    /// A call begins: the next ones of this number are its arguments.
    Call { index: usize, name: String },
    /// More of a call's arguments.
    Arguments { index: usize, text: String },
}

/// Takes an answer apart as it comes.
#[derive(Debug)]
pub(crate) struct ToolReader {
    place: Place,
    calls: usize,
    several: bool,
}

#[derive(Debug)]
enum Place {
    /// Ordinary text; held is what may become a tag, and white space after a call.
    Outside { held: String },
    /// Inside of a call's object; `tagged` if a tag has to follow.
    Inside { call: CallReader, tagged: bool },
    /// Between a call's object and its closing tag.
    Behind { seen: String },
    /// All of it is the arguments of call 0.
    Arguments,
    /// Behind the object of a bare call.
    Done,
}

impl ToolReader {
    /// A reader of answers in this style; what it gives first may be the beginning of a call.
    pub(crate) fn new(style: &ToolStyle, out: &mut Vec<Piece>) -> Self {
        let mut calls = 0;
        let place = match style {
            ToolStyle::None | ToolStyle::Tagged { .. } => Place::Outside {
                held: String::new(),
            },
            ToolStyle::Bare => Place::Inside {
                call: CallReader::default(),
                tagged: false,
            },
            ToolStyle::Arguments { name } => {
                let name = name.to_string();
                out.push(Piece::Call { index: 0, name });
                calls = 1;
                Place::Arguments
            }
        };
        let several = *style == ToolStyle::Tagged { several: true };
        Self {
            place,
            calls,
            several,
        }
    }

    /// How many calls have begun.
    pub(crate) fn calls(&self) -> usize {
        self.calls
    }

    /// Takes more text and gives the parts that are certain.
    pub(crate) fn push(&mut self, text: &str, out: &mut Vec<Piece>) {
        let mut rest = text.to_owned();
        while !rest.is_empty() {
            rest = self.step(rest, out);
        }
    }

    /// Gives what was held back, at the end of the answer.
    pub(crate) fn finish(&mut self, out: &mut Vec<Piece>) {
        match std::mem::replace(&mut self.place, Place::Done) {
            Place::Outside { held } => self.say(held, out),
            Place::Inside { call, tagged } => {
                let open = if tagged { OPEN } else { "" };
                if let Some(raw) = call.unannounced() {
                    self.say(format!("{open}{raw}"), out);
                }
            }
            Place::Behind { .. } | Place::Arguments | Place::Done => {}
        }
    }

    /// Text that is no call; white space after calls only parts them.
    fn say(&self, text: String, out: &mut Vec<Piece>) {
        if !(text.is_empty() || self.calls > 0 && text.trim().is_empty()) {
            out.push(Piece::Text(text));
        }
    }

    /// Takes text in one place, and gives what is left for the next.
    fn step(&mut self, text: String, out: &mut Vec<Piece>) -> String {
        match &mut self.place {
            Place::Outside { held } => {
                let seen = std::mem::take(held) + &text;
                self.outside(seen, out)
            }
            Place::Inside { .. } => self.inside(&text, out),
            Place::Behind { seen } => {
                seen.push_str(&text);
                let Some((_, rest)) = seen.split_once(CLOSE) else {
                    return String::new();
                };
                let rest = rest.to_owned();
                self.place = Place::Outside {
                    held: String::new(),
                };
                rest
            }
            Place::Arguments => {
                out.push(Piece::Arguments { index: 0, text });
                String::new()
            }
            Place::Done => String::new(),
        }
    }

    fn outside(&mut self, seen: String, out: &mut Vec<Piece>) -> String {
        if let Some((before, after)) = seen.split_once(OPEN) {
            self.say(before.to_owned(), out);
            self.place = Place::Inside {
                call: CallReader::default(),
                tagged: true,
            };
            return after.to_owned();
        }
        let blank = self.calls > 0 && seen.trim().is_empty();
        let keep = if blank { seen.len() } else { overlap(&seen) };
        let (certain, held) = seen.split_at(seen.len() - keep);
        self.say(certain.to_owned(), out);
        self.place = Place::Outside {
            held: held.to_owned(),
        };
        String::new()
    }

    fn inside(&mut self, text: &str, out: &mut Vec<Piece>) -> String {
        let Place::Inside { call, tagged } = &mut self.place else {
            return String::new();
        };
        let (progress, rest) = call.push(text, self.calls, out);
        let (tagged, rest) = (*tagged, rest.to_owned());
        match progress {
            Progress::More => {}
            Progress::Whole => {
                self.calls += 1;
                self.place = match tagged && self.several {
                    true => Place::Behind {
                        seen: String::new(),
                    },
                    false => Place::Done,
                };
            }
            // What is no call is text, as the model wrote it.
            Progress::Malformed(raw) => {
                self.place = Place::Outside {
                    held: String::new(),
                };
                let open = if tagged { OPEN } else { "" };
                self.say(format!("{open}{raw}"), out);
            }
            Progress::Broken => {
                self.calls += 1;
                self.place = Place::Behind {
                    seen: String::new(),
                };
            }
        }
        rest
    }
}

/// How many bytes at the end of `text` may begin a tag.
fn overlap(text: &str) -> usize {
    let longest = OPEN.len().min(text.len() + 1);
    let fits = |n: &usize| OPEN.get(..*n).is_some_and(|head| text.ends_with(head));
    (1..longest.max(1)).rev().find(fits).unwrap_or(0)
}
