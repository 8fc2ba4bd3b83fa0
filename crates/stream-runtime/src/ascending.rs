//! Sequences in the order of their ids, where the one asked for next is mostly the next one.
//!
//! Every step of the loop goes through its rows in the order of arrival, several times. A hash
//! table would be asked once for each row and each time miss the processor's cache.

use std::cell::Cell;

use crate::SequenceId;

/// A map from ids that ascend as they are added.
#[derive(Debug)]
pub(crate) struct Ascending<T> {
    /// What was removed leaves its place empty until enough places are: each one that leaves
    /// would move all that are newer.
    entries: Vec<(SequenceId, Option<T>)>,
    removed: usize,
    hint: Hint,
}

/// Where something was found last.
#[derive(Debug, Default)]
pub(crate) struct Hint(Cell<usize>);

impl Hint {
    /// Finds an id in a list that ascends by it: at the place of the last one, at the next, or
    /// else by binary search.
    pub(crate) fn find<E>(
        &self,
        entries: &[E],
        id: SequenceId,
        key: impl Fn(&E) -> SequenceId,
    ) -> Option<usize> {
        let last = self.0.get();
        let is_it = |&place: &usize| entries.get(place).is_some_and(|e| key(e) == id);
        let near = [last, last + 1].into_iter().find(is_it);
        let found = near.or_else(|| entries.binary_search_by_key(&id, key).ok())?;
        self.0.set(found);
        Some(found)
    }
}

impl<T> Default for Ascending<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            removed: 0,
            hint: Hint::default(),
        }
    }
}

impl<T> Ascending<T> {
    /// Adds what belongs to an id that is greater than all before.
    pub(crate) fn push(&mut self, id: SequenceId, value: T) {
        debug_assert!(self.entries.last().is_none_or(|(last, _)| *last < id));
        self.entries.push((id, Some(value)));
    }

    pub(crate) fn get(&self, id: SequenceId) -> Option<&T> {
        self.entries[self.find(id)?].1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: SequenceId) -> Option<&mut T> {
        let place = self.find(id)?;
        self.entries[place].1.as_mut()
    }

    pub(crate) fn remove(&mut self, id: SequenceId) -> Option<T> {
        let place = self.find(id)?;
        let value = self.entries[place].1.take()?;
        self.removed += 1;
        if self.removed > self.entries.len() / 2 {
            self.entries.retain(|(_, value)| value.is_some());
            self.removed = 0;
        }
        Some(value)
    }

    /// In ascending order.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (SequenceId, &mut T)> {
        let entries = self.entries.iter_mut();
        entries.filter_map(|(id, value)| Some((*id, value.as_mut()?)))
    }

    /// In ascending order.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = (SequenceId, T)> {
        let entries = self.entries.into_iter();
        entries.filter_map(|(id, value)| Some((id, value?)))
    }

    fn find(&self, id: SequenceId) -> Option<usize> {
        self.hint.find(&self.entries, id, |(id, _)| *id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Act {
        Push,
        Remove(u64),
        Ask(u64),
        Change(u64),
    }

    fn acts() -> impl Strategy<Value = Vec<Act>> {
        let id = || 0..40_u64;
        let act = prop_oneof![
            3 => Just(Act::Push),
            2 => id().prop_map(Act::Remove),
            2 => id().prop_map(Act::Ask),
            1 => id().prop_map(Act::Change),
        ];
        proptest::collection::vec(act, 0..120)
    }

    proptest! {
        #[test]
        fn it_is_an_ordered_map(acts in acts()) {
            let (mut map, mut model) = (Ascending::default(), BTreeMap::new());
            let mut next = 0;
            for act in acts {
                match act {
                    Act::Push => {
                        map.push(SequenceId(next), next);
                        model.insert(next, next);
                        next += 1;
                    }
                    Act::Remove(id) => prop_assert_eq!(map.remove(SequenceId(id)), model.remove(&id)),
                    Act::Ask(id) => prop_assert_eq!(map.get(SequenceId(id)), model.get(&id)),
                    Act::Change(id) => {
                        let value = map.get_mut(SequenceId(id)).map(|value| *value += 100);
                        prop_assert_eq!(value, model.get_mut(&id).map(|value| *value += 100));
                    }
                }
                let left: Vec<_> = map.iter_mut().map(|(id, value)| (id.0, *value)).collect();
                let expected: Vec<_> = model.iter().map(|(id, value)| (*id, *value)).collect();
                prop_assert_eq!(left, expected);
            }
            let left: Vec<_> = map.into_iter().map(|(id, value)| (id.0, value)).collect();
            prop_assert_eq!(left, model.into_iter().collect::<Vec<_>>());
        }
    }
}
