//! What every protocol offers to a connection: bytes in; answers and an end out. No socket is in sight.

use super::{http::streamed_body::StreamedBody, scratch::Scratch};
use crate::{buffer::Buffer, server::close_reason::EvictionReason};

/// What one call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::server) struct Batch {
    /// Requests answered to the last byte; a streamed body may still be on its way.
    pub(in crate::server) messages: u64,
    /// Invalid requests that were answered with an error.
    pub(in crate::server) rejected: u64,
    /// There may be more to answer: send first, then call again.
    pub(in crate::server) more: bool,
    /// A whole request waits, because no more were to be answered.
    pub(in crate::server) is_held: bool,
    /// Bytes put into the send buffer, and of a body that is sent alone.
    pub(in crate::server) appended: usize,
    /// Those of them that were put in front.
    pub(in crate::server) prepended: usize,
}

/// Nothing more will be answered: how to close the connection once everything is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum ConversationEnd {
    /// After the answer that was announced to be the last; all that the peer sent before has been read.
    Clean,
    /// The peer may still be sending. To close now would answer that with a reset, which takes what the peer has not yet
    /// read of the answer away from it (RFC 9112 section 9.6).
    PeerMaySend,
}

/// The server's side of one connection's conversation.
pub(in crate::server) trait Protocol {
    /// Answers what has arrived, up to one batch: from the receive buffer into the send buffer. At most `permits` requests
    /// are answered; an answer that was begun goes on without one.
    ///
    /// # Errors
    /// Why the peer is evicted.
    fn answer(
        &mut self,
        receive: &mut dyn Buffer,
        send: &mut dyn Buffer,
        scratch: &mut Scratch,
        permits: u64,
    ) -> Result<Batch, EvictionReason>;

    /// What follows the send buffer and does not lie in it: nothing more is answered before it is sent. `None` when nothing
    /// is left of it.
    fn streamed_body(&mut self) -> Option<&mut StreamedBody> {
        None
    }

    /// How many bytes are left of the streamed body.
    fn streamed_bytes(&self) -> usize {
        0
    }

    /// Whether there may be something to answer though the receive buffer is empty: a request that has left it, or an answer
    /// that is not all made.
    fn has_taken(&self) -> bool {
        false
    }

    /// Whether a message has begun of which nothing lies in the receive buffer any more.
    fn is_within_message(&self) -> bool {
        false
    }

    /// The last answer to a peer whose message was not whole in time; empty where the protocol has none.
    fn timeout_answer<'a>(&self, _: &'a mut Scratch) -> &'a [u8] {
        &[]
    }

    /// Whatever comes from now on is not answered.
    fn give_up(&mut self) {}

    /// Whether nothing more will be answered, and how the connection ends then.
    fn end(&self) -> Option<ConversationEnd> {
        None
    }
}
