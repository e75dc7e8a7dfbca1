//! The loop: readiness in, turns out; then the timers, then those that go on without new readiness.

mod accepting;
mod pool;
mod reclaim;
mod sharing;

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use nix::{
    sys::{
        eventfd::{EfdFlags, EventFd},
        signalfd::SignalFd,
    },
    time::{ClockId, clock_getres},
};

pub(super) use self::pool::Pool;
use self::{
    reclaim::MemoryReclaimer,
    sharing::{SharedSocketReceiver, SharedSocketSender},
};
use super::{
    accept::Acceptor,
    close_reason::{CloseKind, CloseReason},
    connection::{Connection, Next},
    counters::Counters,
    journal::Journal,
    policy::Policy,
    protocol::Scratch,
};
use crate::{
    profile::ServerOptions,
    reactor::{Interest, Mode, Reactor, Ready, Slots, Token},
    sys,
    timers::Wheel,
};

/// Events taken from epoll at one go.
const EVENTS: usize = 256;
/// Connections accepted, or timers fired, at one go.
const BATCH: usize = 64;
/// Turns without new readiness, before epoll is asked again.
const TURNS: usize = 16;
/// What one read may take beyond the room in the receive buffer.
const SPILL_BYTES: usize = 64 * 1024;
const ACCEPTOR: Token = Token::special(0);
const SIGNALS: Token = Token::special(1);
const STOP: Token = Token::special(2);
const DRAIN: Token = Token::special(3);
const SHARED_SOCKETS: Token = Token::special(4);

/// Tells all of a server's loops to drain or to stop.
#[derive(Debug)]
pub(super) struct ShutdownSignals {
    /// Written once, never read: readable for all, for ever.
    stop: EventFd,
    /// Each time it is written all hear of it, as an edge.
    drain: EventFd,
}

impl ShutdownSignals {
    fn new() -> io::Result<Self> {
        let event = || EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK);
        Ok(Self { stop: event()?, drain: event()? })
    }

    /// Whoever waits for the end waits for this to be readable.
    pub(super) fn end(&self) -> &EventFd {
        &self.stop
    }

    /// All end after the turn they are in.
    pub(super) fn stop(&self) {
        // It fails only when the counter is full, and then it has been written before.
        let _ = self.stop.write(1);
    }

    /// No connection is accepted any more, and requests that have arrived are answered; the second time, not even those.
    fn drain(&self) {
        let _ = self.drain.write(1);
    }
}

/// Why a timer fires.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// A connection may have taken too long.
    Look(Token),
    /// A peer that gets no more answers has been listened to for long enough.
    Linger(Token),
    /// Memory is to be given back.
    Reclaim,
    /// Accepting is tried again.
    Acceptor,
    /// Answers under way have had their time.
    Drained,
}

/// What all connections of one thread use.
pub(super) struct Shared {
    pub(super) reactor: Reactor,
    pub(super) policy: Arc<Policy>,
    pub(super) scratch: Scratch,
    pub(super) counters: Arc<Counters>,
    pub(super) journal: Arc<Journal>,
    /// The server ends: whoever waits for nothing is let go.
    pub(super) draining: bool,
    /// How coarse the instants in `TCP_INFO` are.
    pub(super) jiffy_ns: u64,
}

impl Shared {
    fn new(reactor: Reactor, policy: &Arc<Policy>, journal: &Arc<Journal>) -> io::Result<Self> {
        // Jiffies tick as this clock does: the kernel tells CONFIG_HZ nowhere else.
        let jiffy = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)?;
        Ok(Self {
            reactor,
            scratch: Scratch::new(policy.root.as_deref(), policy.answering)?,
            policy: Arc::clone(policy),
            counters: Arc::default(),
            journal: Arc::clone(journal),
            draining: false,
            jiffy_ns: Duration::from(jiffy).as_nanos() as u64,
        })
    }
}

/// What the loops of one server have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) policy: Arc<Policy>,
    pub(super) journal: Arc<Journal>,
    pub(super) shutdown: Arc<ShutdownSignals>,
    /// Connections held by all.
    population: Arc<AtomicUsize>,
}

/// A loop, its connections and their timers.
pub(super) struct EventLoop {
    acceptor: Option<Acceptor>,
    common: Common,
    connections: Slots<Box<Connection>>,
    timers: Wheel<Key>,
    /// Those that go on without new readiness, each once.
    again: VecDeque<Token>,
    reclaimer: MemoryReclaimer,
    stopped: bool,
    /// Readiness of connections that another thread had for itself.
    missed: Vec<Ready>,
    /// Loops that get every connection as well.
    socket_senders: Vec<SharedSocketSender>,
    shared_sockets: Option<SharedSocketReceiver>,
    shared: Shared,
}

impl Common {
    pub(super) fn new(options: &ServerOptions) -> io::Result<Self> {
        Ok(Self {
            policy: Arc::new(Policy::new(options)),
            journal: Arc::default(),
            shutdown: Arc::new(ShutdownSignals::new()?),
            population: Arc::default(),
        })
    }
}

impl EventLoop {
    /// Without an acceptor, connections come only from another loop.
    pub(super) fn new(acceptor: Option<Acceptor>, common: &Common) -> io::Result<Self> {
        let shared = Shared::new(Reactor::new(EVENTS)?, &common.policy, &common.journal)?;
        let event_loop = Self {
            acceptor,
            common: common.clone(),
            connections: Slots::default(),
            timers: Wheel::new(common.policy.tick_ns, sys::monotonic_ns()),
            again: VecDeque::new(),
            reclaimer: MemoryReclaimer::default(),
            stopped: false,
            missed: Vec::new(),
            socket_senders: Vec::new(),
            shared_sockets: None,
            shared,
        };
        event_loop.watch_acceptor()?;
        Ok(event_loop)
    }

    /// What this loop's thread counts.
    pub(super) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until it is to stop: once they drain, all are when the last answer under way is finished. One of a server's
    /// loops has the signals, and passes them on.
    #[allow(
        clippy::large_stack_arrays,
        reason = "one spill block for all connections; nothing recurses here"
    )]
    pub(super) fn run(mut self, signals: Option<&SignalFd>) -> io::Result<()> {
        self.heed(signals)?;
        let mut spill = [0; SPILL_BYTES];
        while !self.stopped {
            let timeout = self.timeout();
            let count = self.shared.reactor.wait(timeout)?;
            self.shared.counters.waits.add(1);
            for index in 0..count {
                let ready = self.shared.reactor.report(index);
                if !self.attend(ready.token, signals, &mut spill) {
                    self.serve(ready, &mut spill);
                }
            }
            self.fire();
            for _ in 0..self.again.len().min(TURNS) {
                self.go_on(&mut spill);
                // Each of these turns is a long one.
                self.fire();
            }
        }
        self.close_all();
        Ok(())
    }

    fn heed(&self, signals: Option<&SignalFd>) -> io::Result<()> {
        let (reactor, shutdown) = (&self.shared.reactor, &self.common.shutdown);
        if let Some(signals) = signals {
            reactor.add(signals, SIGNALS, Interest::READ, Mode::Level)?;
        }
        reactor.add(&shutdown.stop, STOP, Interest::READ, Mode::Level)?;
        reactor.add(&shutdown.drain, DRAIN, Interest::READ, Mode::Edge)?;
        self.shared.counters.controls.add(2 + u64::from(signals.is_some()));
        Ok(())
    }

    /// Nothing to do and no timer: for ever. The clock is read only if a timer is armed.
    fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let wake_ns = self.timers.next_wake_ns()?.saturating_add(self.shared.policy.plant_delay_ns);
        Some(Duration::from_nanos(wake_ns.saturating_sub(sys::monotonic_ns())))
    }

    /// Does what is not about a single connection; whether it was that.
    fn attend(&mut self, token: Token, signals: Option<&SignalFd>, spill: &mut [u8]) -> bool {
        match (token, signals) {
            (ACCEPTOR, _) => self.accept(),
            (SHARED_SOCKETS, _) => self.adopt_sockets(),
            (DRAIN, _) => self.drain(spill),
            (STOP, _) => self.stopped = true,
            (SIGNALS, Some(signals)) => {
                while let Ok(Some(_)) = signals.read_signal() {
                    self.common.shutdown.drain();
                }
            }
            _ => return false,
        }
        true
    }

    fn serve(&mut self, ready: Ready, spill: &mut [u8]) {
        let Some(connection) = self.connections.entry(ready.token) else { return };
        let outcome = connection.ready(ready, &mut self.shared, spill);
        self.settle(ready.token, outcome);
    }

    fn go_on(&mut self, spill: &mut [u8]) {
        let Some(token) = self.again.pop_front() else { return };
        // Closed meanwhile: the token is dead.
        let Some(connection) = self.connections.entry(token) else { return };
        connection.queued = false;
        let outcome = connection.turn(&mut self.shared, spill);
        self.settle(token, outcome);
    }

    /// Updates queues, timers and counters after a connection had its turn.
    fn settle(&mut self, token: Token, outcome: Result<Next, CloseReason>) {
        let Some(connection) = self.connections.entry(token) else { return };
        if outcome == Ok(Next::Again) {
            debug_assert!(!connection.queued, "{token:?} is in the queue already");
            connection.queued = true;
            self.again.push_back(token);
        }
        let armed = if self.shared.policy.one_shot() { connection.rearm(&self.shared) } else { Ok(()) };
        if let Err(end) = outcome.and(armed) {
            return self.close(token, end);
        }
        self.update_bookkeeping(token);
    }

    fn update_bookkeeping(&mut self, token: Token) {
        let Some(connection) = self.connections.entry(token) else { return };
        connection.account(&self.shared.counters);
        connection.keep_time(&self.shared, &mut self.timers);
        let slack = self.shared.policy.slack(connection.footprint()) && connection.is_drained();
        if slack && connection.reclaim.replace(true).is_none() {
            self.reclaimer.large.push(token);
            self.reclaim_later();
        }
    }

    fn close(&mut self, token: Token, end: CloseReason) {
        if self.connections.entry(token).is_some_and(|peer| peer.dismiss(end, &mut self.shared)) {
            return self.update_bookkeeping(token);
        }
        let Some(connection) = self.connections.remove(token) else { return };
        let held = connection.close(end, &mut self.shared, &mut self.timers);
        self.connection_closed();
        self.freed(held);
    }

    fn close_all(&mut self) {
        for token in self.connections.tokens().collect::<Vec<_>>() {
            self.close(token, CloseKind::Shutdown.into());
        }
    }

    /// Fires what is due, within bounds; the rest is due at the next turn, which comes at once.
    fn fire(&mut self) {
        if self.timers.is_empty() {
            return;
        }
        let now_ns = sys::monotonic_ns().saturating_sub(self.shared.policy.plant_delay_ns);
        for _ in 0..BATCH {
            match self.timers.pop_expired(now_ns) {
                None => return,
                Some((_, Key::Look(token), _)) => self.look(token),
                Some((_, Key::Linger(token), _)) => self.linger(token),
                Some((_, Key::Reclaim, _)) => self.reclaim_memory(),
                Some((_, Key::Acceptor, _)) => {
                    self.listen_for(Interest::READ);
                }
                Some((_, Key::Drained, _)) => self.stopped = true,
            }
        }
    }

    fn linger(&mut self, token: Token) {
        let Some(connection) = self.connections.entry(token) else { return };
        if let Err(end) = connection.linger(&mut self.timers) {
            self.close(token, end);
        }
    }

    fn look(&mut self, token: Token) {
        let Some(connection) = self.connections.entry(token) else { return };
        if let Err(end) = connection.look(&self.shared, &mut self.timers) {
            self.close(token, end);
        }
    }
}
