//! Keys and values, and how the rest of the crate asks for them.

use std::collections::HashMap;

use super::cursor::Cursor;
use super::value::{Array, Value};
use crate::error::Fault;

/// No known file has more than a hundred keys.
const MOST_KEYS: usize = 65_536;

/// A key's length, one byte of it, a type and a value of one byte.
pub(super) const LEAST_PAIR_BYTES: u64 = 8 + 1 + 4 + 1;

/// The key-value pairs of a file.
#[derive(Debug)]
pub(crate) struct Metadata<'a> {
    values: HashMap<&'a str, Value<'a>>,
}

impl<'a> Metadata<'a> {
    pub(super) fn read(cursor: &mut Cursor<'a>, count: usize) -> Result<Self, Fault> {
        if count > MOST_KEYS {
            let problem = format!("{count} metadata keys, at most {MOST_KEYS} are read");
            return Err(cursor.malformed(problem));
        }
        let mut values = HashMap::with_capacity(count);
        for _ in 0..count {
            let key = read_name(cursor, "a metadata key")?;
            let value = Value::read(cursor)?;
            if values.insert(key, value).is_some() {
                return Err(cursor.malformed(format!("the metadata key `{key}` stands twice")));
            }
        }
        Ok(Self { values })
    }

    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.values.get(key).copied()
    }

    /// An integer from 0 to `most`.
    pub(crate) fn integer(&self, key: &str, most: u64) -> Result<Option<u64>, Fault> {
        let found = match self.get(key) {
            None => return Ok(None),
            Some(Value::Unsigned(n)) if n <= most => return Ok(Some(n)),
            Some(Value::Signed(n)) if n >= 0 && n.cast_unsigned() <= most => {
                return Ok(Some(n.cast_unsigned()));
            }
            Some(other) => other.describe(),
        };
        let problem = format!("is {found}, must be an integer from 0 to {most}");
        Err(Fault::metadata(key, problem))
    }

    /// A finite float; integers are taken for floats.
    pub(crate) fn float(&self, key: &str) -> Result<Option<f32>, Fault> {
        let value = match self.get(key) {
            None => return Ok(None),
            Some(Value::Float(x)) => x as f32,
            Some(Value::Unsigned(n)) => n as f32,
            Some(Value::Signed(n)) => n as f32,
            Some(other) => return Err(wrong_type(key, &other, "a number")),
        };
        match value.is_finite() {
            true => Ok(Some(value)),
            false => Err(Fault::metadata(key, format!("is {value}, must be finite"))),
        }
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Bool(b)) => Ok(Some(b)),
            Some(other) => Err(wrong_type(key, &other, "a boolean")),
        }
    }

    pub(crate) fn string(&self, key: &str) -> Result<Option<&'a str>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::String(bytes)) => std::str::from_utf8(bytes)
                .map(Some)
                .map_err(|error| Fault::metadata(key, format!("is not UTF-8: {error}"))),
            Some(other) => Err(wrong_type(key, &other, "a string")),
        }
    }

    pub(crate) fn array(&self, key: &str) -> Result<Option<Array<'a>>, Fault> {
        match self.get(key) {
            None => Ok(None),
            Some(Value::Array(array)) => Ok(Some(array)),
            Some(other) => Err(wrong_type(key, &other, "an array")),
        }
    }
}

/// The error for a key that must be there.
pub(crate) fn missing(key: &str) -> Fault {
    Fault::metadata(key, "is missing")
}

fn wrong_type(key: &str, found: &Value<'_>, wanted: &str) -> Fault {
    Fault::metadata(key, format!("is {}, must be {wanted}", found.describe()))
}

/// A key or a tensor's name: UTF-8 and not empty.
pub(super) fn read_name<'a>(cursor: &mut Cursor<'a>, what: &str) -> Result<&'a str, Fault> {
    let bytes = cursor.string(what)?;
    match std::str::from_utf8(bytes) {
        Ok("") => Err(cursor.malformed(format!("{what} is empty"))),
        Ok(name) => Ok(name),
        Err(error) => Err(cursor.malformed(format!("{what} is not UTF-8: {error}"))),
    }
}
