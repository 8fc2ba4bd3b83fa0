//! `namespace()`: what a template may change.
//!
//! minijinja's own namespaces can be put into themselves, and printing one then recurses until
//! the stack ends, and with it the process. Ours print no contents, cannot be walked through, and
//! are emptied when the rendering ends, so that none keeps itself alive.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, ValueKind};
use minijinja::{Error, ErrorKind, State, Value};

/// The method that sets an attribute.
pub(super) const SET: &str = "__set__";

thread_local! {
    /// Every namespace of the rendering on this thread.
    static ALL: RefCell<Vec<Arc<Namespace>>> = const { RefCell::new(Vec::new()) };
}

#[derive(Default)]
struct Namespace(Mutex<BTreeMap<String, Value>>);

impl Namespace {
    fn with<T>(&self, run: impl FnOnce(&mut BTreeMap<String, Value>) -> T) -> T {
        run(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// `namespace(attributes, name=value, …)`
pub(super) fn namespace(
    state: &State<'_, '_>,
    attributes: Option<Value>,
    named: Kwargs,
) -> Result<Value, Error> {
    let namespace = Arc::new(Namespace::default());
    ALL.with_borrow_mut(|all| all.push(namespace.clone()));
    if let Some(attributes) = attributes {
        for key in attributes.try_iter()? {
            let value = attributes.get_item(&key)?;
            namespace.set(state, &key.to_string(), value)?;
        }
    }
    for name in named.args() {
        namespace.set(state, name, named.get(name)?)?;
    }
    Ok(Value::from_dyn_object(namespace))
}

/// Runs a rendering, and empties every namespace that it made.
pub(super) fn emptied_after<T>(render: impl FnOnce() -> T) -> T {
    let result = render();
    // The namespaces stay until all are empty: none is dropped from within another.
    let all = ALL.take();
    let contents: Vec<_> = all.iter().map(|n| n.with(std::mem::take)).collect();
    contents.into_iter().for_each(drop);
    result
}

impl Namespace {
    fn set(&self, state: &State<'_, '_>, name: &str, value: Value) -> Result<(), Error> {
        let value = settled(state, value)?;
        self.with(|attributes| attributes.insert(name.to_owned(), value));
        Ok(())
    }
}

/// A slice of a list only remembers what it is a slice of. Made into a list, it cannot grow into
/// a chain that is as long as the rendering.
fn settled(state: &State<'_, '_>, value: Value) -> Result<Value, Error> {
    if value.kind() != ValueKind::Iterable {
        return Ok(value);
    }
    let mut items = Vec::new();
    for item in value.try_iter()? {
        state.consume_fuel(1)?;
        items.push(item);
    }
    Ok(items.into())
}

impl Object for Namespace {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.with(|attributes| attributes.get(key.as_str()?).cloned())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        if method == SET {
            let (name, value): (&str, Value) = minijinja::value::from_args(args)?;
            self.set(state, name, value)?;
            return Ok(Value::from(()));
        }
        match self.get_value(&Value::from(method)) {
            Some(attribute) => attribute.call(state, args),
            None => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Namespace>")
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<Namespace>")
    }
}
