//! Which connections of a group are opened, and when: the first ones, and those that come back after they ended.

use super::Group;
use crate::{
    client::close_reason::{CloseReason, Life},
    load::{Attempts, Reconnect},
    record::PutOff,
};

/// A connection that is opened now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client) struct Opening {
    /// It is one that is opened again.
    pub(in crate::client) again: bool,
    /// Which part of a download it fetches, where the group fetches one: that of the connection in whose place it comes.
    pub(in crate::client) part: u32,
}

/// A connection that is to be opened again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reopening {
    at_ns: u64,
    /// How much of the time since the last one ended is because no more attempts are allowed, in nanoseconds.
    put_off_ns: u64,
    part: u32,
}

impl Group {
    /// The connection whose time to be opened has come, if there is one.
    pub(in crate::client) fn take_turn(&mut self, now_ns: u64) -> Option<Opening> {
        if self.next_open_ns().is_some_and(|at_ns| at_ns <= now_ns) {
            let part = self.part.count - self.to_open;
            self.to_open -= 1;
            return Some(Opening { again: false, part });
        }
        let due = self.reopenings.front().copied().filter(|reopening| reopening.at_ns <= now_ns)?;
        self.reopenings.pop_front();
        self.note_put_off(due);
        Some(Opening { again: true, part: due.part })
    }

    /// When the next of the first connections is opened, if one is left.
    pub(super) fn next_open_ns(&self) -> Option<u64> {
        let opened = self.part.count - self.to_open;
        let after_ns = match &self.spec.connect_rate {
            None => 0,
            Some(schedule) => schedule.due_ns(f64::from(self.part.index + opened * self.part.of))?,
        };
        (self.to_open > 0).then(|| self.start_ns.saturating_add(after_ns))
    }

    /// When the next connection is opened again, if one is to be.
    pub(super) fn next_reopen_ns(&self) -> Option<u64> {
        self.reopenings.front().map(|reopening| reopening.at_ns)
    }

    /// A connection is opened later than it could be. A good client in a closed loop would have asked for something on it
    /// meanwhile, and so would one in an open loop where requests wait for a connection. What bad peers do is theirs.
    fn note_put_off(&mut self, Reopening { at_ns, put_off_ns, .. }: Reopening) {
        let (start_ns, end_ns) = self.window;
        if self.spec.is_steady() && (self.spec.load.is_closed_loop() || !self.queue.is_empty()) {
            let from_ns = (at_ns - put_off_ns).max(start_ns);
            self.put_off_ns += at_ns.min(end_ns).saturating_sub(from_ns);
        }
    }

    /// How much of its connections' time was lost because no more attempts to connect are allowed.
    pub(super) fn put_off(&self) -> PutOff {
        let window_ns = self.window.1.saturating_sub(self.window.0) as f64;
        let whole_ns = (f64::from(self.spec.count) * window_ns).max(1.0);
        let is_asked_for = self.spec.reconnect.is_some_and(|reconnect| reconnect.is_bounded());
        PutOff { share: (self.put_off_ns as f64 / whole_ns).min(1.0), is_asked_for }
    }

    /// Opens the connection again in its time, where it comes back; if it was the last one that asked for something, the group
    /// has ended.
    pub(super) fn come_back(&mut self, how: CloseReason, life: Life, now_ns: u64) {
        if self.rules.comes_back(how, life.is_spent) {
            let of = self.part.of;
            let attempts = self.attempts.get_or_insert_with(|| Attempts::new(&Reconnect::UNASKED, of));
            let (at_ns, put_off_ns) = attempts.after(now_ns);
            self.reopenings.push_back(Reopening { at_ns, put_off_ns, part: life.part });
            return;
        }
        let by_us = matches!(how, CloseReason::ByUs(_)) || life.is_spent;
        let has_ended = self.start.ended_one(by_us);
        if has_ended && self.spec.load.is_closed_loop() {
            self.silence.ended(self.start_ns, now_ns);
        }
    }
}
