//! When a thread of the load generator stood still: it neither computed nor slept as planned, because it was stopped or
//! other programs had its core.

/// How often the CPU clock is read, which is a system call: the time of a pause is exact to this much.
const LOOK_EVERY_NS: u64 = 10_000_000;
/// Shorter pauses are normal scheduling, and are seen as run delay and as pacing error.
const SHORTEST_NS: u64 = 50_000_000;

/// Adds up the pauses that lie in the window, and finds the longest: one that begins in the window, or after it while the last
/// answers are waited for, makes all of them late.
#[derive(Debug)]
pub(in crate::client) struct Pauses {
    window: (u64, u64),
    at_ns: u64,
    cpu_ns: u64,
    slept_ns: u64,
    /// The longest, in nanoseconds.
    pub(in crate::client) longest_ns: u64,
    /// All that lasted 50 ms or more, in nanoseconds.
    pub(in crate::client) total_ns: u64,
}

impl Pauses {
    /// From `now_ns` on, when the thread had used `cpu_ns` of CPU time.
    pub(super) fn new(window: (u64, u64), now_ns: u64, cpu_ns: u64) -> Self {
        Self { window, at_ns: now_ns, cpu_ns, slept_ns: 0, longest_ns: 0, total_ns: 0 }
    }

    /// Slept from `from_ns`, meant to until `until_ns` at most, and did until `woke_ns`: what is longer was not planned.
    pub(super) fn slept(&mut self, from_ns: u64, until_ns: u64, woke_ns: u64) {
        self.slept_ns += woke_ns.min(until_ns).saturating_sub(from_ns);
    }

    /// Looks at the clocks, if it is time to.
    pub(super) fn look(&mut self, now_ns: u64, cpu_ns: impl FnOnce() -> u64) {
        let passed = now_ns.saturating_sub(self.at_ns);
        if passed < LOOK_EVERY_NS {
            return;
        }
        let cpu_ns = cpu_ns();
        let spent = cpu_ns.saturating_sub(self.cpu_ns) + self.slept_ns;
        let since_ns = self.at_ns.max(self.window.0);
        let stood_still = passed.saturating_sub(spent);
        let pause = stood_still.min(now_ns.min(self.window.1).saturating_sub(since_ns));
        self.longest_ns = self.longest_ns.max(stood_still.min(now_ns.saturating_sub(since_ns)));
        self.total_ns += if pause >= SHORTEST_NS { pause } else { 0 };
        (self.at_ns, self.cpu_ns, self.slept_ns) = (now_ns, cpu_ns, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    /// Longest and total pause after these turns of (slept as planned, overslept, computed, neither), in milliseconds,
    /// in a window from 100 ms to 1100 ms.
    fn after(turns: &[(u64, u64, u64, u64)]) -> (u64, u64) {
        let mut pauses = Pauses::new((100 * MS, 1100 * MS), 0, 0);
        let (mut now, mut cpu) = (0, 0);
        for &(planned, over, worked, paused) in turns {
            pauses.slept(now * MS, (now + planned) * MS, (now + planned + over) * MS);
            now += planned + over + worked + paused;
            cpu += worked;
            pauses.look(now * MS, || cpu * MS);
        }
        (pauses.longest_ns / MS, pauses.total_ns / MS)
    }

    #[test]
    fn sleep_and_work_do_not_count_as_pauses() {
        assert_eq!(after(&[(100, 0, 0, 0), (90, 0, 300, 0), (0, 0, 400, 0)]), (0, 0));
    }

    #[test]
    fn oversleeping_and_stopped_time_count_as_pauses() {
        assert_eq!(after(&[(100, 0, 0, 0), (90, 200, 10, 0), (20, 0, 5, 60)]), (200, 260));
        assert_eq!(after(&[(100, 0, 0, 0), (20, 30, 0, 19)]), (49, 0), "a short one is not added up");
    }

    #[test]
    fn only_pauses_within_the_window_count() {
        assert_eq!(after(&[(0, 90, 0, 0)]), (0, 0), "before it");
        assert_eq!(after(&[(10, 0, 0, 190)]), (100, 100), "at its beginning");
        assert_eq!(after(&[(1000, 0, 0, 0), (0, 700, 0, 0), (0, 300, 0, 0)]), (700, 100), "at its end");
        assert_eq!(
            after(&[(1200, 0, 0, 0), (0, 300, 0, 0)]),
            (300, 0),
            "while the last answers are waited for"
        );
    }

    #[test]
    fn the_cpu_clock_is_not_read_in_every_turn() {
        let mut pauses = Pauses::new((0, 1000 * MS), 0, 0);
        pauses.look(9 * MS, || panic!("too early"));
        pauses.look(10 * MS, || 0);
        assert_eq!(pauses.longest_ns, 10 * MS);
    }
}
