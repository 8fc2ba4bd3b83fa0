//! Where a cut falls, found without sorting the row.

use super::row;

/// So few numbers are cheaper to sort than to narrow down.
const FEW: usize = 1024;

/// The least of the entries that are kept. An entry stands before another if its value is
/// larger or, of equal values, if its index is smaller; so ties are cut the same way each time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cut {
    pub(super) value: f32,
    pub(super) index: usize,
}

impl Cut {
    /// Keeps every entry of at least this value.
    pub(super) fn at_least(value: f32) -> Self {
        Self {
            value,
            index: usize::MAX,
        }
    }

    pub(super) fn keeps(self, index: usize, value: f32) -> bool {
        value > self.value || (value == self.value && index <= self.index)
    }

    /// Keeps the entry at `index`, the first one, with the largest value, even if this is over
    /// the cut.
    pub(super) fn or_first(self, value: f32, index: usize) -> Self {
        match value >= self.value {
            true => self,
            false => Self { value, index },
        }
    }

    /// The one that keeps less.
    pub(super) fn stricter(self, other: Self) -> Self {
        if self.keeps(other.index, other.value) {
            other
        } else {
            self
        }
    }
}

/// The cut after the `k` first of `values`, or after all that are not −∞ or NaN if these are
/// fewer. `None` if there are none, or `k` is 0.
pub(super) fn top_k(values: &[f32], k: usize, keys: &mut Vec<Key>) -> Option<Cut> {
    keys.clear();
    let room = (2 * k).max(row::CHUNK);
    let mut floor = f32::MIN;
    for (start, chunk) in row::chunks(values) {
        keys.extend(row::at_least(chunk, floor).map(|i| Key::new(start + i, chunk[i])));
        if keys.len() >= room {
            keep_first(keys, k);
            // A later entry that equals the last of `k` stands after it.
            floor = keys.last()?.cut().value.next_up();
        }
    }
    keep_first(keys, k);
    Some(keys.last()?.cut())
}

/// The `k` first of `values` in their order, or all that are not −∞ or NaN if these are fewer.
pub(super) fn first<'a>(values: &[f32], k: usize, keys: &'a mut Vec<Key>) -> &'a [Key] {
    keys.clear();
    if k > 0 {
        top_k(values, k, keys);
    }
    keys.sort_unstable();
    keys
}

/// Keeps the `k` first keys, the last of them in the last place.
fn keep_first(keys: &mut Vec<Key>, k: usize) {
    let last = k.min(keys.len()).saturating_sub(1);
    if last < keys.len() {
        keys.select_nth_unstable(last);
    }
    keys.truncate(k);
}

/// The cut after the shortest run of first entries whose weights sum to at least `target`, which
/// is less than the sum of all weights. Values are from 0 to 1; those of 0 have no weight.
pub(super) fn nucleus(entries: Weighted<'_>, target: f64, keys: &mut Vec<Key>) -> Cut {
    let values = entries.values;
    let band = Band::around(entries, target);
    keys.clear();
    for (start, chunk) in row::chunks(values) {
        let inside = row::at_least(chunk, band.low).filter(|&i| chunk[i] < band.high);
        keys.extend(inside.map(|i| Key::new(start + i, chunk[i])));
    }
    keys.sort_unstable();
    let mut sum = band.above;
    let reached = keys.iter().find(|key| {
        sum += f64::from(entries.weights[key.cut().index]);
        sum >= target
    });
    // Rounding may let the sum stop short of a target that is all but the whole.
    let last = reached.or(keys.last());
    last.map_or(Cut::at_least(band.low), |key| key.cut())
}

/// Entries in the order of their values, each with a weight.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighted<'a> {
    values: &'a [f32],
    weights: &'a [f32],
    /// Entries under it have no weight to speak of.
    least: f32,
}

impl<'a> Weighted<'a> {
    /// Weights in their own order. `rest` is the weight that need not be kept: all entries under
    /// its `n`-th part together have less.
    pub(super) fn by_weight(weights: &'a [f32], rest: f64) -> Self {
        let least = 0.999 * rest / weights.len() as f64;
        Self {
            values: weights,
            weights,
            least: (least as f32).max(f32::MIN_POSITIVE),
        }
    }

    /// Weights in the order of `values`. Those with values under `least` weigh nothing.
    pub(super) fn by(values: &'a [f32], weights: &'a [f32], least: f32) -> Self {
        Self {
            values,
            weights,
            least,
        }
    }

    /// The weight and the number of the entries with at least this value.
    fn at_least(&self, floor: f32) -> (f64, usize) {
        match std::ptr::eq(self.values, self.weights) {
            true => row::sum_at_least(self.values, floor),
            false => row::sum_where(self.weights, self.values, floor),
        }
    }
}

/// A range of values, within which the sum of the weights from the top reaches a target.
struct Band {
    low: f32,
    /// Just over the band.
    high: f32,
    /// The weight of all entries over the band.
    above: f64,
}

impl Band {
    /// A band that holds few values, or values that are all equal. Each step halves the range
    /// of floating-point numbers, so there are at most 30.
    fn around(entries: Weighted<'_>, target: f64) -> Self {
        let mut band = Self {
            low: entries.least,
            high: 1.0_f32.next_up(),
            above: 0.0,
        };
        let mut count = entries.values.len();
        let mut count_above = 0;
        while count - count_above > FEW {
            let middle = f32::from_bits(band.low.to_bits().midpoint(band.high.to_bits()));
            if middle == band.low {
                break;
            }
            let (sum, at_least) = entries.at_least(middle);
            if sum >= target {
                (band.low, count) = (middle, at_least);
            } else {
                (band.high, band.above, count_above) = (middle, sum, at_least);
            }
        }
        band
    }
}

/// An entry's place in the order as a number: the smaller, the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u64);

const SIGN: u32 = 1 << 31;

impl Key {
    fn new(index: usize, value: f32) -> Self {
        // Adding 0 makes −0 and 0 one value.
        let bits = (value + 0.0).to_bits();
        // Bits of floats ascend with positive values and descend with negative ones.
        let ascending = if bits & SIGN == 0 { bits | SIGN } else { !bits };
        Self(u64::from(!ascending) << 32 | index as u64)
    }

    pub(super) fn cut(self) -> Cut {
        let ascending = !((self.0 >> 32) as u32);
        let bits = if ascending & SIGN == 0 {
            !ascending
        } else {
            ascending & !SIGN
        };
        Cut {
            value: f32::from_bits(bits),
            index: (self.0 as u32) as usize,
        }
    }
}
