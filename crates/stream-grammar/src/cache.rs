//! What was used last, bounded by bytes.

use std::collections::HashMap;
use std::hash::Hash;

/// Values with a weight each; the least recently used go when they weigh too much together.
#[derive(Debug)]
pub(crate) struct Cache<K, V> {
    entries: HashMap<K, Entry<V>>,
    most: usize,
    weight: usize,
    /// Grows with each use.
    clock: u64,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    weight: usize,
    used: u64,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            entries: HashMap::new(),
            most,
            weight: 0,
            clock: 0,
        }
    }

    pub(crate) fn get(&mut self, key: &K) -> Option<V> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    /// Keeps the value, unless it is too heavy by itself.
    pub(crate) fn insert(&mut self, key: K, value: V, weight: usize) {
        if weight > self.most {
            return;
        }
        self.clock += 1;
        let used = self.clock;
        let entry = Entry {
            value,
            weight,
            used,
        };
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, entry) {
            self.weight -= old.weight;
        }
        while self.weight > self.most {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        let removed = oldest.map(|(key, _)| key.clone());
        let removed = removed.and_then(|key| self.entries.remove(&key));
        // Without entries there is no weight.
        self.weight = removed.map_or(0, |entry| self.weight - entry.weight);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_goes_first() {
        let mut cache = Cache::new(10);
        cache.insert("a", 1, 4);
        cache.insert("b", 2, 4);
        assert_eq!(cache.get(&"a"), Some(1));
        cache.insert("c", 3, 4);
        assert_eq!(cache.get(&"b"), None);
        assert_eq!((cache.get(&"a"), cache.get(&"c")), (Some(1), Some(3)));
        cache.insert("a", 9, 10);
        assert_eq!((cache.get(&"a"), cache.get(&"c")), (Some(9), None));
        cache.insert("heavy", 5, 11);
        assert_eq!((cache.get(&"heavy"), cache.get(&"a")), (None, Some(9)));
        assert_eq!(cache.weight, 10);
    }
}
