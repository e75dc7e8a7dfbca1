//! What one connection holds, and adds to the counters of its thread.

use std::mem;

use super::channel::Channel;
use crate::{
    server::{
        close_reason::{CloseKind, CloseReason},
        context::Context,
        counters::Counters,
        policy::{AckProgress, Policy, UnixProgress},
    },
    sys,
};

/// What one connection adds to the sums in [`Counters`], as last accounted.
#[derive(Debug, Default)]
pub(super) struct Account {
    send: usize,
    receive: usize,
    footprint: usize,
    appended: u64,
    moved: u64,
    acked: u64,
    unix: UnixProgress,
    /// Their last digits are enough for the difference.
    allocations: u32,
    slack: Slack,
}

/// Whether a connection for which nothing waits holds memory that it is to give back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Slack {
    #[default]
    None,
    /// Something has happened since the last look.
    Active,
    /// Nothing has.
    Quiet,
}

impl Account {
    /// Brings the sums up to date.
    pub(super) fn update(&mut self, channel: &Channel, counters: &Counters) {
        let (inbound, outbound) = (channel.inbound().buffer(), channel.outbound().buffer());
        let (sent, received) = (outbound.work(), inbound.work());
        let now = Self {
            send: outbound.readable(),
            receive: inbound.readable(),
            footprint: outbound.footprint() + inbound.footprint(),
            appended: sent.appended + received.appended,
            moved: sent.moved + received.moved,
            acked: self.acked,
            unix: self.unix,
            allocations: (sent.allocations + received.allocations) as u32,
            slack: self.slack,
        };
        let before = mem::replace(self, now);
        counters.send_buffered.shift(before.send, self.send);
        counters.receive_buffered.shift(before.receive, self.receive);
        counters.footprint.shift(before.footprint, self.footprint);
        counters.appended.add(self.appended - before.appended);
        counters.moved.add(self.moved - before.moved);
        counters.allocations.add(u64::from(self.allocations.wrapping_sub(before.allocations)));
    }

    /// Something has happened. Whether there is memory from now on to be [given back](Self::reclaim).
    pub(super) fn notice_slack(&mut self, policy: &Policy) -> bool {
        self.is_drained()
            && policy.slack(self.footprint)
            && mem::replace(&mut self.slack, Slack::Active) == Slack::None
    }

    /// Gives memory back if nothing waits and nothing has happened since the last look: how many bytes. `None`: look again
    /// later.
    pub(super) fn reclaim(&mut self, channel: &mut Channel, context: &Context) -> Option<usize> {
        let is_drained = self.is_drained();
        if is_drained && self.slack == Slack::Active {
            self.slack = Slack::Quiet;
            return None;
        }
        self.slack = Slack::None;
        let before = self.footprint;
        if is_drained {
            self.shrink(channel, context);
        }
        Some(before.saturating_sub(self.footprint))
    }

    /// Keeps no more memory than the connection began with.
    fn shrink(&mut self, channel: &mut Channel, context: &Context) {
        if context.policy.layout.initial == 0 {
            self.update(channel, &context.counters);
            channel.free_buffers();
            // New buffers count from 0 again.
            (self.appended, self.moved, self.allocations) = (0, 0, 0);
        } else {
            let (receive, send) = channel.buffers();
            send.shrink();
            receive.shrink();
        }
        self.update(channel, &context.counters);
    }

    /// Asks the kernel what the peer has acknowledged, and counts it.
    ///
    /// # Errors
    /// When the kernel says that the connection is broken.
    pub(super) fn ask(&mut self, channel: &Channel, context: &Context) -> Result<AckProgress, CloseReason> {
        let sent = channel.socket().transport().sent().map_err(|error| CloseKind::from_error(&error))?;
        let progress = AckProgress::new(&sent, &mut self.unix, sys::monotonic_ns(), context.jiffy_ns);
        self.acknowledge(progress.acked, &context.counters);
        Ok(progress)
    }

    /// Takes the connection out of the sums of what is held now: how much memory its buffers held, in bytes.
    pub(super) fn close(&mut self, channel: &Channel, context: &Context) -> usize {
        let counters = &context.counters;
        self.update(channel, counters);
        counters.send_buffered.shift(self.send, 0);
        counters.receive_buffered.shift(self.receive, 0);
        counters.footprint.shift(self.footprint, 0);
        self.footprint
    }

    /// So many bytes in all are acknowledged.
    fn acknowledge(&mut self, acked: u64, counters: &Counters) {
        counters.acked.add(acked.saturating_sub(self.acked));
        self.acked = acked;
    }

    /// Nothing waited.
    fn is_drained(&self) -> bool {
        self.send + self.receive == 0
    }
}
