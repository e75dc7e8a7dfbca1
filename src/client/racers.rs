//! Several threads that send on one socket: the misuse itself.

use std::{
    io::{self, ErrorKind, Write},
    net::TcpStream,
    os::fd::AsFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use nix::poll::{PollFd, PollFlags, PollTimeout};

use crate::codec::Encoder;

/// How often a thread that waits for the socket looks whether it should stop, in milliseconds.
const LOOK_UP_MS: u16 = 20;

/// Threads that send messages on the same socket, each as if it were alone.
pub(super) struct Racers {
    threads: Vec<(Sender<u64>, JoinHandle<()>)>,
    stop: Arc<AtomicBool>,
    reset: Arc<AtomicBool>,
}

impl Racers {
    /// Starts `threads` threads that send the messages of `encoder` on `stream`.
    ///
    /// # Errors
    /// When there is no descriptor or thread to be had.
    pub(super) fn start(stream: &TcpStream, threads: usize, encoder: &Encoder) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let reset = Arc::new(AtomicBool::new(false));
        let threads = (0..threads)
            .map(|_| {
                let (sender, messages) = mpsc::channel();
                let (stop, reset) = (Arc::clone(&stop), Arc::clone(&reset));
                let racer = Racer { stream: stream.try_clone()?, encoder: encoder.clone(), stop, reset };
                let run = move || racer.race(&messages);
                Ok((sender, thread::Builder::new().name("racer".into()).spawn(run)?))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, stop, reset })
    }

    /// Whether a racer met the peer's reset: the socket tells an error only once, to whoever asks first.
    pub(super) fn met_reset(&self) -> bool {
        self.reset.load(Ordering::Relaxed)
    }

    /// Hands out a message: the threads have turns, but nobody sees to it that they send in turn.
    pub(super) fn hand_out(&self, sequence: u64) {
        let (sender, _) = &self.threads[sequence as usize % self.threads.len()];
        // A racer whose connection broke takes no more; the engine sees the end of the connection by itself.
        let _ = sender.send(sequence);
    }
}

impl Drop for Racers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (sender, thread) in self.threads.drain(..) {
            drop(sender);
            // A racer that panicked has told so on stderr; its messages are missing in the tally.
            let _ = thread.join();
        }
    }
}

/// One of the threads.
struct Racer {
    stream: TcpStream,
    encoder: Encoder,
    stop: Arc<AtomicBool>,
    reset: Arc<AtomicBool>,
}

impl Racer {
    fn race(mut self, messages: &Receiver<u64>) {
        let mut message = vec![0; self.encoder.message_bytes() as usize];
        for sequence in messages {
            self.encoder.fill(sequence * message.len() as u64, &mut message);
            if let Err(error) = self.send(&message) {
                let by_peer = matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe);
                self.reset.fetch_or(by_peer, Ordering::Relaxed);
                return;
            }
        }
    }

    /// Sends a message as a careless thread does: what did not fit is sent when there is room again, whatever the
    /// others have sent in the meantime.
    fn send(&mut self, mut message: &[u8]) -> io::Result<()> {
        while !message.is_empty() {
            if self.stop.load(Ordering::Relaxed) {
                return Err(ErrorKind::Interrupted.into());
            }
            match self.stream.write(message) {
                Ok(sent) => message = &message[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut room = [PollFd::new(self.stream.as_fd(), PollFlags::POLLOUT)];
                    nix::poll::poll(&mut room, PollTimeout::from(LOOK_UP_MS))?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
