//! How much memory a process has held.

/// The most resident memory that a process ever held, in bytes: `VmHWM` of `/proc/PID/status`,
/// which Linux alone has. Pages of mapped files count as far as they were touched.
pub fn peak_of(process: u32) -> Option<u64> {
    peak_in(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?)
}

fn peak_in(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_in_bytes() {
        let status = "Name:\tx\nVmPeak:\t  9 kB\nVmHWM:\t    2048 kB\nVmRSS:\t  7 kB\n";
        assert_eq!(peak_in(status), Some(2 << 20));
        assert_eq!(peak_in("Name:\tx\n"), None);
        assert_eq!(peak_in("VmHWM:\tmuch\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_held_memory() {
        assert!(peak_of(std::process::id()).unwrap() > 1 << 20);
    }
}
