//! When the first client connects, on the clock of this machine; and how far that may be off from the other machines' clocks.

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

use crate::sys;

/// How often the two clocks are read one after the other: the pair that was read fastest is taken.
const READINGS: u32 = 16;

/// The machine that a process runs on, and the state of its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Host {
    pub(super) name: String,
    /// The kernel's random number of this start of it: processes with the same one share a clock.
    pub(super) boot_id: String,
    pub(super) kernel: String,
    pub(super) clock: Clock,
}

/// The state of the real-time clock (`adjtimex(2)`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// How far it may be off at most, in nanoseconds; absent if nobody synchronizes it, or it could not be asked.
    pub(super) error_ns: Option<u64>,
    /// By how much it was set while this process ran, in nanoseconds.
    pub(super) stepped_ns: u64,
    /// The start on the monotonic clock, in nanoseconds; absent if it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) start_ns: Option<u64>,
}

impl Host {
    /// This one.
    pub(super) fn this() -> Self {
        let name = uname().ok();
        let text = |part: Option<&std::ffi::OsStr>| {
            part.map_or_else(|| "unknown".to_owned(), |part| part.to_string_lossy().into_owned())
        };
        let boot_id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Self {
            name: text(name.as_ref().map(nix::sys::utsname::UtsName::nodename)),
            kernel: text(name.as_ref().map(nix::sys::utsname::UtsName::release)),
            boot_id: boot_id.trim().to_owned(),
            clock: Clock { error_ns: sys::clock_error_ns().ok().flatten(), ..Clock::default() },
        }
    }

    /// How far its clock was off at most, in nanoseconds; `None` if that is unknown.
    pub(super) fn error_ns(&self) -> Option<u64> {
        Some(self.clock.error_ns?.saturating_add(self.clock.stepped_ns))
    }
}

/// An instant of the real-time clock (nanoseconds since 1970) on the monotonic clock of this machine; negative before it began.
pub(super) fn monotonic_at(realtime_ns: u64) -> i128 {
    let both = |_| {
        let before = sys::monotonic_ns();
        let real = sys::realtime_ns();
        let after = sys::monotonic_ns();
        (after - before, before.midpoint(after), real)
    };
    let (_, monotonic, real) = (0..READINGS).map(both).min().unwrap_or_default();
    i128::from(monotonic) + i128::from(realtime_ns) - i128::from(real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_of_the_wall_clock_is_one_of_the_monotonic_clock() {
        let (now, at) = (sys::monotonic_ns(), monotonic_at(sys::realtime_ns() + 5_000_000_000));
        let ahead = at - i128::from(now);
        assert!((5_000_000_000..5_100_000_000).contains(&ahead), "{ahead}");
    }

    #[test]
    fn a_clock_that_was_set_is_off_by_as_much() {
        let clock =
            |error_ns| Host { clock: Clock { error_ns, stepped_ns: 7, start_ns: None }, ..Host::default() };
        assert_eq!(clock(Some(100)).error_ns(), Some(107));
        assert_eq!(clock(None).error_ns(), None, "nobody synchronizes it");
        assert!(!Host::this().boot_id.is_empty());
    }
}
