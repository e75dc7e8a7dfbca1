//! The timers of one event loop: what fires when.

use super::planted::PlantedDefects;
use crate::{
    reactor::Token,
    sys,
    timers::{TimerId, Wheel},
};

/// What is due when a timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimerEvent {
    /// A connection may have taken too long.
    Deadline(Token),
    /// A peer that gets no more answers has been listened to for long enough.
    Linger(Token),
    /// A connection's request has been in progress for as long as requests are.
    RequestDone(Token),
    /// Memory is to be given back.
    ReclaimMemory,
    /// Accepting is tried again.
    ResumeAccepting,
    /// Answers under way have had their time.
    EndDrain,
}

/// A wheel of timers, which fires each of them later where that is planted.
#[derive(Debug)]
pub(super) struct Timers {
    wheel: Wheel<TimerEvent>,
    planted: PlantedDefects,
}

impl Timers {
    /// `tick_ns` is the resolution of the deadlines.
    ///
    /// # Panics
    /// If `tick_ns` is 0.
    pub(super) fn new(tick_ns: u64, planted: PlantedDefects) -> Self {
        Self { wheel: Wheel::new(tick_ns, sys::monotonic_ns()), planted }
    }

    pub(super) fn arm(&mut self, at_ns: u64, event: TimerEvent) -> TimerId {
        self.wheel.arm(at_ns, event)
    }

    /// Moves a timer, in either direction.
    pub(super) fn rearm(&mut self, timer: TimerId, at_ns: u64) {
        self.wheel.rearm(timer, at_ns);
    }

    pub(super) fn cancel(&mut self, timer: TimerId) {
        self.wheel.cancel(timer);
    }

    /// Whether it is armed, or due and not fired.
    pub(super) fn is_armed(&self, timer: TimerId) -> bool {
        self.wheel.is_armed(timer)
    }

    /// Whether no timer is armed.
    pub(super) fn is_empty(&self) -> bool {
        self.wheel.is_empty()
    }

    /// When it is worth calling [`pop_expired`](Self::pop_expired); `None` while no timer is armed.
    pub(super) fn next_wake_ns(&self) -> Option<u64> {
        Some(self.wheel.next_wake_ns()?.saturating_add(self.planted.delay_ns()))
    }

    /// Takes out one timer that is due at `now_ns`.
    pub(super) fn pop_expired(&mut self, now_ns: u64) -> Option<TimerEvent> {
        self.wheel.pop_expired(now_ns.saturating_sub(self.planted.delay_ns())).map(|(_, event, _)| event)
    }

    /// Whether a timer for `at_ns` would be due at `now_ns`.
    pub(super) fn is_due(&self, at_ns: u64, now_ns: u64) -> bool {
        at_ns.saturating_add(self.planted.delay_ns()) <= now_ns
    }
}
