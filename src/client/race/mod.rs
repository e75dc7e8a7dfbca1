//! Several threads on one socket: the misuse itself. They share the socket, and a lock if they are told to.

mod readers;
mod threads;
mod writers;

use std::{
    io::{self, ErrorKind},
    net::TcpStream,
    os::fd::AsFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

pub(super) use self::{readers::Readers, writers::Writers};
use super::{
    connection::{Connection, Turn},
    engine::Io,
    group::{CloseReason, Group},
};
use crate::{
    behavior::Race,
    reactor::{Interest, Mode},
    sys,
};

/// How often a thread that waits for the socket looks whether it should stop, in milliseconds.
const LOOK_UP_MS: u16 = 20;

/// What the threads share.
struct Shared {
    stream: TcpStream,
    lock: Option<Mutex<()>>,
    stop: AtomicBool,
    reset: AtomicBool,
}

impl Shared {
    /// Makes the socket one that blocks, if the threads are to. It does so for the engine as well, whose descriptor
    /// belongs to the same open file description: the engine asks with every call not to be made to wait.
    fn new(stream: &TcpStream, race: Race) -> io::Result<Arc<Self>> {
        let stream = stream.try_clone()?;
        stream.set_nonblocking(!race.blocking)?;
        let lock = race.lock.then(Mutex::default);
        Ok(Arc::new(Self { stream, lock, stop: AtomicBool::new(false), reset: AtomicBool::new(false) }))
    }

    /// Keeps the others out as long as it lives, where there is a lock.
    fn alone(&self) -> Option<MutexGuard<'_, ()>> {
        self.lock.as_ref().map(|lock| lock.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the system call until it does something; what it needs is awaited in between, if it does not block.
    fn insist(
        &self,
        needed: PollFlags,
        mut call: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        while !self.stop.load(Ordering::Relaxed) {
            match call(&self.stream) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut wait = [PollFd::new(self.stream.as_fd(), needed)];
                    nix::poll::poll(&mut wait, PollTimeout::from(LOOK_UP_MS))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let by_peer = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                    self.reset.fetch_or(by_peer, Ordering::Relaxed);
                    return Err(error);
                }
                moved => return moved,
            }
        }
        Err(ErrorKind::Interrupted.into())
    }
}

impl Connection {
    /// Hands every message that is due to the threads.
    pub(super) fn race_to_send(&mut self, race: Race, io: &mut Io, group: &mut Group) -> Turn {
        if self.writers.is_none() {
            match Writers::start(&self.stream, race, &self.encoder) {
                Ok(writers) => self.writers = Some(Box::new(writers)),
                Err(error) => return io.fail(error),
            }
        }
        let size = self.encoder.message_bytes();
        while let (Some(writers), true) = (&self.writers, self.tx.moved < self.pending.started() * size) {
            let sequence = self.tx.moved / size;
            writers.hand_out(sequence);
            self.pending.sent(sequence, io.now_ns);
            self.tx.moved(size as usize);
            group.sent += size;
        }
        Turn::Again
    }

    /// Lets the threads read what comes next, or takes what they have read. What tells how long an answer is, they
    /// leave alone: it is read byte by byte, so that nothing behind it is.
    pub(super) fn race_to_receive(&mut self, race: Race, io: &mut Io, group: &mut Group) -> Turn {
        if self.is_read_by_threads() {
            return self.collect(io, group);
        }
        let Some(bytes) = self.decoder.content_ahead(self.pending.open()) else {
            return self.receive_once(1, io, group);
        };
        if self.readers.is_none() {
            let readers = Readers::start(&self.stream, race);
            let readers = readers.and_then(|readers| {
                io.reactor.add(readers.wakeup(), self.token, Interest::READ, Mode::Level)?;
                Ok(readers)
            });
            match readers {
                Ok(readers) => self.readers = Some(Box::new(readers)),
                Err(error) => return io.fail(error),
            }
        }
        if let Some(readers) = &mut self.readers {
            readers.hand_out(bytes as usize);
        }
        self.set_interest(Interest { read: false, ..self.interest }, io)
    }

    /// Whether threads are reading: the engine learns of it by their eventfd only.
    pub(super) fn is_read_by_threads(&self) -> bool {
        self.readers.as_ref().is_some_and(|readers| readers.are_busy())
    }

    fn collect(&mut self, io: &mut Io, group: &mut Group) -> Turn {
        let Some(readers) = &mut self.readers else { return Turn::Over };
        io.calls += 1;
        match readers.collect() {
            Ok(None) => Turn::Over,
            Ok(Some(bytes)) => {
                io.now_ns = sys::monotonic_ns();
                self.rx.moved(bytes.len());
                group.received += bytes.len() as u64;
                self.decode(Some(&bytes), io, group);
                Turn::Again
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Turn::End(self.peer_ended()),
            Err(_) => Turn::End(CloseReason::ByReset),
        }
    }
}
