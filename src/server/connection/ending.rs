//! One connection's accounts: what it adds to the counters, and how it ends.

use std::{io::Write, net::Shutdown, os::fd::AsFd};

use nix::sys::socket::{setsockopt, sockopt};

use super::Connection;
use crate::{
    buffer::Nothing,
    profile::EvictBy,
    server::{
        close_reason::{CloseKind, CloseReason, EvictionReason},
        counters::Counters,
        event_loop::{Key, Shared},
        journal::Eviction,
        protocol::Protocol,
    },
    sys,
    timers::Wheel,
};

/// What one connection adds to the sums in [`Counters`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accounted {
    send: usize,
    receive: usize,
    footprint: usize,
    appended: u64,
    moved: u64,
    allocations: u64,
    acked: u64,
}

impl Accounted {
    /// The kernel told how much the peer has acknowledged.
    pub(super) fn acknowledge(&mut self, acked: u64, counters: &Counters) {
        counters.acked.add(acked.saturating_sub(self.acked));
        self.acked = acked;
    }
}

impl Connection {
    /// Brings the sums up to date.
    pub(in crate::server) fn account(&mut self, counters: &Counters) {
        let (sent, received) = (self.send.work(), self.receive.work());
        let now = Accounted {
            send: self.send.readable(),
            receive: self.receive.readable(),
            footprint: self.send.footprint() + self.receive.footprint(),
            appended: sent.appended + received.appended,
            moved: sent.moved + received.moved,
            allocations: sent.allocations + received.allocations,
            acked: self.accounted.acked,
        };
        let before = std::mem::replace(&mut self.accounted, now);
        counters.send_buffered.shift(before.send, now.send);
        counters.receive_buffered.shift(before.receive, now.receive);
        counters.footprint.shift(before.footprint, now.footprint);
        counters.appended.add(now.appended - before.appended);
        counters.moved.add(now.moved - before.moved);
        counters.allocations.add(now.allocations - before.allocations);
    }

    /// Memory of both buffers, in bytes, as last accounted.
    pub(in crate::server) fn footprint(&self) -> usize {
        self.accounted.footprint
    }

    /// Nothing waited when last accounted.
    pub(in crate::server) fn is_drained(&self) -> bool {
        self.accounted.send + self.accounted.receive == 0
    }

    /// Keeps no more memory than it began with, once nothing waits.
    pub(in crate::server) fn shrink(&mut self, shared: &Shared) {
        if shared.policy.layout.initial == 0 && self.is_drained() {
            self.account(&shared.counters);
            (self.receive, self.send, self.unallocated) = (Box::new(Nothing), Box::new(Nothing), true);
            // New buffers count from 0 again.
            (self.accounted.appended, self.accounted.moved, self.accounted.allocations) = (0, 0, 0);
        } else {
            self.send.shrink();
            self.receive.shrink();
        }
        self.account(&shared.counters);
    }

    /// Ends the connection; its sums and timers go with it. Returns how many bytes its buffers held.
    pub(in crate::server) fn close(
        mut self,
        end: CloseReason,
        shared: &mut Shared,
        timers: &mut Wheel<Key>,
    ) -> usize {
        for timer in [self.timer.map(|(timer, _)| timer), self.linger.timer()].into_iter().flatten() {
            timers.cancel(timer);
        }
        if let Ok(info) = sys::tcp_info(self.stream.as_fd()) {
            self.accounted.acknowledge(info.bytes_acked, &shared.counters);
        }
        match end {
            _ if self.evicted => {}
            CloseReason::Evicted(reason) => self.evict(reason, None, shared),
            CloseReason::Late(deadline) => {
                self.evict(deadline.reason, Some((deadline.since_ns, deadline.at_ns)), shared);
            }
            // The kernel has done on our behalf what we asked it to.
            CloseReason::Ended(CloseKind::TimedOut) if shared.policy.user_timeout => {
                self.evict(EvictionReason::UserTimeout, None, shared);
            }
            CloseReason::Ended(how) => shared.counters.ended.of(how).add(1),
        }
        // The others hold the socket too: all but the end of the peer's stream would pass them by.
        if shared.policy.is_shared() && end != CloseReason::Ended(CloseKind::PeerClosed) {
            // It fails when one of them was first.
            let _ = self.stream.shutdown(Shutdown::Both);
        }
        self.account(&shared.counters);
        let counters = &shared.counters;
        counters.send_buffered.shift(self.accounted.send, 0);
        counters.receive_buffered.shift(self.accounted.receive, 0);
        counters.footprint.shift(self.accounted.footprint, 0);
        self.accounted.footprint
    }

    /// Evicts a peer that took too long to ask, and tells it so, where the protocol has words for it and the peer has
    /// acknowledged all others: it may still be sending, and a close could take the words away from it. False: they were not
    /// said, and the connection can only be closed.
    pub(in crate::server) fn dismiss(&mut self, end: CloseReason, shared: &mut Shared) -> bool {
        let CloseReason::Late(deadline) = end else { return false };
        let has_all = self.unsent() == 0 && self.held_by_kernel() == 0;
        if deadline.reason != EvictionReason::MessageTimeout || !has_all || !self.say(shared) {
            return false;
        }
        self.note_eviction(deadline.reason, Some((deadline.since_ns, deadline.at_ns)), 0, shared);
        self.evicted = true;
        self.partial = None;
        self.conversation.give_up();
        self.receive.retrieve(self.receive.readable());
        self.close_own_side().is_ok()
    }

    fn evict(&self, reason: EvictionReason, timer: Option<(u64, u64)>, shared: &mut Shared) {
        let kernel_queued = sys::send_queue_bytes(self.stream.as_fd()).unwrap_or(0);
        if shared.policy.evict_by == EvictBy::Rst {
            let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
            // It fails only for what is no socket; then a plain close is what remains.
            let _ = setsockopt(&self.stream, sockopt::Linger, &at_once);
        }
        self.note_eviction(reason, timer, kernel_queued, shared);
    }

    fn note_eviction(
        &self,
        reason: EvictionReason,
        timer: Option<(u64, u64)>,
        kernel_queued: usize,
        shared: &Shared,
    ) {
        shared.counters.evictions.of(reason).add(1);
        shared.journal.record(Eviction {
            at_ns: sys::monotonic_ns(),
            reason,
            peer_port: self.peer_port,
            timer,
            send_buffered: self.send.readable(),
            kernel_queued,
        });
    }

    /// The last words to a peer that took too long to ask. False: there are none, or the kernel did not take them.
    fn say(&self, shared: &mut Shared) -> bool {
        let words = self.conversation.timeout_answer(&mut shared.scratch);
        if words.is_empty() {
            return false;
        }
        shared.counters.writes.add(1);
        (&self.stream).write(words).is_ok_and(|taken| taken == words.len())
    }
}
