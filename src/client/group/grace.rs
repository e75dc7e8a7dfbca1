//! How long a group's last answers are waited for when the window is over.

/// At least, and at most, whatever the server did before, in nanoseconds.
const LEAST_NS: u64 = 500_000_000;
const MOST_NS: u64 = 60_000_000_000;

/// What answers after the end can make of it, at most, in nanoseconds, where none took long before: a server that gives one now
/// and then does not hold the run for as long as it has any left to give.
const MOST_LATER_NS: u64 = 2_000_000_000;

/// What is known of a group's answers. A server that is slow and answers everybody gets the time for it; one that was slow once
/// and then fell silent does not hold the run.
#[derive(Clone, Debug, Default)]
pub(super) struct Grace {
    /// The longest that an answer was waited for, the warm-up included, in nanoseconds.
    longest_ns: u64,
    /// The same of those that came before the window was over.
    longest_before_ns: u64,
    /// Since when the oldest request was waited for when the window was over.
    asked_since_ns: u64,
}

impl Grace {
    /// An answer came after so long, within the window (or before it) or after it.
    pub(super) fn answered(&mut self, wait_ns: u64, is_before_end: bool) {
        self.longest_ns = self.longest_ns.max(wait_ns);
        if is_before_end {
            self.longest_before_ns = self.longest_ns;
        }
    }

    /// The window is over, and what is waited for was due since then.
    pub(super) fn begin(&mut self, oldest_due_ns: Option<u64>) {
        self.asked_since_ns = oldest_due_ns.unwrap_or(0);
    }

    /// When it ends, in nanoseconds, for a window that ended at `end_ns`, with the last answer of the group at `last_ns`. In all it
    /// is twice as long as the longest wait for an answer (where those before the end were shorter than a second, at most 2 s);
    /// and it is over when no answer has come for twice as long as the longest wait before the end, silence at the end of the
    /// window included.
    pub(super) fn ends_ns(&self, end_ns: u64, last_ns: u64) -> u64 {
        let twice = |wait_ns: u64| wait_ns.saturating_mul(2).clamp(LEAST_NS, MOST_NS);
        let silent_since_ns = last_ns.max(self.asked_since_ns);
        let by_silence_ns = silent_since_ns.saturating_add(twice(self.longest_before_ns));
        let most_ns = twice(self.longest_before_ns).max(MOST_LATER_NS);
        let in_all_ns = end_ns.saturating_add(twice(self.longest_ns).min(most_ns));
        by_silence_ns.min(in_all_ns).max(end_ns.saturating_add(LEAST_NS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const END: u64 = 20 * SECOND;

    fn grace(waits: &[(u64, bool)], asked_since_ns: u64) -> Grace {
        let mut grace = Grace::default();
        for &(wait_ns, is_before_end) in waits {
            grace.answered(wait_ns, is_before_end);
        }
        grace.begin(Some(asked_since_ns));
        grace
    }

    #[test]
    fn a_slow_server_that_answers_all_requests_gets_time() {
        let grace = grace(&[(9 * SECOND, true)], 18 * SECOND);
        assert_eq!(grace.ends_ns(END, 18 * SECOND), 36 * SECOND);
        let longer = self::grace(&[(50 * SECOND, true)], 18 * SECOND);
        assert_eq!(longer.ends_ns(END, 18 * SECOND), 78 * SECOND, "60 s at most");
    }

    #[test]
    fn a_server_that_was_slow_once_and_stopped_gets_no_extra_time() {
        let grace = grace(&[(4 * SECOND, true)], 5 * SECOND);
        assert_eq!(
            grace.ends_ns(END, 5 * SECOND),
            END + LEAST_NS,
            "it was silent for longer than that already"
        );
        let later = self::grace(&[(4 * SECOND, true)], 15 * SECOND);
        assert_eq!(later.ends_ns(END, 15 * SECOND), 23 * SECOND, "what is left of 8 s");
        assert_eq!(self::grace(&[], 0).ends_ns(END, 0), END + LEAST_NS, "it never answered");
    }

    #[test]
    fn time_without_requests_is_not_silence() {
        let grace = grace(&[(9 * SECOND, true)], 19 * SECOND);
        assert_eq!(grace.ends_ns(END, 2 * SECOND), 37 * SECOND);
    }

    #[test]
    fn late_answers_are_awaited_while_they_keep_coming() {
        let quick = SECOND / 1000;
        let hiccup = [(quick, true), (SECOND, false)];
        let grace = grace(&hiccup, 19 * SECOND);
        let came = END + SECOND / 5;
        assert_eq!(grace.ends_ns(END, came), came + LEAST_NS, "a server that wakes up drains what waits");
        assert_eq!(grace.ends_ns(END, END + 3 * SECOND), END + 2 * SECOND, "not forever");
        let creeping = self::grace(&[(quick, true), (9 * SECOND, false)], 19 * SECOND);
        assert_eq!(creeping.ends_ns(END, END + 8 * SECOND), END + 2 * SECOND, "also where each takes longer");
    }
}
