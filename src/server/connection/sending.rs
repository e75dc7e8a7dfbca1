//! One connection's way out: directly, then when the kernel has room.

use std::io::ErrorKind;

use super::{Connection, Intake};
use crate::{
    profile::{Progress, WriteInterest},
    reactor::Mode,
    server::{
        close_reason::{CloseKind, CloseReason},
        event_loop::Shared,
        protocol::Protocol,
    },
    sys,
};

/// How far sending got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing waits.
    All,
    /// The kernel takes no more.
    Full,
    /// It was often enough; the kernel may have room.
    Enough,
}

impl Connection {
    /// Sends what has just been put into the send buffer, unless more waits before it.
    pub(super) fn send_directly(&mut self, shared: &mut Shared) -> Result<(), CloseReason> {
        if self.waiting {
            return Ok(());
        }
        if shared.policy.write_interest == WriteInterest::AlwaysArm {
            return self.begin_waiting(Sent::Full, shared);
        }
        match self.send_some(shared)? {
            Sent::All => {
                self.end_watch(shared);
                Ok(())
            }
            sent => self.begin_waiting(sent, shared),
        }
    }

    /// There is room in the kernel for what waits.
    pub(super) fn send_on(&mut self, shared: &mut Shared) -> Result<(), CloseReason> {
        let sent = self.send_some(shared)?;
        if sent == Sent::All {
            self.waiting = false;
            self.end_watch(shared);
        }
        self.watch_soft_limit(shared);
        let asked = self.ask_again(sent, shared);
        let below_low_water =
            self.conversation.streamed_bytes() == 0 && shared.policy.below_low_water(self.send.readable());
        let resumed = self.intake == Intake::Paused && below_low_water;
        if resumed {
            self.intake = Intake::Open;
        }
        if asked || resumed { self.register(shared) } else { Ok(()) }
    }

    /// Must epoll be told something, after a send that it made possible?
    fn ask_again(&self, sent: Sent, shared: &Shared) -> bool {
        if shared.policy.lost_wakeup && sent == Sent::Enough {
            return false;
        }
        let eager = shared.policy.write_interest == WriteInterest::Eager;
        match self.mode(shared) {
            // Readiness goes on by itself until it is no longer asked for.
            Mode::Level => sent == Sent::All && !eager,
            // Every change is reported by itself, but to ask is to be told of the end of the stream once more.
            _ if eager || self.intake != Intake::Open => sent == Sent::Enough,
            // Another chance is asked for, and comes at once if the kernel has room already. One that is no longer
            // awaited may come: nobody listens.
            _ => sent != Sent::All,
        }
    }

    fn send_some(&mut self, shared: &mut Shared) -> Result<Sent, CloseReason> {
        for _ in 0..shared.policy.max_sends {
            let waiting = self.unsent();
            shared.counters.writes.add(1);
            match self.write_some(shared) {
                Ok(attempt) if attempt.taken == waiting => return Ok(Sent::All),
                Ok(attempt) => {
                    self.note_sent(shared);
                    if attempt.taken < attempt.offered {
                        shared.counters.partial_sends.add(1);
                        return Ok(Sent::Full);
                    }
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => {
                        shared.counters.partial_sends.add(1);
                        return Ok(Sent::Full);
                    }
                    ErrorKind::Interrupted => {}
                    _ => return Err(CloseKind::from_error(&error).into()),
                },
            }
        }
        Ok(Sent::Enough)
    }

    /// For who takes a write event for progress.
    fn note_sent(&mut self, shared: &Shared) {
        if shared.policy.times.progress == Progress::WriteEvent
            && let Some(watch) = &mut self.watch
        {
            watch.wrote(sys::monotonic_ns());
        }
    }

    /// Something waits from now on: for EPOLLOUT, and for its deadlines.
    fn begin_waiting(&mut self, sent: Sent, shared: &mut Shared) -> Result<(), CloseReason> {
        self.waiting = true;
        let listened = match (shared.policy.write_interest, shared.policy.mode) {
            (WriteInterest::Eager, Mode::Level) => true,
            // The kernel says when it has room again; that it still has, it says only when asked.
            (WriteInterest::Eager, _) => sent == Sent::Full,
            _ => false,
        };
        let forgotten = shared.policy.lost_wakeup && sent == Sent::Enough;
        if !listened && !forgotten {
            shared.counters.write_armed.add(1);
            self.register(shared)?;
        }
        self.begin_watch(shared)
    }
}
