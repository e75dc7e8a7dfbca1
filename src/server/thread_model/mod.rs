//! Which threads serve, and how they share the connections.

mod pool;

use std::{io, sync::Arc, thread};

use nix::sys::signalfd::SignalFd;

use self::pool::Pool;
use super::{accept::Acceptor, common::Common, counters::Counters, event_loop::EventLoop};
use crate::profile::{Dispatch, ServerOptions};

/// The serving threads.
pub(super) enum ThreadModel {
    /// A loop for each thread; the first one has the signals.
    Loops(Vec<EventLoop>, Common),
    /// Threads that share one loop's connections.
    Pool(Box<Pool>),
}

impl ThreadModel {
    pub(super) fn new(
        options: &ServerOptions,
        acceptors: Vec<Acceptor>,
        common: &Common,
    ) -> io::Result<Self> {
        let threads = options.threads.0 as usize;
        let mut loops = acceptors
            .into_iter()
            .map(|acceptor| EventLoop::new(Some(acceptor), common))
            .collect::<io::Result<Vec<_>>>()?;
        if options.dispatch == Dispatch::Workers {
            return Ok(Self::Pool(Box::new(Pool::new(loops.remove(0), threads)?)));
        }
        if options.dispatch == Dispatch::WorkersShared {
            for _ in 1..threads {
                let mut other = EventLoop::new(None, common)?;
                loops[0].share_sockets_with(&mut other)?;
                loops.push(other);
            }
        }
        Ok(Self::Loops(loops, common.clone()))
    }

    /// What each thread counts.
    pub(super) fn counters(&self) -> Vec<Arc<Counters>> {
        match self {
            Self::Loops(loops, _) => loops.iter().map(EventLoop::counters).collect(),
            Self::Pool(pool) => pool.counters(),
        }
    }

    /// Serves; the first loop, or the pool, in this thread's name. `ready` is called when all threads are there.
    pub(super) fn run(self, signals: &SignalFd, ready: impl FnOnce()) -> io::Result<()> {
        let (loops, common) = match self {
            Self::Loops(loops, common) => (loops, common),
            Self::Pool(pool) => return pool.run(signals, ready),
        };
        let shutdown = &common.shutdown;
        thread::scope(|scope| {
            let mut threads = Vec::new();
            let mut loops = loops.into_iter();
            let first = loops.next();
            for (number, event_loop) in (1..).zip(loops) {
                let builder = thread::Builder::new().name(format!("reactor-{number}"));
                match builder
                    .spawn_scoped(scope, move || event_loop.run(None).inspect_err(|_| shutdown.stop()))
                {
                    Ok(thread) => threads.push(thread),
                    Err(error) => {
                        shutdown.stop();
                        return Err(error);
                    }
                }
            }
            ready();
            let mut served = first.map_or(Ok(()), |event_loop| event_loop.run(Some(signals)));
            if served.is_err() {
                shutdown.stop();
            }
            for thread in threads {
                let ended =
                    thread.join().unwrap_or_else(|_| Err(io::Error::other("a serving thread panicked")));
                served = served.and(ended);
            }
            served
        })
    }
}
