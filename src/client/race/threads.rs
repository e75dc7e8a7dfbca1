//! Threads with a socket in common: each does what it is handed until there is no more, and all end with the race.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
};

use super::shared::Shared;
use crate::{behavior::Race, client::transport::Transport};

/// The threads, and what they share.
pub(super) struct Threads<T> {
    threads: Vec<(Sender<T>, JoinHandle<()>)>,
    pub(super) shared: Arc<Shared>,
}

impl<T: Send + 'static> Threads<T> {
    /// Starts the threads on `transport`; `work` makes what the thread of that number does with what it is handed.
    ///
    /// # Errors
    /// When there is no descriptor or thread to be had.
    pub(super) fn start<W: FnOnce(Receiver<T>) + Send + 'static>(
        name: &str,
        transport: &Transport,
        race: Race,
        work: impl Fn(usize, Arc<Shared>) -> W,
    ) -> io::Result<Self> {
        let shared = Shared::new(transport, race)?;
        let threads = (0..usize::from(race.threads.get()))
            .map(|index| {
                let (sender, receiver) = mpsc::channel();
                let work = work(index, Arc::clone(&shared));
                Ok((sender, thread::Builder::new().name(name.into()).spawn(move || work(receiver))?))
            })
            .collect::<io::Result<_>>()?;
        Ok(Self { threads, shared })
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.threads.len()
    }

    /// Hands something to the thread of that number. One whose connection broke takes no more; the event loop sees the
    /// end of the connection by itself.
    pub(super) fn hand_to(&self, index: usize, what: T) {
        let _ = self.threads[index].0.send(what);
    }
}

impl<T> Drop for Threads<T> {
    fn drop(&mut self) {
        self.shared.stop();
        for (sender, thread) in self.threads.drain(..) {
            drop(sender);
            // The message of a thread that panicked is on stderr; what it should have moved is missing in the tally.
            let _ = thread.join();
        }
    }
}
