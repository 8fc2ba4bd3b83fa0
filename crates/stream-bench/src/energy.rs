//! The energy that the processor took, where the machine tells.
//!
//! Linux counts microjoules per processor package in `/sys/class/powercap/intel-rapl:N/energy_uj`
//! (Intel, and AMD under the same names; Documentation/power/powercap in the kernel's sources).
//! Only root may read it on most systems. It counts the whole package, whatever ran on it.

use std::fs;
use std::path::{Path, PathBuf};

/// Where Linux tells.
const POWERCAP: &str = "/sys/class/powercap";

/// The counters of this machine's processor packages.
#[derive(Debug)]
pub struct Meter {
    zones: Vec<Zone>,
}

#[derive(Debug)]
struct Zone {
    energy: PathBuf,
    /// The counter begins again after so many microjoules.
    range: u64,
}

/// What the counters said at one moment.
#[derive(Debug, Clone)]
pub struct Reading(Vec<u64>);

impl Meter {
    /// The counters that can be read; there may be none.
    pub fn find() -> Self {
        Self::at(Path::new(POWERCAP))
    }

    /// The counters in a folder that is laid out as Linux does.
    pub fn at(folder: &Path) -> Self {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let zones = entries.filter_map(|entry| zone(&entry.path()));
        Self {
            zones: zones.collect(),
        }
    }

    /// Whether anything is counted.
    pub fn is_present(&self) -> bool {
        !self.zones.is_empty()
    }

    /// What the counters say now; `None` if there are none.
    pub fn read(&self) -> Option<Reading> {
        let counters = self.zones.iter().map(|zone| number(&zone.energy));
        let counters: Option<Vec<_>> = counters.collect();
        counters.filter(|found| !found.is_empty()).map(Reading)
    }

    /// The joules taken since `before`. A counter may have begun again once.
    pub fn joules_since(&self, before: &Reading) -> Option<f64> {
        let now = self.read()?;
        let pairs = before.0.iter().zip(&now.0).zip(&self.zones);
        let taken = pairs.map(|((&before, &now), zone)| taken(before, now, zone.range));
        Some(taken.sum::<u64>() as f64 / 1e6)
    }
}

/// The counter of a package. Parts of a package (`intel-rapl:0:0`) are in its count already.
fn zone(path: &Path) -> Option<Zone> {
    let name = fs::read_to_string(path.join("name")).ok()?;
    let energy = path.join("energy_uj");
    (name.starts_with("package") && number(&energy).is_some()).then(|| Zone {
        range: number(&path.join("max_energy_range_uj")).unwrap_or(u64::MAX),
        energy,
    })
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn taken(before: u64, now: u64, range: u64) -> u64 {
    match now.checked_sub(before) {
        Some(taken) => taken,
        None => range.saturating_sub(before).saturating_add(now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(folder: &Path, zone: &str, name: &str, energy: u64) {
        let zone = folder.join(zone);
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), format!("{name}\n")).unwrap();
        fs::write(zone.join("max_energy_range_uj"), "10000000\n").unwrap();
        fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
    }

    #[test]
    fn packages_are_summed_up_and_their_parts_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        write(folder, "intel-rapl:0", "package-0", 1_000_000);
        write(folder, "intel-rapl:0:0", "core", 1_000_000);
        write(folder, "intel-rapl:1", "package-1", 9_000_000);
        let meter = Meter::at(folder);
        let before = meter.read().unwrap();
        write(folder, "intel-rapl:0", "package-0", 3_500_000);
        write(folder, "intel-rapl:0:0", "core", 3_000_000);
        // This one began again: one joule to the end of its range, and half of one after.
        write(folder, "intel-rapl:1", "package-1", 500_000);
        assert_eq!(meter.joules_since(&before), Some(4.0));
    }

    #[test]
    fn a_machine_that_does_not_tell_has_no_meter() {
        let folder = tempfile::tempdir().unwrap();
        let meter = Meter::at(&folder.path().join("powercap"));
        assert!(!meter.is_present());
        assert!(meter.read().is_none());
    }
}
