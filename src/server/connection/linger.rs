//! How a connection ends that the server ends because the protocol says so.

use std::{net::Shutdown, os::fd::AsFd};

use super::{Connection, Input};
use crate::{
    server::{
        close_reason::{CloseKind, CloseReason},
        event_loop::Key,
        protocol::{End, Protocol},
    },
    sys,
    timers::{TimerId, Wheel},
};

/// Our side is closed after the last answer, and the peer is listened to: as long as the kernel still hands it the answer, and
/// a while longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linger {
    No,
    Begun,
    Until(Look),
}

/// The next look at a peer that is listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    timer: TimerId,
    /// Bytes that the kernel held at the last one, at most `u32::MAX`.
    held: u32,
    /// How many looks on end found the kernel holding as much as before.
    stalled: u8,
}

/// Time between two looks: so long the server listens to a peer that may still be sending and has all of its answers.
const LINGER_NS: u64 = 2_000_000_000;

/// How many looks on end may find that the peer took nothing of what the kernel still holds: with [`LINGER_NS`], half a
/// minute. What the peer sends after the server has closed the socket costs it the rest.
const MOST_STALLED: u8 = 15;

impl Linger {
    pub(super) fn timer(self) -> Option<TimerId> {
        if let Self::Until(look) = self { Some(look.timer) } else { None }
    }
}

impl Connection {
    /// What the end of the peer's stream means: after the last answer it is what was waited for.
    pub(super) fn peer_close_kind(&self) -> CloseKind {
        if self.conversation.end() == Some(End::Clean) { CloseKind::Completed } else { CloseKind::PeerClosed }
    }

    /// Leaves a peer that will get no more answers, once it has all of them.
    pub(super) fn close_own_side(&mut self) -> Result<(), CloseReason> {
        match self.conversation.end() {
            Some(over) if self.unsent() == 0 && self.linger == Linger::No => {
                if over == End::Clean && self.input == Input::Ended {
                    return Err(CloseKind::Completed.into());
                }
                // It fails when the peer is gone; epoll says so, too.
                let _ = self.stream.shutdown(Shutdown::Write);
                self.linger = Linger::Begun;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Plans the first look, once our side is closed.
    pub(super) fn begin_linger(&mut self, timers: &mut Wheel<Key>) {
        if self.linger == Linger::Begun {
            self.look_again(self.held_by_kernel(), 0, timers);
        }
    }

    /// Looks at a peer that is listened to.
    ///
    /// # Errors
    /// The end of the connection, where the peer has had all and the time to say more, or has taken nothing for too long.
    pub(in crate::server) fn linger(&mut self, timers: &mut Wheel<Key>) -> Result<(), CloseReason> {
        let Linger::Until(before) = self.linger else { return Ok(()) };
        let held = self.held_by_kernel();
        let stalled = if held < before.held { 0 } else { before.stalled + 1 };
        if held == 0 || stalled > MOST_STALLED {
            return Err(CloseKind::Completed.into());
        }
        self.look_again(held, stalled, timers);
        Ok(())
    }

    fn look_again(&mut self, held: u32, stalled: u8, timers: &mut Wheel<Key>) {
        let timer = timers.arm(sys::monotonic_ns() + LINGER_NS, Key::Linger(self.token));
        self.linger = Linger::Until(Look { timer, held, stalled });
    }

    /// Bytes that the peer has not acknowledged; 0 where the peer is gone.
    pub(super) fn held_by_kernel(&self) -> u32 {
        let held = sys::send_queue_bytes(self.stream.as_fd()).unwrap_or(0);
        u32::try_from(held).unwrap_or(u32::MAX)
    }
}
