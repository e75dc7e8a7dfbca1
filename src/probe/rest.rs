//! When a server that was just started has come to rest: its workers forked, its threads started, its memory steady.

use super::TreeReading;

/// So many looks, one after the other, must show the same of a server that sleeps.
const LOOKS: u32 = 3;
/// Of one that computes at every look, which may be its way to wait, so many.
const LOOKS_RUNNING: u32 = 15;
/// Memory may change by so many bytes, or by this part of itself, and counts as the same: the kernel rounds it for each
/// thread.
const SAME_BYTES: u64 = 64 * 1024;
const SAME_PART: u64 = 512;

/// Judges looks that are some 20 ms apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rest {
    first: Option<TreeReading>,
    /// Looks that showed the same as the first.
    same: u32,
    /// Looks of those, counted from the last, at which it slept.
    asleep: u32,
}

impl Rest {
    /// Takes in a look. Whether the server is at rest.
    pub fn look(&mut self, reading: &TreeReading) -> bool {
        if !self.first.is_some_and(|first| is_same(&first, reading)) {
            *self = Self { first: Some(*reading), ..Self::default() };
        }
        self.same += 1;
        self.asleep = if reading.is_running { 0 } else { self.asleep + 1 };
        self.asleep >= LOOKS || self.same >= LOOKS_RUNNING
    }
}

fn is_same(first: &TreeReading, now: &TreeReading) -> bool {
    let moved = first.rss_bytes.abs_diff(now.rss_bytes);
    (first.processes, first.threads) == (now.processes, now.threads)
        && moved <= SAME_BYTES.max(first.rss_bytes / SAME_PART)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn reading(processes: u64, rss_bytes: u64, is_running: bool) -> TreeReading {
        TreeReading { processes, threads: processes, rss_bytes, is_running, ..TreeReading::default() }
    }

    /// At which of these looks it is at rest for the first time, from 1.
    fn at_rest(looks: &[TreeReading]) -> Option<usize> {
        let mut rest = Rest::default();
        looks.iter().position(|look| rest.look(look)).map(|index| index + 1)
    }

    #[test]
    fn a_sleeping_server_is_at_rest_at_the_third_sample() {
        let look = reading(1, 5 * MIB, false);
        assert_eq!(at_rest(&[look; 5]), Some(3));
        assert_eq!(at_rest(&[look; 2]), None);
    }

    #[test]
    fn workers_forked_one_after_the_other_are_awaited() {
        let mut looks: Vec<_> = (1..=8).map(|n| reading(n, n * 3 * MIB, true)).collect();
        looks.extend([reading(9, 40 * MIB, false); 3]);
        assert_eq!(at_rest(&looks), Some(11));
        let threads = |threads| TreeReading { threads, ..reading(1, MIB, false) };
        assert_eq!(at_rest(&[threads(1), threads(1), threads(4), threads(4), threads(4)]), Some(5));
    }

    #[test]
    fn a_server_that_waits_for_a_core_is_not_at_rest() {
        let mut looks = vec![reading(1, MIB, true); 6];
        looks.extend([reading(1, MIB, false); 3]);
        assert_eq!(at_rest(&looks), Some(9));
        assert_eq!(at_rest(&[reading(1, MIB, true); 20]), Some(15), "it waits by computing");
    }

    #[test]
    fn growing_memory_is_not_rest_and_rounding_is() {
        let creeping: Vec<_> = (0..30).map(|n| reading(1, 10 * MIB + n * 40_000, false)).collect();
        assert_eq!(at_rest(&creeping), None);
        let rounded: Vec<_> = (0..3).map(|n| reading(1, 10 * MIB + n * 20_000, false)).collect();
        assert_eq!(at_rest(&rounded), Some(3));
    }
}
