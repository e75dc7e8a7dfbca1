//! One connection's socket in both directions, and what epoll is asked to report of it.

use std::{mem, net::Shutdown};

use super::{
    inbound::{Inbound, Received},
    outbound::{Outbound, Sent},
};
use crate::{
    buffer::Buffer,
    profile::WriteInterest,
    reactor::{Interest, Mode, Token},
    server::{
        close_reason::{CloseKind, CloseReason},
        context::Context,
        policy::Policy,
        protocol::StreamedBody,
        transport::Transport,
    },
};

/// The socket, what has come from it, and what waits to be sent.
pub(super) struct Channel {
    transport: Transport,
    token: Token,
    peer_port: u16,
    /// Epoll is to be asked for something else after the turn.
    is_stale: bool,
    /// It has no buffers yet: they are allocated before the first use.
    is_unallocated: bool,
    inbound: Inbound,
    outbound: Outbound,
}

impl Channel {
    /// With memory for buffers, unless the policy asks for none before the first use.
    pub(super) fn new(transport: Transport, token: Token, peer_port: u16, policy: &Policy) -> Self {
        let (inbound, outbound) = (Inbound::unallocated(), Outbound::unallocated());
        let mut channel =
            Self { transport, token, peer_port, is_stale: false, is_unallocated: true, inbound, outbound };
        if policy.layout.initial > 0 {
            channel.allocate_buffers(policy);
        }
        channel
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn peer_port(&self) -> u16 {
        self.peer_port
    }

    pub(super) fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    pub(super) fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The receive buffer and the send buffer.
    pub(super) fn buffers(&mut self) -> (&mut dyn Buffer, &mut dyn Buffer) {
        (self.inbound.buffer_mut(), self.outbound.buffer_mut())
    }

    /// Before the first use; does nothing later.
    pub(super) fn allocate_buffers(&mut self, policy: &Policy) {
        if mem::take(&mut self.is_unallocated) {
            self.inbound.allocate(policy);
            self.outbound.allocate(policy);
        }
    }

    /// Gives both buffers back; nothing may wait in them.
    pub(super) fn free_buffers(&mut self) {
        self.inbound.free();
        self.outbound.free();
        self.is_unallocated = true;
    }

    /// Epoll watches the socket from now on.
    ///
    /// # Errors
    /// When epoll has no memory or no watches left.
    pub(super) fn open(&self, context: &Context) -> Result<(), CloseReason> {
        context.counters.controls.add(1);
        let (interest, mode) = (self.interest(&context.policy), self.mode(&context.policy));
        let added = context.reactor.add(&self.transport, self.token, interest, mode);
        added.map_err(|_| CloseKind::Error.into())
    }

    /// There may be bytes to receive.
    pub(super) fn note_ready(&mut self) {
        self.inbound.note_ready();
    }

    /// One read.
    ///
    /// # Errors
    /// What has broken the connection, as for all that follow.
    pub(super) fn receive(&mut self, quantum: usize, context: &mut Context) -> Result<Received, CloseReason> {
        self.inbound.receive(&self.transport, quantum, context)
    }

    /// Sends what has just been put into the send buffer, or follows it; `None` where more waits before it.
    pub(super) fn send_directly(
        &mut self,
        body: Option<&mut StreamedBody>,
        context: &mut Context,
    ) -> Result<Option<Sent>, CloseReason> {
        if self.outbound.is_waiting() {
            return Ok(None);
        }
        let sent = if context.policy.write_interest == WriteInterest::AlwaysArm {
            Sent::Full
        } else {
            self.outbound.send(&self.transport, body, context)?.0
        };
        if sent != Sent::All && self.outbound.begin_waiting(sent, &context.policy) {
            context.counters.write_armed.add(1);
            self.register(context)?;
        }
        Ok(Some(sent))
    }

    /// Sends what waits, as the kernel has room, and goes on reading requests if few enough bytes wait then: how far that
    /// got, and how many bytes the kernel took.
    pub(super) fn send_on(
        &mut self,
        mut body: Option<&mut StreamedBody>,
        context: &mut Context,
    ) -> Result<(Sent, usize), CloseReason> {
        let (sent, taken) = self.outbound.send(&self.transport, body.as_deref_mut(), context)?;
        if sent == Sent::All {
            self.outbound.end_waiting();
        }
        let policy = &context.policy;
        let is_asked = self.outbound.asks_again(sent, self.mode(policy), self.inbound.is_open(), policy);
        let is_streamed = body.is_none_or(|body| body.span.length == 0);
        let is_resumed =
            self.inbound.is_paused() && is_streamed && policy.below_low_water(self.outbound.buffered());
        if is_resumed {
            self.inbound.resume();
        }
        if is_asked || is_resumed {
            self.register(context)?;
        }
        Ok((sent, taken))
    }

    /// No more requests are read until what waits is sent.
    pub(super) fn pause(&mut self, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.pause() {
            context.counters.reads_paused.add(1);
            self.register(context)?;
        }
        Ok(())
    }

    /// No more requests are read. Where all is sent, our side is closed, and only the peer's FIN is awaited.
    pub(super) fn finish(&mut self, is_sent: bool, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.close(is_sent) {
            self.register(context)?;
        }
        if is_sent {
            self.transport.shutdown(Shutdown::Write).map_err(|error| CloseKind::from_error(&error))?;
        }
        Ok(())
    }

    /// Epoll reported the socket once, to a thread that has it for itself: the others may have it again. One that is queued
    /// goes on by itself, and only room to send is reported.
    pub(super) fn rearm(&mut self, is_queued: bool, context: &Context) -> Result<(), CloseReason> {
        let is_stale = mem::take(&mut self.is_stale);
        let waits = if is_queued { self.outbound.is_waiting() } else { self.inbound.is_open() };
        if !(is_stale || waits) {
            return Ok(());
        }
        let interest = self.interest(&context.policy);
        self.modify(Interest { read: interest.read && !is_queued, ..interest }, context)
    }

    /// Forgets what has come and was not answered.
    pub(super) fn discard_received(&mut self) {
        self.inbound.discard();
    }

    /// Throws away what has come and was not received.
    pub(super) fn discard_unread(&self, context: &mut Context) {
        while matches!(self.transport.receive(&mut context.spill), Ok(count) if count > 0) {}
    }

    /// Bytes that the kernel holds and the peer has not acknowledged, at most `u32::MAX`; 0 where the peer is gone.
    pub(super) fn unacknowledged_bytes(&self) -> u32 {
        u32::try_from(self.transport.unacknowledged_bytes().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    fn register(&mut self, context: &Context) -> Result<(), CloseReason> {
        if context.policy.one_shot() {
            self.is_stale = true;
            return Ok(());
        }
        self.modify(self.interest(&context.policy), context)
    }

    fn modify(&self, interest: Interest, context: &Context) -> Result<(), CloseReason> {
        context.counters.controls.add(1);
        let modified =
            context.reactor.modify(&self.transport, self.token, interest, self.mode(&context.policy));
        modified.map_err(|error| CloseKind::from_error(&error).into())
    }

    fn interest(&self, policy: &Policy) -> Interest {
        let is_eager = policy.write_interest == WriteInterest::Eager;
        Interest { read: self.inbound.is_open(), write: self.outbound.is_waiting() || is_eager }
    }

    /// The end of the peer's stream is readiness that does not go away while nothing is read, and `EPOLLRDHUP` is
    /// always asked for: level-triggered it would spin, an edge reports it once.
    fn mode(&self, policy: &Policy) -> Mode {
        if !self.inbound.is_open() {
            Mode::Edge
        } else if policy.one_shot() {
            Mode::OneShot
        } else {
            policy.mode
        }
    }
}
