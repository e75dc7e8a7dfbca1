//! What goes back and forth on one connection: requests in, answers out, within the limits of the policy.

use super::{
    channel::Channel,
    inbound::{Input, Received},
    outbound::Sent,
};
use crate::{
    profile::Overflow,
    server::{
        close_reason::{CloseKind, CloseReason, EvictionReason},
        context::Context,
        policy::Policy,
        protocol::{Batch, Conversation, ConversationEnd, Protocol},
    },
    sys,
};

/// A channel, and the conversation that is held on it.
pub(super) struct Exchange {
    channel: Channel,
    conversation: Conversation,
}

impl Exchange {
    pub(super) fn new(channel: Channel, policy: &Policy) -> Self {
        Self { channel, conversation: Conversation::new(policy) }
    }

    pub(super) fn channel(&self) -> &Channel {
        &self.channel
    }

    pub(super) fn channel_mut(&mut self) -> &mut Channel {
        &mut self.channel
    }

    /// One read: how many bytes came. `is_held`: the requests that fill the receive buffer wait there by the server's doing.
    ///
    /// # Errors
    /// The end of the connection, as for all that follow.
    pub(super) fn receive(
        &mut self,
        quantum: usize,
        is_held: bool,
        context: &mut Context,
    ) -> Result<usize, CloseReason> {
        match self.channel.receive(quantum, context)? {
            Received::Bytes(count) => Ok(count),
            Received::Nothing => Ok(0),
            // That they wait behind an answer under way is not the peer's doing.
            Received::Full if self.conversation.streamed_bytes() > 0 => {
                self.channel.pause(context)?;
                Ok(0)
            }
            Received::Full if is_held => {
                self.channel.note_full(context)?;
                Ok(0)
            }
            Received::Full => Err(EvictionReason::ReceiveLimit.into()),
        }
    }

    /// Whether there may be something to answer.
    pub(super) fn may_answer(&self) -> bool {
        self.channel.inbound().buffer().readable() > 0 || self.conversation.has_taken()
    }

    /// One batch of answers to at most `permits` requests, into the send buffer.
    pub(super) fn answer(&mut self, permits: u64, context: &mut Context) -> Result<Batch, CloseReason> {
        let (receive, send) = self.channel.buffers();
        let answered = self.conversation.answer(receive, send, &mut context.scratch, permits);
        let batch = answered.inspect_err(|reason| {
            context.counters.rejected.add(u64::from(*reason == EvictionReason::Protocol));
        })?;
        context.counters.rejected.add(batch.rejected);
        if batch.messages > 0 {
            context.counters.messages.add(batch.messages);
            // The buffer counts what is appended to it.
            context.counters.appended.add(batch.prepended as u64);
            if context.policy.work_ns > 0 {
                burn(context.policy.work_ns.saturating_mul(batch.messages));
            }
        }
        Ok(batch)
    }

    /// Sends what was just answered; `None` where more waits before it.
    pub(super) fn send_directly(&mut self, context: &mut Context) -> Result<Option<Sent>, CloseReason> {
        self.channel.send_directly(self.conversation.streamed_body(), context)
    }

    /// Sends what waits, as there is room in the kernel: how far that got, and how many bytes the kernel took.
    pub(super) fn send_on(&mut self, context: &mut Context) -> Result<(Sent, usize), CloseReason> {
        self.channel.send_on(self.conversation.streamed_body(), context)
    }

    /// Measures what waits against the send limit. It is about memory: what is left in a file, or to be generated, takes
    /// none.
    pub(super) fn limit_unsent(&mut self, context: &Context) -> Result<(), CloseReason> {
        if !context.policy.above_high_water(self.channel.outbound().buffered()) {
            return Ok(());
        }
        if context.policy.overflow == Overflow::Close {
            return Err(EvictionReason::SendLimit.into());
        }
        self.channel.pause(context)
    }

    /// Bytes that wait to be sent: in memory, in a file, and such as are still to be generated.
    pub(super) fn unsent(&self) -> usize {
        self.channel.outbound().buffered() + self.conversation.streamed_bytes()
    }

    /// Whether there is a message that is not whole. While no more is read, or what came is not looked at before an answer is
    /// sent, that is not the peer's doing.
    pub(super) fn awaits_rest_of_message(&self) -> bool {
        let inbound = self.channel.inbound();
        let has_begun = inbound.buffer().readable() > 0 || self.conversation.is_within_message();
        let is_awaited = inbound.is_open() && self.conversation.end().is_none();
        has_begun && is_awaited && self.conversation.streamed_bytes() == 0
    }

    /// How the conversation is over, if it is and the peer has been sent all of it.
    pub(super) fn end(&self) -> Option<ConversationEnd> {
        self.conversation.end().filter(|_| self.unsent() == 0)
    }

    /// What the end of the peer's stream means: after the last answer it is what was waited for.
    pub(super) fn peer_close_kind(&self) -> CloseKind {
        if self.conversation.end() == Some(ConversationEnd::Clean) {
            CloseKind::Completed
        } else {
            CloseKind::PeerClosed
        }
    }

    /// No more will come from the peer, or be taken; what it asked for is still sent.
    pub(super) fn finish(&mut self, kind: CloseKind, context: &Context) -> Result<(), CloseReason> {
        let is_sent = self.unsent() == 0;
        if is_sent && self.may_close(kind) {
            return Err(kind.into());
        }
        self.channel.finish(is_sent, context)
    }

    /// Whether the connection can be closed at once, when all is sent, without a loss for the peer: the peer has ended
    /// its stream, or the connection is being closed while it waits for nothing. A request that crosses the close
    /// resets the connection, and what the kernel holds is lost.
    fn may_close(&self, kind: CloseKind) -> bool {
        let has_all = || kind != CloseKind::Shutdown || self.channel.socket().unacknowledged_bytes() == 0;
        kind == CloseKind::PeerClosed || (self.channel.inbound().is_open() && has_all())
    }

    /// Whether the peer has ended its stream.
    pub(super) fn is_ended_by_peer(&self) -> bool {
        self.channel.inbound().input() == Input::Ended
    }

    /// Sends the last answer to a peer whose message was not whole in time, and answers nothing more. False: the protocol has
    /// no such answer, or the kernel did not take all of it.
    pub(super) fn send_timeout_answer(&mut self, context: &mut Context) -> bool {
        let answer = self.conversation.timeout_answer(&mut context.scratch);
        if answer.is_empty() {
            return false;
        }
        context.counters.writes.add(1);
        let is_sent = self.channel.socket().transport().send(answer).is_ok_and(|taken| taken == answer.len());
        if is_sent {
            self.conversation.give_up();
            self.channel.discard_received();
        }
        is_sent
    }
}

/// Keeps the CPU busy, as an application that has to think would.
fn burn(ns: u64) {
    let end_ns = sys::monotonic_ns().saturating_add(ns);
    while sys::monotonic_ns() < end_ns {
        std::hint::spin_loop();
    }
}
