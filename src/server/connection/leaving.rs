//! How a connection ends that the server ends because the protocol says so.

use std::net::Shutdown;

use super::{Connection, Input};
use crate::{
    server::{
        eviction::{End, How},
        http::Over,
    },
    timers::TimerId,
};

/// Our side is closed after the last answer, and the peer is listened to for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linger {
    No,
    Begun,
    /// Until this timer fires.
    Until(TimerId),
}

impl Linger {
    pub(super) fn timer(self) -> Option<TimerId> {
        if let Self::Until(timer) = self { Some(timer) } else { None }
    }
}

impl Connection {
    /// What the end of the peer's stream means: after the last answer it is what was waited for.
    pub(super) fn how_the_peer_left(&self) -> How {
        if self.dialog.over() == Some(Over::Clean) { How::Completed } else { How::PeerClosed }
    }

    /// Leaves a peer that will get no more answers, once it has all of them.
    pub(super) fn leave(&mut self) -> Result<(), End> {
        match self.dialog.over() {
            Some(over) if self.unsent() == 0 && self.linger == Linger::No => {
                if over == Over::Clean && self.input == Input::Ended {
                    return Err(How::Completed.into());
                }
                // It fails when the peer is gone; epoll says so, too.
                let _ = self.stream.shutdown(Shutdown::Write);
                self.linger = Linger::Begun;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
