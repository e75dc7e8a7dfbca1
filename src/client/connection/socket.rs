//! A connection's socket, and what the reactor watches it for.

use std::io;

use crate::{
    behavior::CloseMethod,
    client::{close_reason::CloseReason, context::Context, transport::Transport},
    reactor::{Interest, Mode, Token},
};

/// What one connection may do in one direction before the others have their turn: so many system calls, and no new one after
/// so long, in nanoseconds. What a peer sends can be far more work than its bytes tell (chunks of one byte).
const TURN_CALLS: u32 = 64;
const TURN_NS: u64 = 2_000_000;

/// One connection's turn in one direction.
#[derive(Debug)]
pub(super) struct Turn {
    calls_left: u32,
    ends_ns: u64,
}

impl Turn {
    pub(super) const fn begin(now_ns: u64) -> Self {
        Self { calls_left: TURN_CALLS, ends_ns: now_ns + TURN_NS }
    }

    /// Whether there is another call in it; the first always is.
    pub(super) const fn takes_call(&mut self, now_ns: u64) -> bool {
        let is_first = self.calls_left == TURN_CALLS;
        let goes_on = self.calls_left > 0 && (is_first || now_ns < self.ends_ns);
        self.calls_left = self.calls_left.saturating_sub(1);
        goes_on
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_after_its_calls_and_after_its_time() {
        let mut turn = Turn::begin(7);
        let calls = (0..1000).filter(|_| turn.takes_call(7)).count();
        assert_eq!(calls, TURN_CALLS as usize);

        let mut turn = Turn::begin(7);
        assert!(turn.takes_call(7 + 10 * TURN_NS), "the first call is always made");
        assert!(!turn.takes_call(7 + TURN_NS));

        let mut turn = Turn::begin(7);
        assert!(turn.takes_call(7) && turn.takes_call(6 + TURN_NS));
        assert!(!turn.takes_call(7 + TURN_NS));
    }
}
