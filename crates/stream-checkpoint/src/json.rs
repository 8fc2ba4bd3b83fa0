//! Values of a JSON file, asked for by key and checked.

use serde_json::{Map, Value};

use crate::error::Fault;

/// Reads a file whose outermost value is an object. (`serde_json` reads 128 levels of nesting.)
pub(crate) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Fault> {
    let value = serde_json::from_slice(bytes).map_err(|error| Fault::Json(error.to_string()))?;
    match value {
        Value::Object(map) => Ok(map),
        other => Err(Fault::Json(format!(
            "it is {}, must be an object",
            describe(&other)
        ))),
    }
}

/// An object, and the path of keys that leads to it. A value of `null` is as good as none.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(crate) fn new(map: &'a Map<String, Value>) -> Self {
        let path = String::new();
        Self { path, map }
    }

    pub(crate) fn fault(&self, key: &str, problem: impl Into<String>) -> Fault {
        Fault::metadata(format!("{}{key}", self.path), problem)
    }

    pub(crate) fn missing(&self, key: &str) -> Fault {
        self.fault(key, "is missing")
    }

    /// Whether the key is there, even if only with `null`.
    pub(crate) fn names(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The value as `read` sees it, or an error that says what it must be.
    fn read<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Fault> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value).map(Some).ok_or_else(|| {
            let problem = format!("is {}, must be {wanted}", describe(value));
            self.fault(key, problem)
        })
    }

    /// An integer from 0 to `most`.
    pub(crate) fn integer(&self, key: &str, most: u64) -> Result<Option<u64>, Fault> {
        let wanted = format!("an integer from 0 to {most}");
        self.read(key, &wanted, |value| value.as_u64().filter(|n| *n <= most))
    }

    /// An integer from 1 to `most`.
    pub(crate) fn size(&self, key: &str, most: u64) -> Result<Option<usize>, Fault> {
        let wanted = format!("an integer from 1 to {most}");
        let size = |value: &Value| value.as_u64().filter(|n| (1..=most).contains(n));
        let size = self.read(key, &wanted, size)?;
        Ok(size.map(|n| n as usize))
    }

    pub(crate) fn required_size(&self, key: &str, most: u64) -> Result<usize, Fault> {
        self.size(key, most)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, Fault> {
        self.read(key, "a number", Value::as_f64)
    }

    /// A number above 0.
    pub(crate) fn positive(&self, key: &str) -> Result<Option<f64>, Fault> {
        let above = |value: &Value| value.as_f64().filter(|x| *x > 0.0);
        self.read(key, "a number above 0", above)
    }

    pub(crate) fn required_positive(&self, key: &str) -> Result<f64, Fault> {
        self.positive(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn boolean(&self, key: &str) -> Result<Option<bool>, Fault> {
        self.read(key, "a boolean", Value::as_bool)
    }

    pub(crate) fn string(&self, key: &str) -> Result<Option<&'a str>, Fault> {
        self.read(key, "a string", Value::as_str)
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<Object<'a>>, Fault> {
        let map = self.read(key, "an object", Value::as_object)?;
        let path = format!("{}{key}.", self.path);
        Ok(map.map(|map| Object { path, map }))
    }

    /// A list of integers from 0 to `most`.
    pub(crate) fn integers(&self, key: &str, most: u64) -> Result<Option<Vec<u64>>, Fault> {
        let wanted = format!("a list of integers from 0 to {most}");
        let each = |value: &Value| value.as_u64().filter(|n| *n <= most);
        self.read(key, &wanted, |value| {
            value.as_array()?.iter().map(each).collect()
        })
    }

    pub(crate) fn strings(&self, key: &str) -> Result<Option<Vec<&'a str>>, Fault> {
        self.read(key, "a list of strings", |value| {
            value.as_array()?.iter().map(Value::as_str).collect()
        })
    }
}

/// What a value is, for an error.
fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(b) => format!("the boolean {b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(text) if text.len() <= 32 => format!("the string \"{text}\""),
        Value::String(_) => "a long string".to_owned(),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}
