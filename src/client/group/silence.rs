//! The longest time in which a whole group got no answer, over all threads that drive it.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use super::phases::overlap;

/// What one thread knows of it. Only time in the window counts, and in an open loop only time in which something was
/// asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Silence {
    /// When the group's last answer came, on whichever thread; the start of the window before the first.
    #[serde(skip)]
    last_ns: Arc<AtomicU64>,
    #[serde(skip)]
    window: (u64, u64),
    longest_ns: u64,
    /// From when until when each phase of the window is, and the longest silence in it.
    phases: Vec<((u64, u64), u64)>,
}

impl Silence {
    pub(super) fn new(last_ns: Arc<AtomicU64>, window: (u64, u64), phases: &[(u64, u64)]) -> Self {
        let phases = phases.iter().map(|span| (*span, 0)).collect();
        Self { last_ns, window, longest_ns: 0, phases }
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
        let (from_ns, until_ns) = (from_ns.max(self.window.0), until_ns.min(self.window.1));
        self.longest_ns = self.longest_ns.max(until_ns.saturating_sub(from_ns));
        for (span, longest_ns) in &mut self.phases {
            *longest_ns = overlap(*span, from_ns, until_ns).max(*longest_ns);
        }
    }

    /// When the group's last answer came, on whichever thread, in nanoseconds.
    pub(super) fn last_ns(&self) -> u64 {
        self.last_ns.load(Ordering::Relaxed)
    }

    /// In nanoseconds.
    pub(super) const fn longest_ns(&self) -> u64 {
        self.longest_ns
    }

    /// The longest in each phase, in nanoseconds.
    pub(super) fn longest_of_phases_ns(&self) -> impl Iterator<Item = u64> {
        self.phases.iter().map(|(_, longest_ns)| *longest_ns)
    }

    /// Takes over what another thread knows of the same group.
    pub(super) fn add(&mut self, other: &Self) {
        self.add_by(other, u64::max);
    }

    /// Takes over what another process knows of a group in which both always asked for something: the whole group was silent
    /// only while each of them was.
    pub(super) fn add_elsewhere(&mut self, other: &Self) {
        self.add_by(other, u64::min);
    }

    fn add_by(&mut self, other: &Self, choose: fn(u64, u64) -> u64) {
        self.longest_ns = choose(self.longest_ns, other.longest_ns);
        for ((_, mine), (_, others)) in self.phases.iter_mut().zip(&other.phases) {
            *mine = choose(*mine, *others);
        }
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
        let mut silence = Silence::new(shared(), WINDOW, &[]);
        silence.answered(0, 90);
        assert_eq!(silence.longest_ns(), 0, "before the window");
        for (now, longest) in [(103, 3), (110, 7), (112, 7), (290, 88)] {
            silence.answered(0, now);
            assert_eq!(silence.longest_ns(), longest, "at {now}");
        }
    }

    #[test]
    fn time_without_requests_is_not_silence() {
        let mut silence = Silence::new(shared(), WINDOW, &[]);
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
        let [mut one, mut other] = [0, 1].map(|_| Silence::new(Arc::clone(&shared), WINDOW, &[]));
        one.answered(0, 105);
        other.answered(0, 150);
        one.answered(0, 160);
        assert_eq!((one.longest_ns(), other.longest_ns()), (10, 45));
        one.add(&other);
        assert_eq!(one.longest_ns(), 45);
    }

    #[test]
    fn a_silence_counts_in_each_phase_that_it_overlaps() {
        let mut silence = Silence::new(shared(), WINDOW, &[(100, 120), (120, 150), (150, 200)]);
        silence.answered(0, 104);
        silence.answered(0, 145);
        silence.ended(190, 300);
        assert_eq!(silence.longest_of_phases_ns().collect::<Vec<_>>(), [16, 25, 10]);
    }
}
