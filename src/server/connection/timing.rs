//! One connection's patience: what is seen of the peer, and the one timer of all its deadlines.

use std::os::fd::AsFd;

use super::{Connection, Intake, Partial, linger::Linger};
use crate::{
    server::{
        close_reason::{CloseKind, CloseReason, Deadline, EvictionReason},
        event_loop::{Key, Shared},
        policy::{AckProgress, Seen, Waiting},
        protocol::Protocol,
    },
    sys,
    timers::{TimerId, Wheel},
};

/// Time until the next look at a message that is late, of which more is there and not read yet.
const TURN_NS: u64 = 1_000_000;

impl Connection {
    /// Something waits to be sent from now on.
    pub(super) fn begin_watch(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        let times = &shared.policy.times;
        if times.for_sending() {
            let sight = if times.by_acknowledged() { Some(self.ack_progress(shared)?) } else { None };
            let (acked, now_ns) = sight.map_or_else(|| (0, sys::monotonic_ns()), |s| (s.acked, s.now_ns));
            self.watch = Some(Box::new(Waiting::begin(acked, now_ns)));
        }
        Ok(())
    }

    /// Nothing waits any more.
    pub(super) fn end_watch(&mut self, shared: &Shared) {
        self.watch = None;
        if shared.policy.times.for_idleness() {
            self.active_ns = sys::monotonic_ns();
        }
    }

    pub(super) fn watch_soft_limit(&mut self, shared: &Shared) {
        if let (Some(limit), Some(watch)) = (shared.policy.soft_limit, &mut self.watch) {
            watch.above(self.send.readable() > limit, sys::monotonic_ns);
        }
    }

    /// After a turn: is there a message that is not whole? While no more is read, or what came is not looked at before
    /// an answer is sent, that is not the peer's doing.
    pub(super) fn note_message(&mut self, shared: &Shared) {
        if shared.policy.times.for_messages() {
            let begun = self.receive.readable() > 0 || self.conversation.is_within_message();
            let is_awaited = self.intake == Intake::Open && self.conversation.end().is_none();
            let incomplete = begun && is_awaited && self.conversation.streamed_bytes() == 0;
            let begun = || Partial { since_ns: sys::monotonic_ns(), spared_at: None };
            self.partial = incomplete.then(|| self.partial.unwrap_or_else(begun));
        }
    }

    /// Sees to it that the timer fires at the soonest deadline, or before: one that moves away is not followed.
    pub(in crate::server) fn keep_time(&mut self, shared: &Shared, timers: &mut Wheel<Key>) {
        self.begin_linger(timers);
        let receiving = shared.policy.times.for_idleness() || self.partial.is_some();
        if self.watch.is_none() && self.timer.is_none() && !receiving {
            return;
        }
        let Some(deadline) = self.deadline(shared) else {
            if let Some((timer, _)) = self.timer.take() {
                timers.cancel(timer);
            }
            return;
        };
        match self.timer {
            Some((_, fires_ns)) if fires_ns <= deadline.at_ns => {}
            Some((timer, _)) => {
                timers.rearm(timer, deadline.at_ns);
                self.timer = Some((timer, deadline.at_ns));
            }
            None => self.arm(deadline.at_ns, timers),
        }
    }

    /// The timer has fired: is it time?
    pub(in crate::server) fn look(
        &mut self,
        shared: &Shared,
        timers: &mut Wheel<Key>,
    ) -> Result<(), CloseReason> {
        self.timer = None;
        let mut now_ns = sys::monotonic_ns();
        if self.watch.is_some() && shared.policy.times.by_acknowledged() {
            let sight = self.ack_progress(shared)?;
            now_ns = sight.now_ns;
            if let Some(watch) = &mut self.watch {
                watch.look(&sight, shared.policy.times.progress);
            }
        }
        let mut deadline = self.deadline(shared);
        let is_due = |deadline: Option<Deadline>, reason| {
            deadline.is_some_and(|soonest| soonest.reason == reason && soonest.at_ns <= now_ns)
        };
        if is_due(deadline, EvictionReason::IdleTimeout) {
            if self.awaits_its_turn() {
                self.active_ns = now_ns;
            } else {
                self.note_kernel_progress(shared)?;
            }
            deadline = self.deadline(shared);
        }
        if is_due(deadline, EvictionReason::MessageTimeout) && self.awaits_its_turn() && self.spare() {
            self.arm(now_ns + TURN_NS, timers);
            return Ok(());
        }
        match deadline {
            Some(deadline) if deadline.at_ns.saturating_add(shared.policy.plant_delay_ns) <= now_ns => {
                Err(CloseReason::Late(deadline))
            }
            Some(deadline) => {
                self.arm(deadline.look_at_ns(now_ns), timers);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Which of its timers has fired unseen.
    pub(in crate::server) fn fired(&self, timers: &Wheel<Key>) -> Option<Key> {
        let void = |timer: TimerId| !timers.is_armed(timer);
        let linger = self.linger.timer().filter(|timer| void(*timer)).map(|_| Key::Linger(self.token));
        linger.or_else(|| self.timer.filter(|(timer, _)| void(*timer)).map(|_| Key::Look(self.token)))
    }

    fn arm(&mut self, at_ns: u64, timers: &mut Wheel<Key>) {
        self.timer = Some((timers.arm(at_ns, Key::Look(self.token)), at_ns));
    }

    fn deadline(&self, shared: &Shared) -> Option<Deadline> {
        // Who is listened to after the last answer has a time of its own.
        if self.linger != Linger::No {
            return None;
        }
        let seen = Seen {
            active_ns: self.active_ns,
            message_ns: self.partial.map(|partial| partial.since_ns),
            is_waited_for: self.unsent() > 0,
            waiting: self.watch.as_deref(),
        };
        shared.policy.times.soonest(&seen)
    }

    /// Whether bytes of the peer are there that the server has not come to: that it is late is not the peer's doing.
    fn awaits_its_turn(&self) -> bool {
        let is_unread = || sys::receive_queue_bytes(self.stream.as_fd()).is_ok_and(|bytes| bytes > 0);
        self.queued || (self.intake == Intake::Open && is_unread())
    }

    /// Gives a message that is late the time until something more of it is read, once.
    fn spare(&mut self) -> bool {
        let received = self.receive.work().appended;
        let Some(partial) = &mut self.partial else { return false };
        *partial.spared_at.get_or_insert(received) == received
    }

    /// What the kernel holds for the peer waits, too: who is slow to take the last of an answer is not idle before all of it
    /// was acknowledged.
    fn note_kernel_progress(&mut self, shared: &Shared) -> Result<(), CloseReason> {
        let held =
            sys::send_queue_bytes(self.stream.as_fd()).map_err(|error| CloseKind::from_error(&error))?;
        if held > 0 {
            self.kernel_held = true;
            self.active_ns = sys::monotonic_ns();
        } else if std::mem::take(&mut self.kernel_held) {
            let taken_ns = self.ack_progress(shared)?.progress_until_ns;
            self.active_ns = self.active_ns.max(taken_ns);
        }
        Ok(())
    }

    fn ack_progress(&mut self, shared: &Shared) -> Result<AckProgress, CloseReason> {
        let info = sys::tcp_info(self.stream.as_fd()).map_err(|error| CloseKind::from_error(&error))?;
        self.accounted.acknowledge(info.bytes_acked, &shared.counters);
        Ok(AckProgress::new(&info, sys::monotonic_ns(), shared.jiffy_ns))
    }
}
