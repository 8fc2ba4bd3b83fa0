//! `tojson` as transformers has it: Python's `json.dumps`, with characters as they are.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

use super::MOST_BYTES;

/// Lists and objects nested deeper than this are no tool's description.
const DEEPEST: usize = 128;

/// `value | tojson(ensure_ascii, indent, separators, sort_keys)`
pub(super) fn to_json(
    state: &State<'_, '_>,
    value: &Value,
    ensure_ascii: Option<bool>,
    options: Kwargs,
) -> Result<String, Error> {
    let named: Option<bool> = options.get("ensure_ascii")?;
    let indent = options
        .get::<Option<Value>>("indent")?
        .filter(|i| !i.is_none());
    let separators: Option<(String, String)> = separators(options.get("separators")?)?;
    let (item, key) = separators.unwrap_or_else(|| {
        let item = if indent.is_some() { "," } else { ", " };
        (item.to_owned(), ": ".to_owned())
    });
    let mut writer = Writer {
        out: String::new(),
        ensure_ascii: named.or(ensure_ascii).unwrap_or(false),
        indent: indent.map(indentation).transpose()?,
        item,
        key,
        sort_keys: options.get::<Option<bool>>("sort_keys")?.unwrap_or(false),
    };
    options.assert_all_used()?;
    writer.value(value, 0)?;
    state.consume_fuel(writer.out.len() as u64 / 64)?;
    Ok(writer.out)
}

fn separators(pair: Option<Value>) -> Result<Option<(String, String)>, Error> {
    let Some(pair) = pair.filter(|pair| !pair.is_none()) else {
        return Ok(None);
    };
    let part = |i: usize| pair.get_item_by_index(i).map(|part| part.to_string());
    Ok(Some((part(0)?, part(1)?)))
}

/// A number of spaces, or a text.
fn indentation(value: Value) -> Result<String, Error> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => {
            let spaces: i64 = value.try_into()?;
            let spaces = usize::try_from(spaces.max(0)).unwrap_or(usize::MAX);
            Ok(" ".repeat(spaces.min(MOST_BYTES)))
        }
    }
}

struct Writer {
    out: String,
    ensure_ascii: bool,
    indent: Option<String>,
    item: String,
    key: String,
    sort_keys: bool,
}

impl Writer {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), Error> {
        match value.kind() {
            ValueKind::None => self.push("null"),
            ValueKind::Bool => self.push(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number => {
                let text = number(value);
                self.push(&text)
            }
            ValueKind::String => self.text(value.as_str().unwrap_or_default()),
            ValueKind::Seq | ValueKind::Iterable if depth < DEEPEST => {
                let items: Vec<Value> = value.try_iter()?.collect();
                self.container('[', ']', items.len(), depth, |writer, i| {
                    writer.value(&items[i], depth + 1)
                })
            }
            ValueKind::Map if depth < DEEPEST => self.map(value, depth),
            _ => Err(not_json(value)),
        }
    }

    fn map(&mut self, map: &Value, depth: usize) -> Result<(), Error> {
        let mut keys: Vec<Value> = map.try_iter().map_err(|_| not_json(map))?.collect();
        if self.sort_keys {
            keys.sort();
        }
        self.container('{', '}', keys.len(), depth, |writer, i| {
            writer.member_name(&keys[i])?;
            let value = map.get_item(&keys[i])?;
            writer.value(&value, depth + 1)
        })
    }

    fn member_name(&mut self, key: &Value) -> Result<(), Error> {
        match key.as_str() {
            Some(text) => self.text(text)?,
            // `json.dumps` takes numbers, booleans and None for keys, as their JSON.
            None => {
                self.push("\"")?;
                self.value(key, DEEPEST)?;
                self.push("\"")?;
            }
        }
        let separator = self.key.clone();
        self.push(&separator)
    }

    fn container(
        &mut self,
        open: char,
        close: char,
        count: usize,
        depth: usize,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.out.push(open);
        for i in 0..count {
            if i > 0 {
                let separator = self.item.clone();
                self.push(&separator)?;
            }
            self.new_line(depth + 1)?;
            element(self, i)?;
        }
        if count > 0 {
            self.new_line(depth)?;
        }
        self.out.push(close);
        Ok(())
    }

    fn new_line(&mut self, depth: usize) -> Result<(), Error> {
        let Some(indent) = self.indent.clone() else {
            return Ok(());
        };
        self.push("\n")?;
        (0..depth).try_for_each(|_| self.push(&indent))
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        self.push("\"")?;
        for character in text.chars() {
            self.character(character)?;
        }
        self.push("\"")
    }

    fn character(&mut self, character: char) -> Result<(), Error> {
        match character {
            '"' => self.push("\\\""),
            '\\' => self.push("\\\\"),
            '\n' => self.push("\\n"),
            '\r' => self.push("\\r"),
            '\t' => self.push("\\t"),
            '\u{8}' => self.push("\\b"),
            '\u{c}' => self.push("\\f"),
            '\0'..=' ' if character != ' ' => self.escape(character),
            _ if self.ensure_ascii && !character.is_ascii() => self.escape(character),
            _ => self.push(character.encode_utf8(&mut [0; 4])),
        }
    }

    /// As UTF-16, so that characters beyond U+FFFF are two.
    fn escape(&mut self, character: char) -> Result<(), Error> {
        let units = character.encode_utf16(&mut [0; 2]).to_vec();
        units
            .iter()
            .try_for_each(|unit| self.push(&format!("\\u{unit:04x}")))
    }

    fn push(&mut self, text: &str) -> Result<(), Error> {
        if self.out.len() + text.len() > MOST_BYTES {
            return Err(Error::from(ErrorKind::OutOfFuel));
        }
        self.out.push_str(text);
        Ok(())
    }
}

/// As Python writes it.
fn number(value: &Value) -> String {
    if value.is_integer() {
        return value.to_string();
    }
    match f64::try_from(value.clone()) {
        Err(_) => value.to_string(),
        Ok(x) if x.is_nan() => "NaN".to_owned(),
        Ok(x) if x.is_infinite() => (if x > 0.0 { "Infinity" } else { "-Infinity" }).to_owned(),
        Ok(x) => {
            // The same numbers have an exponent in both; Python writes its sign and two digits.
            let text = format!("{x:?}");
            match text.split_once('e') {
                None => text,
                Some((digits, exponent)) => {
                    let exponent: i32 = exponent.parse().unwrap_or_default();
                    let sign = if exponent < 0 { '-' } else { '+' };
                    format!("{digits}e{sign}{:02}", exponent.abs())
                }
            }
        }
    }
}

fn not_json(value: &Value) -> Error {
    let problem = match value.kind() {
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            format!("tojson: what is nested deeper than {DEEPEST}, or is a namespace, is not JSON")
        }
        kind => format!("tojson: {kind} is not JSON"),
    };
    Error::new(ErrorKind::InvalidOperation, problem)
}
