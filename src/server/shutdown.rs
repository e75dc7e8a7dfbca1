//! How all event loops of one server hear that they are to drain or to stop.

use std::io;

use nix::sys::eventfd::{EfdFlags, EventFd};

/// Makes all of a server's loops drain or stop.
#[derive(Debug)]
pub(super) struct ShutdownSignals {
    /// Written once, never read: readable for all, forever.
    stop: EventFd,
    /// Each time it is written all hear of it, as an edge.
    drain: EventFd,
}

impl ShutdownSignals {
    pub(super) fn new() -> io::Result<Self> {
        let event = || EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        Ok(Self { stop: event()?, drain: event()? })
    }

    /// Readable, and readable forever, once all are to stop.
    pub(super) fn stop_event(&self) -> &EventFd {
        &self.stop
    }

    /// An edge for each time that all are to drain.
    pub(super) fn drain_event(&self) -> &EventFd {
        &self.drain
    }

    /// All end after the turn they are in.
    pub(super) fn stop(&self) {
        // It fails only when the counter is full, and then it has been written before.
        let _ = self.stop.write(1);
    }

    /// No connection is accepted any more, and requests that have arrived are answered; the second time, not even those.
    pub(super) fn drain(&self) {
        let _ = self.drain.write(1);
    }
}
