//! Several threads that wait for the same events. The thread that gets an event takes the connection out of the event
//! loop, serves it without a lock, and puts it back under the lock of the event loop.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use nix::sys::signalfd::SignalFd;

use crate::{
    reactor::{Ready, Token},
    server::{
        close_reason::CloseReason,
        common::Common,
        connection::{Connection, Next},
        context::Context,
        counters::Counters,
        event_loop::EventLoop,
    },
};

/// Threads around one event loop.
pub(in crate::server) struct Pool {
    event_loop: Mutex<EventLoop>,
    common: Common,
    per_thread: Vec<Context>,
}

/// One thread of it.
struct Worker<'a> {
    event_loop: &'a Mutex<EventLoop>,
    signals: &'a SignalFd,
    common: &'a Common,
    own: Context,
}

impl Pool {
    pub(in crate::server) fn new(event_loop: EventLoop, threads: usize) -> io::Result<Self> {
        let context = event_loop.context();
        let per_thread = (0..threads).map(|_| context.share()).collect::<io::Result<_>>()?;
        Ok(Self { common: event_loop.common().clone(), event_loop: Mutex::new(event_loop), per_thread })
    }

    /// What the threads count, and what is counted under the lock.
    pub(in crate::server) fn counters(&self) -> Vec<Arc<Counters>> {
        let per_thread = self.per_thread.iter().map(|context| Arc::clone(&context.counters));
        per_thread.chain([locked(&self.event_loop).counters()]).collect()
    }

    /// As [`EventLoop::run`]; `ready` is called when all threads are there.
    pub(in crate::server) fn run(self, signals: &SignalFd, ready: impl FnOnce()) -> io::Result<()> {
        let Self { event_loop, common, per_thread } = self;
        locked(&event_loop).heed(Some(signals))?;
        let served = thread::scope(|scope| {
            let mut workers = Vec::new();
            for (number, own) in per_thread.into_iter().enumerate() {
                let worker = Worker { event_loop: &event_loop, signals, common: &common, own };
                let builder = thread::Builder::new().name(format!("worker-{number}"));
                match builder.spawn_scoped(scope, move || worker.run()) {
                    Ok(handle) => workers.push(handle),
                    Err(error) => {
                        common.shutdown.stop();
                        return Err(error);
                    }
                }
            }
            ready();
            workers.into_iter().try_for_each(|worker| {
                worker.join().unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")))
            })
        });
        locked(&event_loop).close_all();
        served
    }
}

/// A thread that panicked ends the server; until then the others use the event loop as it is.
fn locked(event_loop: &Mutex<EventLoop>) -> MutexGuard<'_, EventLoop> {
    event_loop.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Stops the other threads however this one ends: they must not wait forever.
struct StopOnDrop<'a>(&'a Common);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.shutdown.stop();
    }
}

impl Worker<'_> {
    fn run(mut self) -> io::Result<()> {
        let _stop = StopOnDrop(self.common);
        loop {
            let timeout = {
                let event_loop = locked(self.event_loop);
                if event_loop.is_stopped() {
                    return Ok(());
                }
                event_loop.timeout()
            };
            let count = self.own.reactor.wait(timeout)?;
            self.own.counters.waits.add(1);
            for index in 0..count {
                self.serve(self.own.reactor.report(index));
            }
            locked(self.event_loop).fire();
            self.go_on();
        }
    }

    fn serve(&mut self, ready: Ready) {
        let mut event_loop = locked(self.event_loop);
        if event_loop.attend(ready.token, Some(self.signals)) {
            return;
        }
        if let Some(mut connection) = event_loop.lend(ready) {
            self.own.is_draining = event_loop.context().is_draining;
            drop(event_loop);
            let result = connection.ready(ready, &mut self.own);
            self.give_back(ready.token, connection, result);
        }
    }

    fn go_on(&mut self) {
        let turns = locked(self.event_loop).turns();
        for _ in 0..turns {
            let mut event_loop = locked(self.event_loop);
            if let Some((token, mut connection)) = event_loop.lend_queued() {
                self.own.is_draining = event_loop.context().is_draining;
                drop(event_loop);
                let result = connection.resume(&mut self.own);
                self.give_back(token, connection, result);
                locked(self.event_loop).fire();
            }
        }
    }

    fn give_back(&mut self, token: Token, connection: Box<Connection>, result: Result<Next, CloseReason>) {
        locked(self.event_loop).take_back(token, connection, result, self.own.is_draining);
    }
}
