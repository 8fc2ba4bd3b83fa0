//! Python's methods of strings, lists and objects.

use minijinja::value::from_args;
use minijinja::{Error, ErrorKind, State, Value};
use minijinja_contrib::pycompat::unknown_method_callback;

/// The engine charges fuel for what a method is called on and for what it returns. Two methods
/// may return far more than they were given; they are charged before they run.
pub(super) fn method(
    state: &mut State<'_, '_>,
    value: &Value,
    name: &str,
    args: &[Value],
) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        let bytes = match name {
            "replace" => replaced(text, args),
            "join" => joined(text, args)?,
            _ => Some(0),
        };
        let bytes = bytes.ok_or_else(|| Error::from(ErrorKind::OutOfFuel))?;
        state.consume_fuel(bytes as u64 / 64)?;
    }
    unknown_method_callback(state, value, name, args)
}

/// How long the result of `text.replace(old, new)` may be.
fn replaced(text: &str, args: &[Value]) -> Option<usize> {
    let part = |i: usize| args.get(i).and_then(Value::as_str).unwrap_or_default();
    let (old, new) = (part(0), part(1));
    let places = match old.len() {
        0 => text.len() + 1,
        _ => text.matches(old).count(),
    };
    places.checked_mul(new.len())?.checked_add(text.len())
}

/// How long the separators of `text.join(items)` are together.
fn joined(text: &str, args: &[Value]) -> Result<Option<usize>, Error> {
    let (items,): (&Value,) = from_args(args)?;
    Ok(items.len().unwrap_or(0).checked_mul(text.len()))
}
