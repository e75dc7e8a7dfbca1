//! Threads that read from the same socket, each as if what comes next were its own.
//!
//! ```text
//!   the bytes of a round   ├── part 0 ──┼── part 1 ──┼── part 2 ──┤   what each believes to read
//!   what one read may give ├── 1 ─┼── 0 ─┼─ 2 ─┼─── 1 ───┼─ 0 ─┼2─┤   whoever came first
//! ```
//! All parts together are all bytes of the round, so that the next one starts where this one ended.

use std::{
    io::{self, ErrorKind},
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
};

use nix::{
    poll::PollFlags,
    sys::eventfd::{EfdFlags, EventFd},
};

use super::{shared::Shared, threads::Threads};
use crate::{behavior::Race, client::transport::Transport, codec::part_of};

/// The threads.
pub(in crate::client) struct Readers {
    threads: Threads<Vec<u8>>,
    read: Receiver<Part>,
    /// Parts of this round that are there; between two rounds, the memory of the next one.
    parts: Vec<Option<Vec<u8>>>,
    busy: bool,
    wakeup: Arc<EventFd>,
}

/// What a thread took for its part.
struct Part {
    index: usize,
    bytes: io::Result<Vec<u8>>,
}

impl Readers {
    /// Starts the threads that read from `transport`.
    ///
    /// # Errors
    /// When there is no descriptor or thread to be had.
    pub(in crate::client) fn start(transport: &Transport, race: Race) -> io::Result<Self> {
        let wakeup = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (done, read) = mpsc::channel();
        let work = |index, shared| {
            let reader = Reader { index, shared, done: done.clone(), wakeup: Arc::clone(&wakeup) };
            move |buffers| reader.race(buffers)
        };
        let threads = Threads::start("reader", transport, race, work)?;
        let parts = vec![Some(Vec::new()); threads.count()];
        Ok(Self { threads, read, parts, busy: false, wakeup })
    }

    /// What becomes readable when a thread is through.
    pub(in crate::client) fn wakeup(&self) -> &EventFd {
        &self.wakeup
    }

    /// Whether a round is under way.
    pub(in crate::client) fn are_busy(&self) -> bool {
        self.busy
    }

    /// Starts a round: the next so many bytes in equal parts.
    pub(in crate::client) fn hand_out(&mut self, bytes: usize) {
        self.busy = true;
        let count = self.threads.count();
        for (index, part) in self.parts.iter_mut().enumerate() {
            let mut buffer = part.take().unwrap_or_default();
            buffer.resize(part_of(bytes as u64, index as u64, count as u64).1 as usize, 0);
            self.threads.hand_to(index, buffer);
        }
    }

    /// The round as the threads believe it to be, once all are through.
    ///
    /// # Errors
    /// The end of the connection, in place of a part.
    pub(in crate::client) fn collect(&mut self) -> io::Result<Option<Vec<u8>>> {
        // Read before the parts: what comes later wakes the event loop again.
        let _ = self.wakeup.read();
        for Part { index, bytes } in self.read.try_iter() {
            self.parts[index] = Some(bytes?);
        }
        self.busy = self.parts.contains(&None);
        Ok((!self.busy).then(|| self.parts.iter().flatten().flatten().copied().collect()))
    }
}

/// One of the threads.
struct Reader {
    index: usize,
    shared: Arc<Shared>,
    done: Sender<Part>,
    wakeup: Arc<EventFd>,
}

impl Reader {
    fn race(self, buffers: Receiver<Vec<u8>>) {
        for mut buffer in buffers {
            let bytes = self.receive(&mut buffer).map(|()| buffer);
            let over = bytes.is_err();
            // The receiver is gone when the connection has ended.
            let _ = self.done.send(Part { index: self.index, bytes });
            let _ = self.wakeup.write(1);
            if over {
                return;
            }
        }
    }

    fn receive(&self, mut buffer: &mut [u8]) -> io::Result<()> {
        let _alone = self.shared.alone();
        while !buffer.is_empty() {
            let count =
                self.shared.insist(PollFlags::POLLIN, |transport| transport.receive_waiting(buffer))?;
            if count == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            buffer = &mut buffer[count..];
        }
        Ok(())
    }
}
