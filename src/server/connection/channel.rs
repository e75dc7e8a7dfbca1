//! One connection's socket in both directions: what has come, what waits to be sent, and what the reactor is asked for.

use std::net::Shutdown;

use super::{
    inbound::{Inbound, Received},
    outbound::{Outbound, Sent, asks_again},
    socket::{Socket, mode},
};
use crate::{
    address::Endpoint,
    buffer::Buffer,
    profile::WriteInterest,
    reactor::{Interest, Token},
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
    socket: Socket,
    inbound: Inbound,
    outbound: Outbound,
}

impl Channel {
    /// With memory for buffers, unless the policy asks for none before the first use.
    pub(super) fn new(transport: Transport, token: Token, peer: Endpoint, policy: &Policy) -> Self {
        let mut channel = Self {
            socket: Socket::new(transport, token, peer),
            inbound: Inbound::unallocated(),
            outbound: Outbound::unallocated(),
        };
        if policy.layout.initial > 0 {
            channel.allocate_buffers(policy);
        }
        channel
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
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
        if self.inbound.is_unallocated() {
            self.inbound.allocate(policy);
            self.outbound.allocate(policy);
        }
    }

    /// Gives both buffers back; nothing may wait in them.
    pub(super) fn free_buffers(&mut self) {
        self.inbound.free();
        self.outbound.free();
    }

    /// Hands the socket to the reactor.
    ///
    /// # Errors
    /// The end of the connection, as for all that follow.
    pub(super) fn open(&self, context: &Context) -> Result<(), CloseReason> {
        self.socket.register(self.wanted(), context)
    }

    /// There may be bytes to receive.
    pub(super) fn note_ready(&mut self) {
        self.inbound.note_ready();
    }

    /// One read.
    pub(super) fn receive(&mut self, quantum: usize, context: &mut Context) -> Result<Received, CloseReason> {
        self.inbound.receive(self.socket.transport(), quantum, context)
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
            self.outbound.send(self.socket.transport(), body, context)?.0
        };
        if sent != Sent::All && self.outbound.begin_waiting(sent, &context.policy) {
            context.counters.write_armed.add(1);
            self.watch(context)?;
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
        let (sent, taken) = self.outbound.send(self.socket.transport(), body.as_deref_mut(), context)?;
        if sent == Sent::All {
            self.outbound.end_waiting();
        }
        let policy = &context.policy;
        let is_asked = asks_again(sent, mode(self.inbound.is_open(), policy), self.inbound.is_open(), policy);
        let is_body_sent = body.is_none_or(|body| body.span.length == 0);
        let is_resumed =
            self.inbound.is_paused() && is_body_sent && policy.below_low_water(self.outbound.buffered());
        if is_resumed {
            self.inbound.resume();
        }
        if is_asked || is_resumed {
            self.watch(context)?;
        }
        Ok((sent, taken))
    }

    /// No more requests are read until what waits is sent.
    pub(super) fn pause(&mut self, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.pause() {
            context.counters.reads_paused.add(1);
            self.watch(context)?;
        }
        Ok(())
    }

    /// No more requests are read before one of those in the receive buffer, which is full, is taken.
    pub(super) fn note_full(&mut self, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.note_full() {
            context.counters.reads_paused.add(1);
            self.watch(context)?;
        }
        Ok(())
    }

    /// A request is taken out of the receive buffer.
    pub(super) fn note_room(&mut self, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.note_room() { self.watch(context) } else { Ok(()) }
    }

    /// No more requests are read. Where all is sent, our side is closed, and only the peer's FIN is awaited.
    pub(super) fn finish(&mut self, is_sent: bool, context: &Context) -> Result<(), CloseReason> {
        if self.inbound.close(is_sent) {
            self.watch(context)?;
        }
        if is_sent {
            self.socket
                .transport()
                .shutdown(Shutdown::Write)
                .map_err(|error| CloseKind::from_error(&error))?;
        }
        Ok(())
    }

    /// The socket was reported once, to a thread that has the connection for itself: the others may have it again.
    pub(super) fn rearm(&mut self, is_queued: bool, context: &Context) -> Result<(), CloseReason> {
        self.socket.rearm(self.wanted(), is_queued, context)
    }

    /// Forgets what has come and was not answered.
    pub(super) fn discard_received(&mut self) {
        self.inbound.discard();
    }

    fn watch(&mut self, context: &Context) -> Result<(), CloseReason> {
        self.socket.watch(self.wanted(), context)
    }

    fn wanted(&self) -> Interest {
        Interest { read: self.inbound.is_open(), write: self.outbound.is_waiting() }
    }
}
