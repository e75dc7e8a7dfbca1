//! The loop: readiness in, turns out; then the timers, then those that go on without new readiness.

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use nix::{
    sys::{eventfd::EventFd, signalfd::SignalFd},
    time::{ClockId, clock_getres},
};

use super::{
    accept::{Door, Knock},
    connection::{Connection, Next},
    counters::Counters,
    eviction::{End, How, Journal},
    messages::Scratch,
    policy::Policy,
};
use crate::{
    reactor::{Interest, Mode, Reactor, Ready, Slots, Token},
    sys,
    timers::{TimerId, Wheel},
};

/// Events taken from epoll at one go.
const EVENTS: usize = 256;
/// Connections accepted, or timers fired, at one go.
const BATCH: usize = 64;
/// Turns without new readiness, before epoll is asked again.
const TURNS: usize = 16;
/// What one read may take beyond the room in the receive buffer.
const SPILL_BYTES: usize = 64 * 1024;
/// Memory beyond this is not kept by a connection that is quiet, nor by the heap when connections are gone.
const LARGE_BYTES: usize = 64 * 1024;
/// How long memory may be kept by those who no longer need it: half of it at least, all of it at most.
const TIDY_NS: u64 = 50_000_000;
/// How long the door is left alone when nobody can be let in.
const STUCK_NS: u64 = 100_000_000;
const TICK_NS: u64 = 1_000_000;

const DOOR: Token = Token::special(0);
const SIGNALS: Token = Token::special(1);
const STOP: Token = Token::special(2);

/// Why a timer fires.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// A connection's data have waited for the send timeout.
    Send(Token),
    /// Memory is to be given back.
    Tidy,
    /// The door is tried again.
    Door,
}

/// What all connections use.
pub(super) struct Shared {
    pub(super) reactor: Reactor,
    pub(super) timers: Wheel<Key>,
    pub(super) policy: Policy,
    pub(super) scratch: Scratch,
    pub(super) counters: Arc<Counters>,
    pub(super) journal: Arc<Journal>,
    /// How coarse the instants in `TCP_INFO` are.
    pub(super) jiffy_ns: u64,
}

/// One thread's server.
pub(super) struct EventLoop {
    door: Door,
    connections: Slots<Box<Connection>>,
    /// Those that go on without new readiness, each once.
    again: VecDeque<Token>,
    tidy: Tidy,
    stopped: bool,
    shared: Shared,
}

/// Memory that is to be given back.
#[derive(Default)]
struct Tidy {
    timer: Option<TimerId>,
    /// Drained connections that are still large.
    large: Vec<Token>,
    /// Bytes freed since the heap was trimmed.
    freed: usize,
}

impl EventLoop {
    pub(super) fn new(
        door: Door,
        policy: Policy,
        counters: Arc<Counters>,
        journal: Arc<Journal>,
    ) -> io::Result<Self> {
        let reactor = Reactor::new(EVENTS)?;
        reactor.add(&door, DOOR, Interest::READ, Mode::Level)?;
        counters.controls.add(1);
        // Jiffies tick as this clock does: the kernel tells CONFIG_HZ nowhere else.
        let jiffy = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)?;
        let shared = Shared {
            reactor,
            timers: Wheel::new(TICK_NS, sys::monotonic_ns()),
            policy,
            scratch: Scratch::default(),
            counters,
            journal,
            jiffy_ns: Duration::from(jiffy).as_nanos() as u64,
        };
        Ok(Self {
            door,
            connections: Slots::default(),
            again: VecDeque::new(),
            tidy: Tidy::default(),
            stopped: false,
            shared,
        })
    }

    /// Serves until a signal arrives or `stop` is readable.
    #[allow(
        clippy::large_stack_arrays,
        reason = "one spill block for all connections; nothing recurses here"
    )]
    pub(super) fn run(mut self, signals: &SignalFd, stop: &EventFd) -> io::Result<()> {
        self.shared.reactor.add(signals, SIGNALS, Interest::READ, Mode::Level)?;
        self.shared.reactor.add(stop, STOP, Interest::READ, Mode::Level)?;
        self.shared.counters.controls.add(2);
        let mut spill = [0; SPILL_BYTES];
        while !self.stopped {
            let timeout = self.timeout();
            let count = self.shared.reactor.wait(timeout)?;
            self.shared.counters.waits.add(1);
            for index in 0..count {
                self.dispatch(self.shared.reactor.report(index), &mut spill);
            }
            self.fire();
            for _ in 0..self.again.len().min(TURNS) {
                self.go_on(&mut spill);
                // Each of these turns is a long one.
                self.fire();
            }
        }
        for token in self.connections.tokens().collect::<Vec<_>>() {
            self.close(token, How::Shutdown.into());
        }
        Ok(())
    }

    /// Nothing to do and no timer: for ever. The clock is read only if a timer is armed.
    fn timeout(&mut self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let wake_ns = self.shared.timers.next_wake_ns()?;
        Some(Duration::from_nanos(wake_ns.saturating_sub(sys::monotonic_ns())))
    }

    fn dispatch(&mut self, ready: Ready, spill: &mut [u8]) {
        match ready.token {
            DOOR => self.accept(),
            SIGNALS | STOP => self.stopped = true,
            token => {
                let Some(connection) = self.connections.entry(token) else { return };
                let outcome = connection.ready(ready, &mut self.shared, spill);
                self.settle(token, outcome);
            }
        }
    }

    fn go_on(&mut self, spill: &mut [u8]) {
        let Some(token) = self.again.pop_front() else { return };
        // Closed meanwhile: the token is dead.
        let Some(connection) = self.connections.entry(token) else { return };
        connection.queued = false;
        let outcome = connection.turn(&mut self.shared, spill);
        self.settle(token, outcome);
    }

    /// Keeps the books after a connection had its turn.
    fn settle(&mut self, token: Token, outcome: Result<Next, End>) {
        let next = match outcome {
            Ok(next) => next,
            Err(end) => return self.close(token, end),
        };
        let Some(connection) = self.connections.entry(token) else { return };
        connection.account(&self.shared.counters);
        if next == Next::Again {
            connection.queued = true;
            self.again.push_back(token);
        }
        let slack = connection.footprint() > LARGE_BYTES && connection.is_drained();
        if slack && connection.tidy.replace(true).is_none() {
            self.tidy.large.push(token);
            self.tidy_later();
        }
    }

    fn close(&mut self, token: Token, end: End) {
        let Some(connection) = self.connections.remove(token) else { return };
        self.tidy.freed += connection.close(end, &mut self.shared);
        self.shared.counters.connections.shift(1, 0);
        if self.tidy.freed > LARGE_BYTES {
            self.tidy_later();
        }
    }

    fn accept(&mut self) {
        for _ in 0..BATCH {
            match self.door.knock() {
                Knock::Visitor(stream, peer) => {
                    let policy = &self.shared.policy;
                    let token = self
                        .connections
                        .insert_with(|token| Box::new(Connection::new(stream, token, peer.port(), policy)));
                    self.shared.counters.accepted.add(1);
                    self.shared.counters.connections.shift(0, 1);
                    self.welcome(token);
                }
                Knock::Refused => self.shared.counters.accept_refused.add(1),
                Knock::Nobody => return,
                Knock::Stuck => return self.shut_the_door(),
            }
        }
    }

    fn welcome(&mut self, token: Token) {
        let Some(connection) = self.connections.entry(token) else { return };
        let watched = connection.watch(&self.shared);
        let outcome = watched.map(|()| Next::Wait).map_err(|_| How::Error.into());
        self.settle(token, outcome);
    }

    fn shut_the_door(&mut self) {
        if self.listen_for(Interest::default()) {
            self.shared.timers.arm(sys::monotonic_ns() + STUCK_NS, Key::Door);
        }
    }

    fn listen_for(&mut self, interest: Interest) -> bool {
        self.shared.counters.controls.add(1);
        self.shared.reactor.modify(&self.door, DOOR, interest, Mode::Level).is_ok()
    }

    /// Fires what is due, within bounds; the rest is due at the next turn, which comes at once.
    fn fire(&mut self) {
        if self.shared.timers.is_empty() {
            return;
        }
        let now_ns = sys::monotonic_ns();
        for _ in 0..BATCH {
            match self.shared.timers.pop_expired(now_ns) {
                None => return,
                Some((_, Key::Send(token), _)) => {
                    let Some(connection) = self.connections.entry(token) else { continue };
                    if let Err(end) = connection.look(&mut self.shared) {
                        self.close(token, end);
                    }
                }
                Some((_, Key::Tidy, _)) => self.tidy(),
                Some((_, Key::Door, _)) => {
                    self.listen_for(Interest::READ);
                }
            }
        }
    }

    fn tidy_later(&mut self) {
        let timers = &mut self.shared.timers;
        self.tidy.timer.get_or_insert_with(|| timers.arm(sys::monotonic_ns() + TIDY_NS, Key::Tidy));
    }

    /// Shrinks the large connections that have been quiet since the last look, and gives freed memory back: `free`
    /// alone returns only what lies at the end of the heap.
    fn tidy(&mut self) {
        self.tidy.timer = None;
        let large = std::mem::take(&mut self.tidy.large);
        for token in large {
            let Some(connection) = self.connections.entry(token) else { continue };
            if !connection.is_drained() {
                connection.tidy = None;
            } else if connection.tidy == Some(true) {
                connection.tidy = Some(false);
                self.tidy.large.push(token);
            } else {
                let before = connection.footprint();
                connection.tidy = None;
                connection.shrink();
                connection.account(&self.shared.counters);
                self.tidy.freed += before.saturating_sub(connection.footprint());
            }
        }
        if self.tidy.freed > LARGE_BYTES {
            self.tidy.freed = 0;
            sys::trim_heap();
        }
        if !self.tidy.large.is_empty() {
            self.tidy_later();
        }
    }
}
