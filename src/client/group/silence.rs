//! The longest time in which a whole group got no answer, over all threads that drive it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// What one thread knows of it. Only time in the window counts, and in an open loop only time in which something was
/// asked for.
#[derive(Debug)]
pub(super) struct Silence {
    /// When the group's last answer came, on whichever thread; the start of the window before the first.
    last_ns: Arc<AtomicU64>,
    window: (u64, u64),
    longest_ns: u64,
}

impl Silence {
    pub(super) const fn new(last_ns: Arc<AtomicU64>, window: (u64, u64)) -> Self {
        Self { last_ns, window, longest_ns: 0 }
    }

    /// An answer came, to a request that was asked for since `since_ns`.
    pub(super) fn answered(&mut self, since_ns: u64, now_ns: u64) {
        if now_ns > self.window.0 {
            let last_ns = self.last_ns.swap(now_ns, Ordering::Relaxed);
            self.note(last_ns.max(since_ns), now_ns);
        }
    }

    /// No answer came any more, though something was asked for since `since_ns`.
    pub(super) fn ended(&mut self, since_ns: u64, now_ns: u64) {
        self.note(self.last_ns().max(since_ns), now_ns);
    }

    fn note(&mut self, from_ns: u64, until_ns: u64) {
        let silent = until_ns.min(self.window.1).saturating_sub(from_ns.max(self.window.0));
        self.longest_ns = self.longest_ns.max(silent);
    }

    /// When the group's last answer came, on whichever thread, in nanoseconds.
    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns.load(Ordering::Relaxed)
    }

    /// In nanoseconds.
    pub(super) const fn longest_ns(&self) -> u64 {
        self.longest_ns
    }

    /// Takes over what another thread knows of the same group.
    pub(super) fn add(&mut self, other: &Self) {
        self.longest_ns = self.longest_ns.max(other.longest_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: (u64, u64) = (100, 200);

    /// What the threads share before the first answer.
    fn shared() -> Arc<AtomicU64> {
        Arc::new(AtomicU64::new(WINDOW.0))
    }

    #[test]
    fn the_longest_gap_between_answers_counts_within_the_window() {
        let mut silence = Silence::new(shared(), WINDOW);
        silence.answered(0, 90);
        assert_eq!(silence.longest_ns(), 0, "before the window");
        for (now, longest) in [(103, 3), (110, 7), (112, 7), (290, 88)] {
            silence.answered(0, now);
            assert_eq!(silence.longest_ns(), longest, "at {now}");
        }
    }

    #[test]
    fn time_without_requests_is_not_silence() {
        let mut silence = Silence::new(shared(), WINDOW);
        silence.answered(120, 124);
        assert_eq!(silence.longest_ns(), 4);
        silence.ended(190, 300);
        assert_eq!(silence.longest_ns(), 10);
        silence.ended(0, 300);
        assert_eq!(silence.longest_ns(), 76, "since the last answer");
    }

    #[test]
    fn an_answer_on_another_thread_ends_the_silence() {
        let shared = shared();
        let [mut one, mut other] = [0, 1].map(|_| Silence::new(Arc::clone(&shared), WINDOW));
        one.answered(0, 105);
        other.answered(0, 150);
        one.answered(0, 160);
        assert_eq!((one.longest_ns(), other.longest_ns()), (10, 45));
        one.add(&other);
        assert_eq!(one.longest_ns(), 45);
    }
}
