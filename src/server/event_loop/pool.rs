//! Several threads that wait for the same events. Who is told of a connection takes it out, so that nobody else can
//! have it, serves it without a lock, and puts it back under the lock that guards the books.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use nix::sys::signalfd::SignalFd;

use super::{Common, EventLoop, Key, SPILL_BYTES, Shared, TURNS};
use crate::{
    reactor::{Ready, Token},
    server::{
        connection::{Connection, Next},
        counters::Counters,
        eviction::End,
    },
};

/// Threads around one loop's books.
pub(in crate::server) struct Pool {
    books: Mutex<EventLoop>,
    common: Common,
    hands: Vec<Shared>,
}

/// One thread of it.
struct Worker<'a> {
    books: &'a Mutex<EventLoop>,
    signals: &'a SignalFd,
    common: &'a Common,
    own: Shared,
    spill: Box<[u8]>,
}

impl Pool {
    pub(in crate::server) fn new(event_loop: EventLoop, threads: usize) -> io::Result<Self> {
        let shared = &event_loop.shared;
        let hands = (0..threads)
            .map(|_| Shared::new(shared.reactor.share()?, &shared.policy, &shared.journal))
            .collect::<io::Result<_>>()?;
        Ok(Self { common: event_loop.common.clone(), books: Mutex::new(event_loop), hands })
    }

    /// What the threads count, and what is counted under the lock.
    pub(in crate::server) fn counters(&self) -> Vec<Arc<Counters>> {
        let hands = self.hands.iter().map(|hand| Arc::clone(&hand.counters));
        hands.chain([locked(&self.books).counters()]).collect()
    }

    /// As [`EventLoop::run`]; `ready` is called when all threads are there.
    pub(in crate::server) fn run(self, signals: &SignalFd, ready: impl FnOnce()) -> io::Result<()> {
        let Self { books, common, hands } = self;
        locked(&books).heed(Some(signals))?;
        let served = thread::scope(|scope| {
            let mut workers = Vec::new();
            for (number, own) in hands.into_iter().enumerate() {
                let spill = vec![0; SPILL_BYTES].into_boxed_slice();
                let worker = Worker { books: &books, signals, common: &common, own, spill };
                let builder = thread::Builder::new().name(format!("worker-{number}"));
                match builder.spawn_scoped(scope, move || worker.run()) {
                    Ok(handle) => workers.push(handle),
                    Err(error) => {
                        common.wishes.stop();
                        return Err(error);
                    }
                }
            }
            ready();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")))
            })
        });
        locked(&books).close_all();
        served
    }
}

/// A thread that panicked ends the server; until then the others find the books as they are.
fn locked(books: &Mutex<EventLoop>) -> MutexGuard<'_, EventLoop> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// However a thread ends, the others must not wait for ever.
struct Farewell<'a>(&'a Common);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.0.wishes.stop();
    }
}

impl Worker<'_> {
    fn run(mut self) -> io::Result<()> {
        let _farewell = Farewell(self.common);
        loop {
            let timeout = {
                let books = locked(self.books);
                if books.stopped {
                    return Ok(());
                }
                books.timeout()
            };
            let count = self.own.reactor.wait(timeout)?;
            self.own.counters.waits.add(1);
            for index in 0..count {
                self.serve(self.own.reactor.report(index));
            }
            locked(self.books).fire();
            self.go_on();
        }
    }

    fn serve(&mut self, ready: Ready) {
        let mut books = locked(self.books);
        if books.attend(ready.token, Some(self.signals), &mut self.spill) {
            return;
        }
        if let Some(mut connection) = books.connections.take(ready.token) {
            self.own.draining = books.shared.draining;
            drop(books);
            let outcome = connection.ready(ready, &mut self.own, &mut self.spill);
            self.put_back(ready.token, connection, outcome);
        } else if books.connections.is_alive(ready.token) {
            books.missed.push(ready);
        }
    }

    fn go_on(&mut self) {
        let turns = locked(self.books).again.len().min(TURNS);
        for _ in 0..turns {
            let mut books = locked(self.books);
            let Some(token) = books.again.pop_front() else { return };
            if let Some(mut connection) = books.connections.take(token) {
                self.own.draining = books.shared.draining;
                drop(books);
                connection.queued = false;
                let outcome = connection.turn(&mut self.own, &mut self.spill);
                self.put_back(token, connection, outcome);
                locked(self.books).fire();
            } else if books.connections.is_alive(token) {
                // Another thread has it, for room to send.
                books.again.push_back(token);
            }
        }
    }

    fn put_back(&mut self, token: Token, connection: Box<Connection>, outcome: Result<Next, End>) {
        let mut books = locked(self.books);
        books.connections.put_back(token, connection);
        books.settle(token, outcome);
        books.make_up(token, self.own.draining, &mut self.spill);
    }
}

impl EventLoop {
    /// What happened to a connection while a thread had it for itself, and knew that the server drains or not.
    fn make_up(&mut self, token: Token, drained: bool, spill: &mut [u8]) {
        match self.connections.entry(token).and_then(|connection| connection.fired(&self.timers)) {
            Some(Key::Linger(_)) => self.linger(token),
            Some(_) => self.look(token),
            None => {}
        }
        if self.shared.draining && !drained {
            self.part(token, spill);
        }
        while let Some(place) = self.missed.iter().position(|ready| ready.token == token) {
            let ready = self.missed.swap_remove(place);
            self.serve(ready, spill);
        }
    }
}
