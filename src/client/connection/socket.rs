//! A connection's socket, and what the reactor watches it for.

use std::io;

use crate::{
    behavior::CloseMethod,
    client::{close_reason::CloseReason, context::Context, transport::Transport},
    reactor::{Interest, Mode, Token},
};

/// System calls that one connection may make in one direction before the others have their turn.
pub(super) const TURN_CALLS: usize = 64;

/// A socket that the reactor watches.
pub(super) struct Socket {
    transport: Transport,
    token: Token,
    interest: Interest,
    is_watched: bool,
}

impl Socket {
    /// One that is connecting, which ends when it is writable.
    pub(super) const fn connecting(transport: Transport, token: Token) -> Self {
        Self { transport, token, interest: Interest { read: false, write: true }, is_watched: true }
    }

    /// Hands it to the reactor.
    ///
    /// # Errors
    /// When the machine allows no more to be watched.
    pub(super) fn register(&self, context: &Context) -> io::Result<()> {
        context.reactor.add(&self.transport, self.token, self.interest, Mode::Level)
    }

    pub(super) const fn transport(&self) -> &Transport {
        &self.transport
    }

    pub(super) const fn token(&self) -> Token {
        self.token
    }

    /// Whether it is watched for what comes.
    pub(super) const fn is_read(&self) -> bool {
        self.interest.read
    }

    pub(super) fn watch_reading(&mut self, read: bool, context: &mut Context) {
        self.watch(Interest { read, ..self.interest }, context);
    }

    pub(super) fn watch_writing(&mut self, write: bool, context: &mut Context) {
        self.watch(Interest { write, ..self.interest }, context);
    }

    /// Watches for this from now on; nothing to do if it does already.
    pub(super) fn watch(&mut self, interest: Interest, context: &mut Context) {
        if interest != self.interest && self.is_watched {
            context.calls += 1;
            if let Err(error) = context.reactor.modify(&self.transport, self.token, interest, Mode::Level) {
                return context.fail(error);
            }
        }
        self.interest = interest;
    }

    /// Watches for nothing any more, not even for the end.
    pub(super) fn unwatch(&mut self, context: &mut Context) {
        if self.is_watched {
            context.calls += 1;
            self.is_watched = context.reactor.remove(&self.transport).is_err();
        }
    }

    /// Closes the socket of a connection that ended in that way; that of a client that vanished stays open and is
    /// returned. These calls fail only if the peer was faster, so their errors are ignored.
    pub(super) fn release(
        mut self,
        how: CloseReason,
        has_threads: bool,
        context: &mut Context,
    ) -> Option<Transport> {
        let has_vanished = how == CloseReason::ByUs(CloseMethod::Vanish);
        if has_threads {
            // Threads that wait for the socket must not be waited for in their turn.
            let _ = self.transport.shutdown();
        }
        if has_vanished {
            self.unwatch(context);
        }
        if has_vanished || how == CloseReason::Alive {
            let _ = self.transport.prepare_close(CloseMethod::Reset);
        }
        has_vanished.then_some(self.transport)
    }
}
