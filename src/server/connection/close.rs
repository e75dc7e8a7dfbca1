//! How a connection ends that the server ends: after the last answer, or by an eviction.

use std::net::Shutdown;

use super::{channel::Channel, exchange::Exchange};
use crate::{
    profile::EvictBy,
    reactor::Token,
    server::{
        close_reason::{CloseKind, CloseReason, EvictionReason},
        context::Context,
        journal::Eviction,
        protocol::ConversationEnd,
        timers::{TimerEvent, Timers},
    },
    sys,
    timers::TimerId,
};

/// Time between two looks: so long the server listens to a peer that may still be sending and has all of its answers.
const LINGER_NS: u64 = 2_000_000_000;

/// How many looks on end may find that the peer took nothing of what the kernel still holds: with [`LINGER_NS`], half a
/// minute. What the peer sends after the server has closed the socket costs it the rest.
const MOST_STALLED: u8 = 15;

/// Our side is closed after the last answer, and the peer is listened to: as long as the kernel still hands it the answer,
/// and a while longer.
#[derive(Debug, Default)]
pub(super) struct Closing {
    /// The next look at a peer that is listened to.
    timer: Option<TimerId>,
    /// Bytes that the kernel held at the last one, at most `u32::MAX`.
    held: u32,
    /// How many looks on end found the kernel holding as much as before.
    stalled: u8,
    has_begun: bool,
    /// The peer was evicted and got an answer that says why: the end of the connection is in no other count.
    is_evicted: bool,
}

impl Closing {
    /// Our side is closed.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Closes our side once a peer that will get no more answers is sent all of them. Whether it did that now.
    ///
    /// # Errors
    /// The end of the connection, where the peer has ended its stream.
    pub(super) fn begin(&mut self, exchange: &Exchange) -> Result<bool, CloseReason> {
        if self.has_begun {
            return Ok(false);
        }
        let Some(end) = exchange.end() else { return Ok(false) };
        if end == ConversationEnd::Clean && exchange.is_ended_by_peer() {
            return Err(CloseKind::Completed.into());
        }
        // It fails when the peer is gone; epoll says so, too.
        let _ = exchange.channel().socket().transport().shutdown(Shutdown::Write);
        self.has_begun = true;
        Ok(true)
    }

    /// Plans the first look, once our side is closed.
    pub(super) fn keep(&mut self, channel: &Channel, timers: &mut Timers) {
        if self.has_begun && self.timer.is_none() {
            self.look_again(channel.socket().unacknowledged_bytes(), 0, channel.socket().token(), timers);
        }
    }

    /// Looks at a peer that is listened to.
    ///
    /// # Errors
    /// The end of the connection, where the peer has had all and the time to say more, or has taken nothing for too long.
    pub(super) fn timer_fired(&mut self, channel: &Channel, timers: &mut Timers) -> Result<(), CloseReason> {
        let held = channel.socket().unacknowledged_bytes();
        let stalled = if held < self.held { 0 } else { self.stalled + 1 };
        if held == 0 || stalled > MOST_STALLED {
            return Err(CloseKind::Completed.into());
        }
        self.look_again(held, stalled, channel.socket().token(), timers);
        Ok(())
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

    /// Evicts a peer that took too long to ask, and answers so, where the protocol has an answer for it and the peer has
    /// acknowledged all others: it may still be sending, and a close could take the answer away from it. False: it was not
    /// sent.
    pub(super) fn evict_with_answer(
        &mut self,
        end: CloseReason,
        exchange: &mut Exchange,
        context: &mut Context,
    ) -> bool {
        let CloseReason::Late(deadline) = end else { return false };
        let has_all = |exchange: &Exchange| {
            exchange.unsent() == 0 && exchange.channel().socket().unacknowledged_bytes() == 0
        };
        let is_answered = deadline.reason == EvictionReason::MessageTimeout
            && has_all(exchange)
            && exchange.send_timeout_answer(context);
        if is_answered {
            let timer = Some((deadline.since_ns, deadline.at_ns));
            record(deadline.reason, timer, 0, exchange.channel(), context);
            self.is_evicted = true;
        }
        is_answered
    }

    /// Counts the end of the connection; an eviction is recorded, and closes with an RST where the policy says so.
    pub(super) fn note(&self, end: CloseReason, channel: &Channel, context: &Context) {
        if self.is_evicted {
            return;
        }
        let (reason, timer) = match end {
            CloseReason::Evicted(reason) => (reason, None),
            CloseReason::Late(deadline) => (deadline.reason, Some((deadline.since_ns, deadline.at_ns))),
            // The kernel has done on our behalf what we asked it to.
            CloseReason::Other(CloseKind::TimedOut) if context.policy.user_timeout => {
                (EvictionReason::UserTimeout, None)
            }
            CloseReason::Other(kind) => return context.counters.ended.of(kind).add(1),
        };
        let kernel_queued = channel.socket().transport().unacknowledged_bytes().unwrap_or(0);
        if context.policy.evict_by == EvictBy::Rst {
            channel.socket().transport().reset_on_close();
        }
        record(reason, timer, kernel_queued, channel, context);
    }

    fn look_again(&mut self, held: u32, stalled: u8, token: Token, timers: &mut Timers) {
        (self.held, self.stalled) = (held, stalled);
        self.timer = Some(timers.arm(sys::monotonic_ns() + LINGER_NS, TimerEvent::Linger(token)));
    }
}

/// Counts and records an eviction. `timer`: what a timeout was counted from, and when it was over; `kernel_queued`: bytes
/// that the peer had not acknowledged.
fn record(
    reason: EvictionReason,
    timer: Option<(u64, u64)>,
    kernel_queued: usize,
    channel: &Channel,
    context: &Context,
) {
    context.counters.evictions.of(reason).add(1);
    context.journal.record(Eviction {
        at_ns: sys::monotonic_ns(),
        reason,
        peer: channel.socket().peer(),
        timer,
        send_buffered: channel.outbound().buffered(),
        kernel_queued,
    });
}
