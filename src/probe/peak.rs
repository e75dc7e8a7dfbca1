//! The peak of resident memory between two samples of a process, from the kernel's high-water mark (`VmHWM`), which
//! also contains short peaks between samples.

use std::{collections::BTreeMap, io};

use super::{
    gone::is_gone,
    process::{ProcessProbe, ProcessReading},
};

/// What each process had at the last look.
#[derive(Debug, Default)]
pub(super) struct PeakRss {
    last: BTreeMap<u32, Mark>,
}

/// Memory of a process at a look, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    rss: u64,
    /// The kernel's high-water mark after the look.
    high: u64,
}

impl PeakRss {
    /// Starts with what is resident now.
    pub(super) fn begin(
        &mut self,
        pid: u32,
        probe: &ProcessProbe,
        reading: &ProcessReading,
    ) -> io::Result<()> {
        let reset = reset(probe, reading);
        let high = if reset.is_ok() { reading.rss_bytes } else { reading.peak_rss_bytes };
        self.last.insert(pid, Mark { rss: reading.rss_bytes, high });
        // One that has ended has no peak any more.
        reset.or_else(|error| if is_gone(&error) { Ok(()) } else { Err(error) })
    }

    /// The most that was resident since the last look at this process, in bytes; since it was started if there was none.
    pub(super) fn since_last(&mut self, pid: u32, probe: &ProcessProbe, reading: &ProcessReading) -> u64 {
        let now = Mark { rss: reading.rss_bytes, high: reading.peak_rss_bytes };
        let peak = between(self.last.get(&pid).copied(), now);
        // Lowered, so that the next peak shows however high this one was.
        let high = if reset(probe, reading).is_ok() { now.rss } else { now.high };
        self.last.insert(pid, Mark { high, ..now });
        peak
    }

    /// Forgets who is gone.
    pub(super) fn keep<T>(&mut self, living: &BTreeMap<u32, T>) {
        self.last.retain(|pid, _| living.contains_key(pid));
    }
}

/// Where the mark is where it should be, nothing is touched.
fn reset(probe: &ProcessProbe, reading: &ProcessReading) -> io::Result<()> {
    if reading.peak_rss_bytes > reading.rss_bytes { probe.reset_peak_rss() } else { Ok(()) }
}

/// A mark that has risen was set in between, and is exact; one that has not says nothing but that it was not passed.
fn between(before: Option<Mark>, now: Mark) -> u64 {
    match before {
        Some(before) if now.high <= before.high => before.rss.max(now.rss),
        _ => now.high.max(now.rss),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rising_high_water_mark_is_the_peak() {
        let mark = |rss, high| Mark { rss, high };
        // It could be reset at the last look.
        assert_eq!(between(Some(mark(40, 40)), mark(42, 240)), 240);
        assert_eq!(between(Some(mark(40, 40)), mark(42, 42)), 42);
        // It could not: what it shows may be from before.
        assert_eq!(between(Some(mark(40, 200)), mark(42, 200)), 42);
        assert_eq!(between(Some(mark(40, 200)), mark(30, 200)), 40);
        assert_eq!(between(Some(mark(40, 200)), mark(42, 240)), 240);
        // A process that was started since the last look.
        assert_eq!(between(None, mark(42, 60)), 60);
    }

    #[test]
    fn memory_freed_between_two_samples_is_in_the_peak_of_each() {
        let own = std::env::current_exe().unwrap();
        let test = "probe::peak::tests::memory_of_this_process_freed_between_two_samples";
        let alone = std::process::Command::new(own).args(["--exact", test, "--ignored"]).output().unwrap();
        let said = String::from_utf8_lossy(&alone.stdout);
        assert!(alone.status.success() && said.contains("1 passed"), "{said}");
    }

    #[test]
    #[ignore = "others of its process would take and free memory meanwhile: the test above starts it alone"]
    fn memory_of_this_process_freed_between_two_samples() {
        let mut probe = ProcessProbe::new(std::process::id()).unwrap();
        let mut peaks = PeakRss::default();
        let first = probe.read().unwrap();
        peaks.begin(1, &probe, &first).unwrap();
        for mebibytes in [96, 48] {
            let before = probe.read().unwrap().rss_bytes;
            drop(std::hint::black_box(vec![1_u8; mebibytes << 20]));
            let reading = probe.read().unwrap();
            let peak = peaks.since_last(1, &probe, &reading);
            let (least, most) =
                (before + ((mebibytes as u64 - 16) << 20), before + ((mebibytes as u64 + 30) << 20));
            assert!((least..most).contains(&peak), "{before} {reading:?} {peak}");
        }
    }
}
