//! How a connection ends that the server ends because the protocol says so.

use std::net::Shutdown;

use super::Connection;
use crate::{
    server::{
        event_loop::{Key, Shared},
        eviction::{End, How},
        http::Over,
    },
    sys,
};

/// How long the server goes on listening to a peer that was still sending when its last answer was.
const LINGER_NS: u64 = 2_000_000_000;

impl Connection {
    /// Leaves a peer that will get no more answers, once it has all of them.
    pub(super) fn leave(&mut self, shared: &mut Shared) -> Result<(), End> {
        match self.dialog.over() {
            Some(over) if self.unsent() == 0 && self.linger.is_none() => {
                if over == Over::Clean {
                    return Err(How::Completed.into());
                }
                // It fails when the peer is gone; epoll says so, too.
                let _ = self.stream.shutdown(Shutdown::Write);
                let end_ns = sys::monotonic_ns() + LINGER_NS;
                self.linger = Some(shared.timers.arm(end_ns, Key::Linger(self.token)));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
