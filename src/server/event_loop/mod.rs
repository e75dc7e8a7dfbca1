//! The loop: readiness in, turns out; then the timers, then those that go on without new readiness.

mod accepting;
mod admission;
mod connections;
mod reclaim;
mod sharing;
mod tokens;

use std::{io, sync::Arc, time::Duration};

use nix::sys::signalfd::SignalFd;

use self::{
    accepting::Accepting,
    connections::Connections,
    sharing::SharedSocketReceiver,
    tokens::{ACCEPTOR, DRAIN, SHARED_SOCKETS, SIGNALS, STOP},
};
use super::{
    accept::Acceptor,
    close_reason::CloseReason,
    common::Common,
    connection::{Connection, Next},
    context::Context,
    counters::Counters,
    timers::TimerEvent,
};
use crate::{
    reactor::{Interest, Mode, Ready, Token},
    sys,
};

/// Timers fired at one go.
const BATCH: usize = 64;
/// Turns without new readiness, before epoll is asked again.
const TURNS: usize = 16;

/// A loop, its acceptor and its connections.
pub(super) struct EventLoop {
    accepting: Accepting,
    connections: Connections,
    shared_sockets: Option<SharedSocketReceiver>,
    is_stopped: bool,
}

impl EventLoop {
    /// Without an acceptor, connections come only from another loop.
    ///
    /// # Errors
    /// When the kernel has no descriptor left, or the root of the files cannot be read.
    pub(super) fn new(acceptor: Option<Acceptor>, common: &Common) -> io::Result<Self> {
        let connections = Connections::new(common)?;
        let accepting = Accepting::new(acceptor, connections.context())?;
        Ok(Self { accepting, connections, shared_sockets: None, is_stopped: false })
    }

    /// From now on `other` gets every connection that is accepted here.
    ///
    /// # Errors
    /// When the kernel has no descriptor or no watch left.
    pub(super) fn share_sockets_with(&mut self, other: &mut Self) -> io::Result<()> {
        let (sender, receiver) = SharedSocketReceiver::new(other.connections.context())?;
        other.shared_sockets = Some(receiver);
        other.connections.set_shared();
        self.accepting.share_with(sender);
        Ok(())
    }

    /// What this loop's thread counts.
    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.connections.context().counters)
    }

    /// What its connections share.
    pub(super) fn context(&self) -> &Context {
        self.connections.context()
    }

    /// What it has in common with the other loops.
    pub(super) fn common(&self) -> &Common {
        self.connections.common()
    }

    /// Serves until it is to stop: once they drain, all are when the last answer under way is finished. One of a server's
    /// loops has the signals, and passes them on.
    ///
    /// # Errors
    /// What epoll says.
    pub(super) fn run(mut self, signals: Option<&SignalFd>) -> io::Result<()> {
        self.heed(signals)?;
        while !self.is_stopped {
            let timeout = self.timeout();
            let context = self.connections.context_mut();
            let count = context.reactor.wait(timeout)?;
            context.counters.waits.add(1);
            for index in 0..count {
                let ready = self.context().reactor.report(index);
                if !self.attend(ready.token, signals) {
                    self.connections.serve(ready);
                }
            }
            self.fire();
            for _ in 0..self.turns() {
                self.connections.resume();
                // Each of these turns is a long one.
                self.fire();
            }
        }
        self.close_all();
        Ok(())
    }

    /// Waits from now on for what is not about a single connection.
    ///
    /// # Errors
    /// When epoll has no memory or no watches left.
    pub(super) fn heed(&self, signals: Option<&SignalFd>) -> io::Result<()> {
        let (Context { reactor, counters, .. }, shutdown) = (self.context(), &self.common().shutdown);
        if let Some(signals) = signals {
            reactor.add(signals, SIGNALS, Interest::READ, Mode::Level)?;
        }
        reactor.add(shutdown.stop_event(), STOP, Interest::READ, Mode::Level)?;
        reactor.add(shutdown.drain_event(), DRAIN, Interest::READ, Mode::Edge)?;
        counters.controls.add(2 + u64::from(signals.is_some()));
        Ok(())
    }

    /// How long to wait for events; `None`: forever.
    pub(super) fn timeout(&self) -> Option<Duration> {
        self.connections.timeout()
    }

    /// Whether it is to stop.
    pub(super) fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// How many connections go on without new readiness, before epoll is asked again.
    pub(super) fn turns(&self) -> usize {
        self.connections.queued().min(TURNS)
    }

    /// Does what is not about a single connection; whether it was that.
    pub(super) fn attend(&mut self, token: Token, signals: Option<&SignalFd>) -> bool {
        match (token, signals) {
            (ACCEPTOR, _) => self.accepting.accept(&mut self.connections),
            (SHARED_SOCKETS, _) => self.adopt_sockets(),
            (DRAIN, _) => self.drain(),
            (STOP, _) => self.is_stopped = true,
            (SIGNALS, Some(signals)) => {
                while let Ok(Some(_)) = signals.read_signal() {
                    self.common().shutdown.drain();
                }
            }
            _ => return false,
        }
        true
    }

    /// Fires what is due, within bounds; the rest is due at the next turn, which comes at once.
    pub(super) fn fire(&mut self) {
        if self.connections.timers().is_empty() {
            return;
        }
        let now_ns = sys::monotonic_ns();
        for _ in 0..BATCH {
            let Some(event) = self.connections.timers().pop_expired(now_ns) else { return };
            match event {
                TimerEvent::Deadline(token) | TimerEvent::Linger(token) => {
                    self.connections.timer_fired(token, event);
                }
                TimerEvent::RequestDone(token) => self.connections.request_done(token),
                TimerEvent::ReclaimMemory => self.connections.reclaim_memory(),
                TimerEvent::ResumeAccepting => self.accepting.resume(self.connections.context()),
                TimerEvent::EndDrain => self.is_stopped = true,
            }
        }
    }

    /// Lends a connection to a thread, with its readiness; `None` where it is gone or lent already.
    pub(super) fn lend(&mut self, ready: Ready) -> Option<Box<Connection>> {
        self.connections.lend(ready)
    }

    /// Lends the next connection that goes on without new readiness; `None` where it is gone or lent already.
    pub(super) fn lend_queued(&mut self) -> Option<(Token, Box<Connection>)> {
        self.connections.lend_queued()
    }

    /// A lent connection comes back, and how its turn went. `was_draining`: what the thread knew of the server's end.
    pub(super) fn take_back(
        &mut self,
        token: Token,
        connection: Box<Connection>,
        result: Result<Next, CloseReason>,
        was_draining: bool,
    ) {
        self.connections.take_back(token, connection, result, was_draining);
    }

    pub(super) fn close_all(&mut self) {
        self.connections.close_all();
    }

    fn adopt_sockets(&mut self) {
        let Some(shared_sockets) = &self.shared_sockets else { return };
        for (transport, peer) in shared_sockets.receive() {
            self.connections.add(transport, peer);
        }
    }

    /// No connection is accepted any more, and requests that have arrived are answered. The second time, not even those.
    fn drain(&mut self) {
        if self.context().is_draining {
            self.is_stopped = true;
            return;
        }
        self.accepting.stop();
        self.connections.drain();
    }
}
