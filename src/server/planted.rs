//! Defects that are planted for a gate to find: a leak and late timers. Only builds with the feature `planted-defects` have them.

#[cfg(feature = "planted-defects")]
use std::sync::atomic::{AtomicU32, Ordering};

use crate::profile::ServerOptions;

/// Connections that were accepted.
#[cfg(feature = "planted-defects")]
static ACCEPTED: AtomicU32 = AtomicU32::new(0);

/// The planted defects of a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlantedDefects {
    #[cfg(feature = "planted-defects")]
    leak_bytes: usize,
    #[cfg(feature = "planted-defects")]
    leak_every: u32,
    #[cfg(feature = "planted-defects")]
    delay_ns: u64,
}

#[cfg(feature = "planted-defects")]
impl PlantedDefects {
    pub(super) fn new(options: &ServerOptions) -> Self {
        Self {
            leak_bytes: usize::try_from(options.plant_leak.0).unwrap_or(usize::MAX),
            leak_every: options.plant_leak_every.0,
            delay_ns: u64::try_from(options.plant_delay.0.as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Loses memory, once for each accepted connection, or for each so-manieth.
    pub(super) fn leak(self) {
        if self.leak_bytes > 0 && ACCEPTED.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.leak_every) {
            // It is written to, because the pages would never be allocated otherwise; and it is kept visible, because
            // the compiler would leave it out otherwise.
            std::hint::black_box(vec![1_u8; self.leak_bytes].leak());
        }
    }

    /// How much later every timer fires, in nanoseconds.
    pub(super) const fn delay_ns(self) -> u64 {
        self.delay_ns
    }
}

/// Nothing is planted, and nothing of this is left in the program.
#[cfg(not(feature = "planted-defects"))]
#[expect(clippy::unused_self, reason = "as in builds with the feature")]
impl PlantedDefects {
    pub(super) const fn new(_: &ServerOptions) -> Self {
        Self {}
    }

    pub(super) const fn leak(self) {}

    pub(super) const fn delay_ns(self) -> u64 {
        0
    }
}
