//! The object of one call, read as it comes.

use super::Piece;

/// A name of a function is not longer.
const LONGEST_NAME: usize = 256;

/// Reads `{"name": "…", "arguments": {…}}`, with its members in any order. `parameters` is another
/// name for the arguments.
#[derive(Debug, Default)]
pub(super) struct CallReader {
    /// All that was read, until the call is announced.
    raw: String,
    place: Place,
    name: Option<String>,
    /// Arguments that came before the name.
    early: String,
}

/// How far a call is after some text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// There is more to come.
    More,
    /// The object is complete.
    Whole,
    /// It is no call, and none of it was told: this is its text.
    Malformed(String),
    /// It is no JSON, but it was told already that a call begins.
    Broken,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Place {
    #[default]
    Start,
    /// Before a member's name, or the end.
    Member,
    Key(Text),
    Colon {
        key: String,
    },
    Value {
        key: Member,
        value: Value,
    },
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Member {
    Name,
    Arguments,
    Other,
}

/// A text of JSON with its quotes, as far as it was read.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Text {
    json: String,
    escaped: bool,
}

impl Text {
    /// Takes a character; true if it ends the text.
    fn push(&mut self, c: char) -> bool {
        self.json.push(c);
        let ends = c == '"' && !self.escaped && self.json.len() > 1;
        self.escaped = c == '\\' && !self.escaped;
        ends
    }

    fn decode(&self) -> Option<String> {
        serde_json::from_str(&self.json).ok()
    }
}

/// A value as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Value {
    Before,
    Text(Text),
    /// An object or a list: how deep, and whether inside of a text.
    Nested {
        depth: usize,
        text: Option<bool>,
    },
    /// A number, `true`, `false` or `null`.
    Word,
}

impl CallReader {
    /// What was read of a call that was never told of.
    pub(super) fn unannounced(self) -> Option<String> {
        (self.name.is_none()).then_some(self.raw)
    }

    /// Takes text; gives how far it is, and the text behind the object.
    pub(super) fn push<'t>(
        &mut self,
        text: &'t str,
        index: usize,
        out: &mut Vec<Piece>,
    ) -> (Progress, &'t str) {
        let mut arguments = String::new();
        let mut result = (Progress::More, "");
        for (at, c) in text.char_indices() {
            if self.name.is_none() {
                self.raw.push(c);
            }
            let taken = self.take(c, index, &mut arguments, out);
            let rest = text.get(at + c.len_utf8()..).unwrap_or("");
            if taken.is_none() {
                result = match self.name.is_some() {
                    true => (Progress::Broken, rest),
                    false => (Progress::Malformed(std::mem::take(&mut self.raw)), rest),
                };
                break;
            }
            if self.place == Place::End {
                result = match self.name.is_some() {
                    true => (Progress::Whole, rest),
                    false => (Progress::Malformed(std::mem::take(&mut self.raw)), rest),
                };
                break;
            }
        }
        self.tell(arguments, index, out);
        result
    }

    fn tell(&mut self, text: String, index: usize, out: &mut Vec<Piece>) {
        match (&self.name, text.is_empty()) {
            (_, true) => {}
            (Some(_), false) => out.push(Piece::Arguments { index, text }),
            (None, false) => self.early.push_str(&text),
        }
    }

    /// Takes one character; `None` if it cannot stand there.
    fn take(
        &mut self,
        c: char,
        index: usize,
        arguments: &mut String,
        out: &mut Vec<Piece>,
    ) -> Option<()> {
        let blank = c.is_ascii_whitespace();
        let next = match (&mut self.place, c) {
            (Place::Start | Place::Member | Place::Colon { .. }, _) if blank => return Some(()),
            (Place::Start, '{') | (Place::Member, ',') => Place::Member,
            (Place::Member, '}') => Place::End,
            (Place::Member, '"') => {
                let mut key = Text::default();
                key.push(c);
                Place::Key(key)
            }
            (Place::Key(key), _) => match key.push(c) {
                false => return Some(()),
                true => Place::Colon { key: key.decode()? },
            },
            (Place::Colon { key }, ':') => Place::Value {
                key: match key.as_str() {
                    "name" => Member::Name,
                    "arguments" | "parameters" => Member::Arguments,
                    _ => Member::Other,
                },
                value: Value::Before,
            },
            (Place::Value { .. }, _) => return self.value(c, index, arguments, out),
            _ => return None,
        };
        self.place = next;
        Some(())
    }

    fn value(
        &mut self,
        c: char,
        index: usize,
        arguments: &mut String,
        out: &mut Vec<Piece>,
    ) -> Option<()> {
        let Place::Value { key, value } = &mut self.place else {
            return None;
        };
        let key = *key;
        let ended = match value {
            Value::Before if c.is_ascii_whitespace() => return Some(()),
            Value::Before => {
                *value = Value::begin(c)?;
                false
            }
            Value::Text(text) => text.json.len() < 1 << 20 && text.push(c),
            Value::Nested { depth, text } => nested(c, depth, text),
            Value::Word if ",} \n\t\r".contains(c) => {
                self.place = Place::Member;
                return self.take(c, index, arguments, out);
            }
            Value::Word => false,
        };
        let streamed = matches!(value, Value::Nested { .. } | Value::Word);
        if key == Member::Arguments && streamed {
            arguments.push(c);
        }
        if ended {
            let text = match value {
                Value::Text(text) => Some(text.decode()?),
                _ => None,
            };
            self.place = Place::Member;
            match (key, text) {
                (Member::Name, Some(name)) => return self.announce(name, index, arguments, out),
                (Member::Name, None) => return None,
                // Some models write the arguments as a text of JSON, as OpenAI's form has them.
                (Member::Arguments, Some(text)) => arguments.push_str(&text),
                _ => {}
            }
        }
        Some(())
    }

    fn announce(
        &mut self,
        name: String,
        index: usize,
        arguments: &mut String,
        out: &mut Vec<Piece>,
    ) -> Option<()> {
        if name.is_empty() || name.len() > LONGEST_NAME || self.name.is_some() {
            return None;
        }
        self.name = Some(name.clone());
        out.push(Piece::Call { index, name });
        let early = std::mem::take(&mut self.early) + &std::mem::take(arguments);
        self.tell(early, index, out);
        Some(())
    }
}

impl Value {
    fn begin(c: char) -> Option<Self> {
        match c {
            '"' => {
                let mut text = Text::default();
                text.push(c);
                Some(Self::Text(text))
            }
            '{' | '[' => Some(Self::Nested {
                depth: 1,
                text: None,
            }),
            c if c.is_ascii_alphanumeric() || c == '-' => Some(Self::Word),
            _ => None,
        }
    }
}

/// Takes a character of an object or a list; true if it ends it. `text` is `Some` inside of a
/// text: whether the character is escaped.
fn nested(c: char, depth: &mut usize, text: &mut Option<bool>) -> bool {
    match (&text, c) {
        (Some(true), _) => *text = Some(false),
        (Some(false), '\\') => *text = Some(true),
        (Some(false), '"') => *text = None,
        (Some(false), _) => {}
        (None, '"') => *text = Some(false),
        (None, '{' | '[') => *depth += 1,
        (None, '}' | ']') => *depth -= 1,
        (None, _) => {}
    }
    *depth == 0
}
