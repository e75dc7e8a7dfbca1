//! What the threads on one socket share: the socket, a lock if `lock` is set, and the fact that it has ended.

use std::{
    io::{self, ErrorKind},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::poll::PollFlags;

use crate::{behavior::Race, client::transport::Transport};

/// How often a thread that waits for the socket looks whether it should stop, in milliseconds.
const LOOK_UP_MS: u16 = 20;

/// What the threads share.
pub(super) struct Shared {
    transport: Transport,
    lock: Option<Mutex<()>>,
    must_stop: AtomicBool,
    met_reset: AtomicBool,
}

impl Shared {
    /// Makes the socket one that blocks, if the threads are to. It does so for the event loop as well, whose descriptor
    /// belongs to the same open file description: the event loop makes each of its calls non-blocking by itself.
    pub(super) fn new(transport: &Transport, race: Race) -> io::Result<Arc<Self>> {
        let transport = transport.duplicate(race.blocking)?;
        let lock = race.lock.then(Mutex::default);
        let [must_stop, met_reset] = [false, false].map(AtomicBool::new);
        Ok(Arc::new(Self { transport, lock, must_stop, met_reset }))
    }

    /// Makes the threads stop.
    pub(super) fn stop(&self) {
        self.must_stop.store(true, Ordering::Relaxed);
    }

    /// Whether a thread met the peer's reset: the socket reports an error only once, to whoever asks first.
    pub(super) fn met_reset(&self) -> bool {
        self.met_reset.load(Ordering::Relaxed)
    }

    /// Keeps the others out as long as it lives, where there is a lock.
    pub(super) fn alone(&self) -> Option<MutexGuard<'_, ()>> {
        self.lock.as_ref().map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the system call until it does something; what it needs is awaited in between, if it does not block.
    pub(super) fn insist(
        &self,
        needed: PollFlags,
        mut call: impl FnMut(&Transport) -> io::Result<usize>,
    ) -> io::Result<usize> {
        while !self.must_stop.load(Ordering::Relaxed) {
            match call(&self.transport) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.transport.wait(needed, LOOK_UP_MS)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let by_peer = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                    self.met_reset.fetch_or(by_peer, Ordering::Relaxed);
                    return Err(error);
                }
                moved => return moved,
            }
        }
        Err(ErrorKind::Interrupted.into())
    }
}
