//! Threads that send messages on the same socket, each as if it were alone.

use std::{
    io,
    sync::{Arc, mpsc::Receiver},
};

use nix::poll::PollFlags;

use super::{shared::Shared, threads::Threads};
use crate::{behavior::Race, client::transport::Transport, codec::Encoder};

/// The threads.
pub(in crate::client) struct Writers(Threads<u64>);

impl Writers {
    /// Starts the threads that send the messages of `encoder` on `transport`.
    ///
    /// # Errors
    /// When there is no descriptor or thread to be had.
    pub(in crate::client) fn start(transport: &Transport, race: Race, encoder: &Encoder) -> io::Result<Self> {
        let work = |_, shared| {
            let writer = Writer { shared, encoder: encoder.clone(), header: race.header.0 as usize };
            move |messages| writer.race(messages)
        };
        Threads::start("writer", transport, race, work).map(Self)
    }

    /// Whether a thread met the peer's reset: the socket reports an error only once, to whoever asks first.
    pub(in crate::client) fn met_reset(&self) -> bool {
        self.0.shared.met_reset()
    }

    /// Hands out a message: the threads take turns, but nothing makes them send in that order.
    pub(in crate::client) fn hand_out(&self, sequence: u64) {
        self.0.hand_to(sequence as usize % self.0.count(), sequence);
    }
}

/// One of the threads.
struct Writer {
    shared: Arc<Shared>,
    encoder: Encoder,
    /// Bytes of each message that have a system call of their own.
    header: usize,
}

impl Writer {
    fn race(mut self, messages: Receiver<u64>) {
        let mut message = vec![0; self.encoder.message_bytes() as usize];
        for sequence in messages {
            self.encoder.fill(sequence * message.len() as u64, &mut message);
            let (header, body) = message.split_at(self.header);
            let _alone = self.shared.alone();
            if self.send(header).and_then(|()| self.send(body)).is_err() {
                return;
            }
        }
    }

    /// Sends as a careless thread does: what did not fit is sent when there is room again, whatever the others have
    /// sent in the meantime.
    fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let sent = self.shared.insist(PollFlags::POLLOUT, |transport| transport.send_waiting(bytes))?;
            bytes = &bytes[sent..];
        }
        Ok(())
    }
}
