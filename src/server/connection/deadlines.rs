//! One connection's deadlines: what is seen of the peer, and the one timer for the soonest of them.

use std::mem;

use super::{account::Account, channel::Channel};
use crate::{
    profile::Progress,
    reactor::Token,
    server::{
        close_reason::{CloseKind, CloseReason, Deadline, EvictionReason},
        context::Context,
        policy::{Policy, Seen, Waiting},
        timers::{TimerEvent, Timers},
    },
    sys,
    timers::TimerId,
};

/// Time until the next look at a message that is late, of which more is there and not read yet.
const TURN_NS: u64 = 1_000_000;

/// What a connection's deadlines are counted from, and their timer.
pub(super) struct Deadlines {
    /// What is known of what waits, if there is a limit to its time.
    waiting: Option<Box<Waiting>>,
    /// Something was last received, or the last of what waited was sent; if there is a limit to idleness.
    active_ns: u64,
    /// The message that is not whole yet; if there is a limit to its time.
    partial: Option<Partial>,
    /// The one timer of all deadlines.
    timer: Option<TimerId>,
    /// When it fires: at the soonest of them, or before.
    fires_ns: u64,
    /// The last look at what the peer has taken of what waits.
    looked_ns: u64,
    /// The kernel held data for the peer when it was last looked whether it is idle.
    kernel_held: bool,
    /// No deadline counts any more.
    is_over: bool,
}

/// A message of which a part has come.
#[derive(Clone, Copy, Debug)]
struct Partial {
    /// It was seen first.
    since_ns: u64,
    /// Its time was over while more of it lay unread, and so many bytes had been received: it may be whole when they are read.
    spared_at: Option<u64>,
}

/// What else there is to know of a connection whose timer has fired.
pub(super) struct Situation<'a> {
    pub(super) channel: &'a Channel,
    pub(super) account: &'a mut Account,
    /// Something waits to be sent, or a whole request to be answered.
    pub(super) is_waited_for: bool,
    /// It goes on without new readiness.
    pub(super) is_queued: bool,
}

impl Situation<'_> {
    /// Whether bytes of the peer are there that the server has not come to: that it is late is not the peer's doing.
    fn awaits_its_turn(&self) -> bool {
        let is_unread = || self.channel.socket().transport().unread_bytes().is_ok_and(|bytes| bytes > 0);
        self.is_queued || (self.channel.inbound().is_open() && is_unread())
    }

    /// Bytes received since the receive buffer was made.
    fn received(&self) -> u64 {
        self.channel.inbound().buffer().work().appended
    }
}

impl Deadlines {
    pub(super) fn new(policy: &Policy) -> Self {
        Self {
            waiting: None,
            active_ns: if policy.times.for_idleness() { sys::monotonic_ns() } else { 0 },
            partial: None,
            timer: None,
            fires_ns: 0,
            looked_ns: 0,
            kernel_held: false,
            is_over: false,
        }
    }

    /// Bytes were received, or the last of what waited was sent.
    pub(super) fn note_active(&mut self, policy: &Policy) {
        if policy.times.for_idleness() {
            self.active_ns = sys::monotonic_ns();
        }
    }

    /// Something waits to be sent from now on.
    ///
    /// # Errors
    /// When the kernel says that the connection is broken.
    pub(super) fn begin_waiting(
        &mut self,
        channel: &Channel,
        account: &mut Account,
        context: &Context,
    ) -> Result<(), CloseReason> {
        let times = &context.policy.times;
        if times.for_sending() {
            let (acked, now_ns) = if times.by_acknowledged() {
                let progress = account.ask(channel, context)?;
                (progress.acked, progress.now_ns)
            } else {
                (0, sys::monotonic_ns())
            };
            self.looked_ns = now_ns;
            self.waiting = Some(Box::new(Waiting::begin(acked, now_ns)));
        }
        Ok(())
    }

    /// The kernel took some of what waits: progress, where a write event counts as such.
    pub(super) fn note_sent(&mut self, policy: &Policy) {
        if policy.times.progress == Progress::WriteEvent
            && let Some(waiting) = &mut self.waiting
        {
            waiting.wrote(sys::monotonic_ns());
        }
    }

    /// Nothing waits any more.
    pub(super) fn end_waiting(&mut self, policy: &Policy) {
        self.waiting = None;
        self.note_active(policy);
    }

    /// So many bytes wait in the send buffer.
    pub(super) fn buffered(&mut self, bytes: usize, policy: &Policy) {
        if let (Some(limit), Some(waiting)) = (policy.soft_limit, &mut self.waiting) {
            waiting.above(bytes > limit, sys::monotonic_ns);
        }
    }

    /// Whether a message has begun that the peer has not sent to its end.
    pub(super) fn note_partial(&mut self, is_partial: bool) {
        let begun = || Partial { since_ns: sys::monotonic_ns(), spared_at: None };
        self.partial = is_partial.then(|| self.partial.unwrap_or_else(begun));
    }

    /// A message was answered.
    pub(super) fn message_ended(&mut self) {
        self.partial = None;
    }

    /// Nothing more will be answered: who is listened to after the last answer has a time of its own.
    pub(super) fn end(&mut self) {
        self.is_over = true;
        self.partial = None;
    }

    /// Whether there is anything to [`keep`](Self::keep).
    pub(super) fn are_kept(&self, policy: &Policy) -> bool {
        self.waiting.is_some()
            || self.timer.is_some()
            || self.partial.is_some()
            || policy.times.for_idleness()
    }

    /// Sees to it that the timer fires at the soonest deadline, or before: one that moves away is not followed.
    pub(super) fn keep(&mut self, token: Token, is_waited_for: bool, policy: &Policy, timers: &mut Timers) {
        let at_ns =
            self.soonest(is_waited_for, policy).map(|deadline| self.before_next_look(deadline.at_ns, policy));
        match (at_ns, self.timer) {
            (None, _) => self.cancel(timers),
            (Some(at_ns), Some(_)) if self.fires_ns <= at_ns => {}
            (Some(at_ns), Some(timer)) => {
                timers.rearm(timer, at_ns);
                self.fires_ns = at_ns;
            }
            (Some(at_ns), None) => self.arm(at_ns, token, timers),
        }
    }

    /// The timer has fired: is it time?
    ///
    /// # Errors
    /// The deadline, if it is over; or what has broken the connection.
    pub(super) fn timer_fired(
        &mut self,
        mut at: Situation<'_>,
        context: &Context,
        timers: &mut Timers,
    ) -> Result<(), CloseReason> {
        self.timer = None;
        let policy = &*context.policy;
        let mut now_ns = sys::monotonic_ns();
        if let Some(waiting) = &mut self.waiting
            && policy.times.by_acknowledged()
        {
            let progress = at.account.ask(at.channel, context)?;
            now_ns = progress.now_ns;
            self.looked_ns = now_ns;
            waiting.look(&progress, policy.times.progress);
        }
        let mut deadline = self.soonest(at.is_waited_for, policy);
        let is_due = |deadline: Option<Deadline>, reason| {
            deadline.is_some_and(|soonest| soonest.reason == reason && soonest.at_ns <= now_ns)
        };
        if is_due(deadline, EvictionReason::IdleTimeout) {
            if at.awaits_its_turn() {
                self.active_ns = now_ns;
            } else {
                self.note_kernel_progress(&mut at, context)?;
            }
            deadline = self.soonest(at.is_waited_for, policy);
        }
        let is_late = is_due(deadline, EvictionReason::MessageTimeout);
        if is_late && at.awaits_its_turn() && self.spare(at.received()) {
            self.arm(now_ns + TURN_NS, at.channel.socket().token(), timers);
            return Ok(());
        }
        match deadline {
            Some(deadline) if timers.is_due(deadline.at_ns, now_ns) => Err(CloseReason::Late(deadline)),
            Some(deadline) => {
                let at_ns = self.before_next_look(deadline.look_at_ns(now_ns), policy);
                self.arm(at_ns, at.channel.socket().token(), timers);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Whether the timer has fired unseen.
    pub(super) fn has_missed(&self, timers: &Timers) -> bool {
        self.timer.is_some_and(|timer| !timers.is_armed(timer))
    }

    pub(super) fn cancel(&mut self, timers: &mut Timers) {
        if let Some(timer) = self.timer.take() {
            timers.cancel(timer);
        }
    }

    fn arm(&mut self, at_ns: u64, token: Token, timers: &mut Timers) {
        self.timer = Some(timers.arm(at_ns, TimerEvent::Deadline(token)));
        self.fires_ns = at_ns;
    }

    /// That time, unless progress must be looked for before.
    fn before_next_look(&self, at_ns: u64, policy: &Policy) -> u64 {
        let every_ns = policy.times.look_every_ns().filter(|_| self.waiting.is_some());
        every_ns.map_or(at_ns, |every_ns| at_ns.min(self.looked_ns + every_ns))
    }

    fn soonest(&self, is_waited_for: bool, policy: &Policy) -> Option<Deadline> {
        if self.is_over {
            return None;
        }
        policy.times.soonest(&Seen {
            active_ns: self.active_ns,
            message_ns: self.partial.map(|partial| partial.since_ns),
            is_waited_for,
            waiting: self.waiting.as_deref(),
        })
    }

    /// Gives a message that is late the time until something more of it is read, once.
    fn spare(&mut self, received: u64) -> bool {
        let Some(partial) = &mut self.partial else { return false };
        *partial.spared_at.get_or_insert(received) == received
    }

    /// What the kernel holds for the peer waits, too: who is slow to take the last of an answer is not idle before all of it
    /// was acknowledged.
    fn note_kernel_progress(&mut self, at: &mut Situation<'_>, context: &Context) -> Result<(), CloseReason> {
        let held = at
            .channel
            .socket()
            .transport()
            .unacknowledged_bytes()
            .map_err(|error| CloseKind::from_error(&error))?;
        if held > 0 {
            self.kernel_held = true;
            self.active_ns = sys::monotonic_ns();
        } else if mem::take(&mut self.kernel_held) {
            let taken_ns = at.account.ask(at.channel, context)?.progress_until_ns;
            self.active_ns = self.active_ns.max(taken_ns);
        }
        Ok(())
    }
}
