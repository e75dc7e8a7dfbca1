//! A connection's socket, and what the reactor watches it for.

use std::mem;

use crate::{
    address::Endpoint,
    profile::WriteInterest,
    reactor::{Interest, Mode, Token},
    server::{
        close_reason::{CloseKind, CloseReason},
        context::Context,
        policy::Policy,
        transport::Transport,
    },
};

/// A socket that the reactor watches. What for is said at each call: for bytes while requests are read, for room while
/// something waits to be sent.
pub(super) struct Socket {
    transport: Transport,
    token: Token,
    peer: Endpoint,
    /// The registration with the reactor is to be changed after the turn.
    is_stale: bool,
}

impl Socket {
    pub(super) fn new(transport: Transport, token: Token, peer: Endpoint) -> Self {
        Self { transport, token, peer, is_stale: false }
    }

    pub(super) fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    /// The client's end.
    pub(super) fn peer(&self) -> Endpoint {
        self.peer
    }

    /// Hands it to the reactor.
    ///
    /// # Errors
    /// When epoll has no memory or no watches left.
    pub(super) fn register(&self, wanted: Interest, context: &Context) -> Result<(), CloseReason> {
        context.counters.controls.add(1);
        let (interest, mode) = (interest(wanted, &context.policy), mode(wanted.read, &context.policy));
        let added = context.reactor.add(&self.transport, self.token, interest, mode);
        added.map_err(|_| CloseKind::Error.into())
    }

    /// Watches for this from now on; where a thread has the connection for itself, after its turn.
    ///
    /// # Errors
    /// When the kernel says that the connection is broken.
    pub(super) fn watch(&mut self, wanted: Interest, context: &Context) -> Result<(), CloseReason> {
        if context.policy.one_shot() {
            self.is_stale = true;
            return Ok(());
        }
        self.modify(wanted, mode(wanted.read, &context.policy), context)
    }

    /// It was reported once, to a thread that has the connection for itself: the others may have it again. A connection that
    /// is queued goes on by itself, and only room to send is reported.
    ///
    /// # Errors
    /// When the kernel says that the connection is broken.
    pub(super) fn rearm(
        &mut self,
        wanted: Interest,
        is_queued: bool,
        context: &Context,
    ) -> Result<(), CloseReason> {
        let is_stale = mem::take(&mut self.is_stale);
        let waits = if is_queued { wanted.write } else { wanted.read };
        if !(is_stale || waits) {
            return Ok(());
        }
        let mode = mode(wanted.read, &context.policy);
        self.modify(Interest { read: wanted.read && !is_queued, ..wanted }, mode, context)
    }

    /// Bytes that the kernel holds and the peer has not acknowledged, at most `u32::MAX`; 0 where the peer is gone.
    pub(super) fn unacknowledged_bytes(&self) -> u32 {
        u32::try_from(self.transport.unacknowledged_bytes().unwrap_or(0)).unwrap_or(u32::MAX)
    }

    /// Throws away what has come and was not received.
    pub(super) fn discard_unread(&self, context: &mut Context) {
        while matches!(self.transport.receive(&mut context.spill), Ok(count) if count > 0) {}
    }

    fn modify(&self, wanted: Interest, mode: Mode, context: &Context) -> Result<(), CloseReason> {
        context.counters.controls.add(1);
        let interest = interest(wanted, &context.policy);
        let modified = context.reactor.modify(&self.transport, self.token, interest, mode);
        modified.map_err(|error| CloseKind::from_error(&error).into())
    }
}

fn interest(wanted: Interest, policy: &Policy) -> Interest {
    Interest { write: wanted.write || policy.write_interest == WriteInterest::Eager, ..wanted }
}

/// How a socket is watched. The end of the peer's stream is readiness that does not go away while nothing is read, and
/// `EPOLLRDHUP` is always asked for: level-triggered it would spin, an edge reports it once.
pub(super) fn mode(is_read: bool, policy: &Policy) -> Mode {
    if !is_read {
        Mode::Edge
    } else if policy.one_shot() {
        Mode::OneShot
    } else {
        policy.mode
    }
}
