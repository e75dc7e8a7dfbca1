//! Several threads that send on one socket: the misuse itself.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, Write},
    net::TcpStream,
    os::fd::AsFd,
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::codec::Encoder;

/// How often a thread that waits for the socket looks whether it should stop, in milliseconds.
const LOOK_UP_MS: u16 = 50;

/// Threads that take messages in turn and send them on the same socket, each on its own.
pub(super) struct Racers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    messages: Mutex<VecDeque<u64>>,
    more: Condvar,
    stop: AtomicBool,
}

impl Racers {
    /// Starts `threads` threads that send the messages of `encoder` on `stream`.
    ///
    /// # Errors
    /// When there is no descriptor or thread to be had.
    pub(super) fn start(stream: &TcpStream, threads: usize, encoder: &Encoder) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .map(|_| {
                let (shared, stream, encoder) = (Arc::clone(&shared), stream.try_clone()?, encoder.clone());
                thread::Builder::new().name("racer".into()).spawn(move || shared.race(stream, encoder))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { shared, threads })
    }

    /// Hands out a message: the next free thread sends it.
    pub(super) fn hand_out(&self, sequence: u64) {
        self.shared.messages.lock().unwrap_or_else(PoisonError::into_inner).push_back(sequence);
        self.shared.more.notify_one();
    }
}

impl Drop for Racers {
    fn drop(&mut self) {
        {
            // Under the lock, so that no thread looks just before and waits just after.
            let _messages = self.shared.messages.lock().unwrap_or_else(PoisonError::into_inner);
            self.shared.stop.store(true, Ordering::Relaxed);
        }
        self.shared.more.notify_all();
        for thread in self.threads.drain(..) {
            // A racer that panicked has told so on stderr; its messages are missing in the tally.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn race(&self, mut stream: TcpStream, mut encoder: Encoder) {
        let mut message = vec![0; encoder.message_bytes() as usize];
        while let Some(sequence) = self.next() {
            encoder.fill(sequence * message.len() as u64, &mut message);
            if self.send(&mut stream, &message).is_err() {
                // The engine sees the end of the connection by itself.
                return;
            }
        }
    }

    fn next(&self) -> Option<u64> {
        let messages = self.messages.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |queue: &mut VecDeque<u64>| queue.is_empty() && !self.stop.load(Ordering::Relaxed);
        let mut messages = self.more.wait_while(messages, waiting).unwrap_or_else(PoisonError::into_inner);
        if self.stop.load(Ordering::Relaxed) { None } else { messages.pop_front() }
    }

    /// Sends a message as a careless thread does: what did not fit is sent when there is room again, whatever the
    /// others have sent in the meantime.
    fn send(&self, stream: &mut TcpStream, mut message: &[u8]) -> io::Result<()> {
        while !message.is_empty() {
            match stream.write(message) {
                Ok(sent) => message = &message[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait_for_room(stream)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, stream: &TcpStream) -> io::Result<()> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(ErrorKind::Interrupted.into());
        }
        nix::poll::poll(
            &mut [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)],
            PollTimeout::from(LOOK_UP_MS),
        )?;
        Ok(())
    }
}
