//! The connections of one event loop: their turns, their timers, and their end.

use std::{collections::VecDeque, io, time::Duration};

use super::{admission::AdmissionQueue, reclaim::MemoryReclaimer};
use crate::{
    address::Endpoint,
    reactor::{Ready, Slots, Token},
    server::{
        close_reason::{CloseKind, CloseReason},
        common::Common,
        connection::{Connection, Next},
        context::Context,
        timers::{TimerEvent, Timers},
        transport::Transport,
    },
    sys,
};

/// The connections of one event loop.
pub(super) struct Connections {
    slots: Slots<Box<Connection>>,
    timers: Timers,
    /// Those that go on without new readiness, each once.
    again: VecDeque<Token>,
    admission: AdmissionQueue,
    reclaimer: MemoryReclaimer,
    /// Readiness of connections that another thread had for itself.
    missed: Vec<Ready>,
    context: Context,
    common: Common,
    /// Another loop accepted them, and counts them.
    are_shared: bool,
}

impl Connections {
    /// # Errors
    /// When the kernel has no descriptor left, or the root of the files cannot be read.
    pub(super) fn new(common: &Common) -> io::Result<Self> {
        let policy = &common.policy;
        Ok(Self {
            slots: Slots::default(),
            timers: Timers::new(policy.tick_ns, policy.planted),
            again: VecDeque::new(),
            admission: AdmissionQueue::new(policy),
            reclaimer: MemoryReclaimer::default(),
            missed: Vec::new(),
            context: Context::new(common)?,
            common: common.clone(),
            are_shared: false,
        })
    }

    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    pub(super) fn context_mut(&mut self) -> &mut Context {
        &mut self.context
    }

    pub(super) fn common(&self) -> &Common {
        &self.common
    }

    /// From now on another loop counts the connections that are added here.
    pub(super) fn set_shared(&mut self) {
        self.are_shared = true;
    }

    /// A peer has connected.
    pub(super) fn add(&mut self, transport: Transport, peer: Endpoint) {
        let policy = &self.context.policy;
        let connection = |token| Box::new(Connection::new(transport, token, peer, policy));
        let token = self.slots.insert_with(connection);
        let Some(connection) = self.slots.entry(token) else { return };
        match connection.open(&self.context) {
            Ok(()) => self.update(token),
            Err(end) => self.close(token, end),
        }
    }

    /// Readiness was reported.
    pub(super) fn serve(&mut self, ready: Ready) {
        let Some(connection) = self.slots.entry(ready.token) else { return };
        let result = connection.ready(ready, &mut self.context);
        self.settle(ready.token, result);
    }

    /// How many go on without new readiness.
    pub(super) fn queued(&self) -> usize {
        self.again.len()
    }

    /// Gives the next of them its turn.
    pub(super) fn resume(&mut self) {
        let Some(token) = self.again.pop_front() else { return };
        // Closed meanwhile: the token is dead.
        let Some(connection) = self.slots.entry(token) else { return };
        let result = connection.resume(&mut self.context);
        self.settle(token, result);
    }

    /// How long to wait for events. Nothing to do and no timer: forever. The clock is read only if a timer is armed.
    pub(super) fn timeout(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let wake_ns = self.timers.next_wake_ns()?;
        Some(Duration::from_nanos(wake_ns.saturating_sub(sys::monotonic_ns())))
    }

    pub(super) fn timers(&mut self) -> &mut Timers {
        &mut self.timers
    }

    /// One of a connection's timers has fired.
    pub(super) fn timer_fired(&mut self, token: Token, event: TimerEvent) {
        let Some(connection) = self.slots.entry(token) else { return };
        if let Err(end) = connection.timer_fired(event, &self.context, &mut self.timers) {
            self.close(token, end);
        }
    }

    /// A connection's request has been in progress for long enough, and is answered.
    pub(super) fn request_done(&mut self, token: Token) {
        let Some(connection) = self.slots.entry(token) else { return };
        // Whoever has the answer finds the request counted as done.
        self.admission.end(&self.context.counters);
        let result = connection.request_done(&mut self.context);
        self.settle(token, result);
        self.admit();
    }

    /// Memory is to be given back.
    pub(super) fn reclaim_memory(&mut self) {
        self.reclaimer.timer_fired(&mut self.slots, &self.context, &mut self.timers);
    }

    /// Requests that have arrived are answered, for at most the time of the policy.
    pub(super) fn drain(&mut self) {
        self.context.is_draining = true;
        let end_ns = sys::monotonic_ns().saturating_add(self.context.policy.drain_ns);
        self.timers.arm(end_ns, TimerEvent::EndDrain);
        for token in self.slots.tokens().collect::<Vec<_>>() {
            self.drain_one(token);
        }
        self.stop_if_drained();
    }

    pub(super) fn close_all(&mut self) {
        for token in self.slots.tokens().collect::<Vec<_>>() {
            self.close(token, CloseKind::Shutdown.into());
        }
    }

    /// Lends a connection to a thread that serves it without a lock. What is reported while it is lent is made up for when
    /// it [comes back](Self::take_back).
    pub(super) fn lend(&mut self, ready: Ready) -> Option<Box<Connection>> {
        let connection = self.slots.take(ready.token);
        if connection.is_none() && self.slots.is_alive(ready.token) {
            self.missed.push(ready);
        }
        connection
    }

    /// Lends the next one that goes on without new readiness; `None` where another thread has it.
    pub(super) fn lend_queued(&mut self) -> Option<(Token, Box<Connection>)> {
        let token = self.again.pop_front()?;
        let connection = self.slots.take(token);
        if connection.is_none() && self.slots.is_alive(token) {
            // Another thread has it, for room to send.
            self.again.push_back(token);
        }
        Some((token, connection?))
    }

    /// A lent connection comes back. `was_draining`: what the thread knew of the server's end.
    pub(super) fn take_back(
        &mut self,
        token: Token,
        connection: Box<Connection>,
        result: Result<Next, CloseReason>,
        was_draining: bool,
    ) {
        self.slots.put_back(token, connection);
        self.settle(token, result);
        let missed = self.slots.entry(token).and_then(|connection| connection.missed_timer(&self.timers));
        if let Some(event) = missed {
            self.timer_fired(token, event);
        }
        if self.context.is_draining && !was_draining {
            self.drain_one(token);
        }
        while let Some(place) = self.missed.iter().position(|ready| ready.token == token) {
            let ready = self.missed.swap_remove(place);
            self.serve(ready);
        }
    }

    /// Updates queues, timers and counters after a connection had its turn.
    fn settle(&mut self, token: Token, result: Result<Next, CloseReason>) {
        let Some(connection) = self.slots.entry(token) else { return };
        if result == Ok(Next::Again) {
            self.again.push_back(token);
        }
        let armed = if self.context.policy.one_shot() { connection.rearm(&self.context) } else { Ok(()) };
        match result.and(armed) {
            Ok(()) => self.update(token),
            Err(end) => self.close(token, end),
        }
    }

    fn update(&mut self, token: Token) {
        let Some(connection) = self.slots.entry(token) else { return };
        if connection.settle(&self.context, &mut self.timers) {
            self.reclaimer.add(token, &mut self.timers);
        }
        if connection.begin_waiting() {
            self.admission.push(token, &self.context.counters);
            self.admit();
        }
    }

    /// As many requests as may be are in progress.
    fn admit(&mut self) {
        while let Some(token) = self.admission.next() {
            let Some(connection) = self.slots.entry(token) else { continue };
            let end_ns = sys::monotonic_ns().saturating_add(self.context.policy.processing_ns);
            connection.begin_request(self.timers.arm(end_ns, TimerEvent::RequestDone(token)));
            self.admission.begin(&self.context.counters);
        }
    }

    fn close(&mut self, token: Token, end: CloseReason) {
        if self.slots.entry(token).is_some_and(|peer| peer.evict_with_answer(end, &mut self.context)) {
            return self.update(token);
        }
        let Some(connection) = self.slots.remove(token) else { return };
        let (waited, was_in_progress) = (connection.is_waiting(), connection.is_in_progress());
        let held = connection.close(end, &self.context, &mut self.timers);
        if waited {
            self.admission.leave(token, &self.context.counters);
        } else if was_in_progress {
            self.admission.end(&self.context.counters);
            self.admit();
        }
        if !self.are_shared {
            self.common.leave();
            self.context.counters.connections.shift(1, 0);
            self.stop_if_drained();
        }
        self.reclaimer.freed(held, &mut self.timers);
    }

    fn drain_one(&mut self, token: Token) {
        let Some(connection) = self.slots.entry(token) else { return };
        let result = connection.drain(&mut self.context);
        self.settle(token, result);
    }

    /// Whoever drains last ends it for all.
    fn stop_if_drained(&self) {
        if self.context.is_draining && self.common.is_empty() {
            self.common.shutdown.stop();
        }
    }
}
