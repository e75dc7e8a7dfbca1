//! The loop: readiness in, turns out; then the timers, then those that go on without new readiness.

mod tidy;

use std::{collections::VecDeque, io, sync::Arc, time::Duration};

use nix::{
    sys::{eventfd::EventFd, signalfd::SignalFd},
    time::{ClockId, clock_getres},
};

use self::tidy::Tidy;
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
/// How long the door is left alone when nobody can be let in.
const STUCK_NS: u64 = 100_000_000;

const DOOR: Token = Token::special(0);
const SIGNALS: Token = Token::special(1);
const STOP: Token = Token::special(2);

/// Why a timer fires.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    /// A connection may have taken too long.
    Look(Token),
    /// A peer that gets no more answers has been listened to for long enough.
    Linger(Token),
    /// Memory is to be given back.
    Tidy,
    /// The door is tried again.
    Door,
    /// Answers under way have had their time.
    Drained,
}

/// What all connections use.
pub(super) struct Shared {
    pub(super) reactor: Reactor,
    pub(super) timers: Wheel<Key>,
    pub(super) policy: Policy,
    pub(super) scratch: Scratch,
    pub(super) counters: Arc<Counters>,
    pub(super) journal: Arc<Journal>,
    /// The server ends: whoever waits for nothing is let go.
    pub(super) draining: bool,
    /// How coarse the instants in `TCP_INFO` are.
    pub(super) jiffy_ns: u64,
}

/// One thread's server.
pub(super) struct EventLoop {
    /// Gone when nobody is let in any more.
    door: Option<Door>,
    connections: Slots<Box<Connection>>,
    /// Those that go on without new readiness, each once.
    again: VecDeque<Token>,
    tidy: Tidy,
    signalled: bool,
    stopped: bool,
    shared: Shared,
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
            timers: Wheel::new(policy.tick_ns, sys::monotonic_ns()),
            scratch: Scratch::new(policy.root.as_deref())?,
            policy,
            counters,
            journal,
            draining: false,
            jiffy_ns: Duration::from(jiffy).as_nanos() as u64,
        };
        Ok(Self {
            door: Some(door),
            connections: Slots::default(),
            again: VecDeque::new(),
            tidy: Tidy::default(),
            signalled: false,
            stopped: false,
            shared,
        })
    }

    /// Serves until `stop` is readable, or after a signal until the answers under way are finished.
    #[allow(
        clippy::large_stack_arrays,
        reason = "one spill block for all connections; nothing recurses here"
    )]
    pub(super) fn run(mut self, signals: &SignalFd, stop: &EventFd) -> io::Result<()> {
        self.shared.reactor.add(signals, SIGNALS, Interest::READ, Mode::Level)?;
        self.shared.reactor.add(stop, STOP, Interest::READ, Mode::Level)?;
        self.shared.counters.controls.add(2);
        let mut spill = [0; SPILL_BYTES];
        while !(self.stopped || self.door.is_none() && self.connections.is_empty()) {
            let timeout = self.timeout();
            let count = self.shared.reactor.wait(timeout)?;
            self.shared.counters.waits.add(1);
            for index in 0..count {
                self.dispatch(self.shared.reactor.report(index), &mut spill);
            }
            if std::mem::take(&mut self.signalled) {
                while let Ok(Some(_)) = signals.read_signal() {}
                self.drain(&mut spill);
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
            SIGNALS => self.signalled = true,
            STOP => self.stopped = true,
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
        connection.keep_time(&mut self.shared);
        if next == Next::Again {
            connection.queued = true;
            self.again.push_back(token);
        }
        let slack = self.shared.policy.slack(connection.footprint()) && connection.is_drained();
        if slack && connection.tidy.replace(true).is_none() {
            self.tidy.large.push(token);
            self.tidy_later();
        }
    }

    fn close(&mut self, token: Token, end: End) {
        let Some(connection) = self.connections.remove(token) else { return };
        let held = connection.close(end, &mut self.shared);
        self.shared.counters.connections.shift(1, 0);
        self.freed(held);
    }

    fn accept(&mut self) {
        for _ in 0..BATCH {
            let Some(door) = &mut self.door else { return };
            match door.knock() {
                // Dropped, and so closed.
                Knock::Visitor(..) if self.connections.len() >= self.shared.policy.max_connections => {
                    self.shared.counters.accept_refused.add(1);
                }
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
        let outcome = connection.watch(&self.shared).map(|()| Next::Wait);
        self.settle(token, outcome);
    }

    fn shut_the_door(&mut self) {
        if self.listen_for(Interest::default()) {
            self.shared.timers.arm(sys::monotonic_ns() + STUCK_NS, Key::Door);
        }
    }

    fn listen_for(&mut self, interest: Interest) -> bool {
        let Some(door) = &self.door else { return false };
        self.shared.counters.controls.add(1);
        self.shared.reactor.modify(door, DOOR, interest, Mode::Level).is_ok()
    }

    /// A signal: nobody is let in any more, and what has been asked is answered. The second time, not even that.
    fn drain(&mut self, spill: &mut [u8]) {
        if self.door.take().is_none() {
            self.stopped = true;
            return;
        }
        self.shared.draining = true;
        let end_ns = sys::monotonic_ns().saturating_add(self.shared.policy.drain_ns);
        self.shared.timers.arm(end_ns, Key::Drained);
        for token in self.connections.tokens().collect::<Vec<_>>() {
            let Some(connection) = self.connections.entry(token) else { continue };
            let outcome = connection.part(&mut self.shared, spill);
            self.settle(token, outcome);
        }
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
                Some((_, Key::Look(token), _)) => {
                    let Some(connection) = self.connections.entry(token) else { continue };
                    if let Err(end) = connection.look(&mut self.shared) {
                        self.close(token, end);
                    }
                }
                Some((_, Key::Linger(token), _)) => self.close(token, How::Completed.into()),
                Some((_, Key::Tidy, _)) => self.tidy(),
                Some((_, Key::Door, _)) => {
                    self.listen_for(Interest::READ);
                }
                Some((_, Key::Drained, _)) => self.stopped = true,
            }
        }
    }
}
