//! The loop that drives every client: one thread, one epoll instance, one clock.

use std::{
    collections::HashMap,
    io,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use hdrhistogram::Histogram;

use super::{
    Driven, Plan, Port, Tick, connect,
    connection::{Connection, Fate, Phase},
    direction::Direction,
    group::{Ended, Group},
    pending::Pending,
};
use crate::{
    codec::{Decoder, Encoder},
    load::Pacing,
    metric::{Metric, Row},
    reactor::{Interest, Mode, Reactor, Ready, Slots, Token},
    sys,
    timers::Wheel,
};

const TICK_NS: u64 = 100_000;
const BATCH: usize = 512;
const INBOX_BYTES: usize = 256 * 1024;
const OUTBOX_BYTES: usize = 64 * 1024;
/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long answers that are still under way at the end are waited for.
const GRACE: Duration = Duration::from_millis(500);
/// Requests that one connection may have under way in an open loop; beyond it arrivals are skipped.
const MOST_PENDING: usize = 1 << 16;

/// A timer's message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alarm {
    pub(super) token: Token,
    pub(super) what: What,
}

/// What a timer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// The connection should have come about by now.
    Connect,
    /// A pause in receiving is over.
    Receive,
    /// A pause in sending is over.
    Send,
}

/// What all connections share.
pub(super) struct Io {
    pub(super) reactor: Reactor,
    pub(super) timers: Wheel<Alarm>,
    pub(super) inbox: Vec<u8>,
    pub(super) outbox: Vec<u8>,
    /// The time of what is being handled.
    pub(super) now_ns: u64,
    /// System calls made.
    pub(super) calls: u64,
    /// The window is over: nothing new is started.
    pub(super) closing: bool,
}

/// The loop's state.
pub(super) struct Engine<'a> {
    plan: &'a Plan,
    io: Io,
    connections: Slots<Connection>,
    groups: Vec<Group>,
    ports: HashMap<u16, Port>,
    buffers: Vec<(u64, u64)>,
    pacing_error: Histogram<u64>,
    streams: u32,
    ticks: u32,
    /// System calls and CPU time when the window began and when it ended.
    marks: Vec<(u64, u64)>,
}

impl<'a> Engine<'a> {
    pub(super) fn new(plan: &'a Plan) -> io::Result<Self> {
        let window = plan.window_ns();
        let group = |(index, spec)| Group::new(spec, plan.epoch_ns, window, plan.seed ^ (index as u64) << 32);
        Ok(Self {
            plan,
            io: Io {
                reactor: Reactor::new(BATCH)?,
                timers: Wheel::new(TICK_NS, plan.epoch_ns),
                inbox: vec![0; INBOX_BYTES],
                outbox: vec![0; OUTBOX_BYTES],
                now_ns: plan.epoch_ns,
                calls: 0,
                closing: false,
            },
            connections: Slots::default(),
            groups: plan.groups.iter().enumerate().map(group).collect(),
            ports: HashMap::new(),
            buffers: vec![(0, 0); plan.groups.len()],
            pacing_error: Histogram::new(3).expect("three digits"),
            streams: 0,
            ticks: 0,
            marks: Vec::new(),
        })
    }

    /// Runs until the window is over and what is under way is answered, or until told to stop.
    pub(super) fn run(&mut self, stop: &AtomicBool, ticks: &Sender<Tick>) -> io::Result<()> {
        let (_, end) = self.plan.window_ns();
        loop {
            self.io.now_ns = sys::monotonic_ns();
            self.mark();
            self.tick(ticks);
            if stop.load(Ordering::Relaxed) || (self.io.now_ns >= end && self.settled(end)) {
                return Ok(());
            }
            self.io.closing = self.io.now_ns >= end;
            self.connect_groups()?;
            self.start_arrivals();
            self.ring_alarms();
            let until = self.next_wake_ns(end);
            self.io.calls += 1;
            let timeout = Duration::from_nanos(until.saturating_sub(sys::monotonic_ns()));
            let count = self.io.reactor.wait(Some(timeout))?;
            for index in 0..count {
                self.io.now_ns = sys::monotonic_ns();
                self.handle(self.io.reactor.report(index));
            }
        }
    }

    /// Whether everything that a good client waits for has come, or has had its time.
    fn settled(&self, end: u64) -> bool {
        let waits = |c: &Connection| c.pending.open() > 0 && self.groups[c.group].spec.rx.keeps_up();
        self.io.now_ns >= end + GRACE.as_nanos() as u64 || !self.connections.iter().any(waits)
    }

    fn next_wake_ns(&self, end: u64) -> u64 {
        let grace = end + GRACE.as_nanos() as u64;
        let mut until = if self.io.closing { self.io.now_ns + 5_000_000 } else { end };
        until = until.min(self.tick_due_ns()).min(self.io.timers.next_wake_ns().unwrap_or(grace));
        for group in &self.groups {
            if !group.connected {
                until = until.min(group.start_ns);
            } else if let (Some(pace), false) = (&group.pace, self.io.closing) {
                until = until.min(group.start_ns + pace.next_ns());
            }
        }
        until
    }

    /// Notes what the engine itself has used, at both ends of the window.
    fn mark(&mut self) {
        let (start, end) = self.plan.window_ns();
        let border = [start, end].get(self.marks.len()).copied().unwrap_or(u64::MAX);
        if self.io.now_ns >= border {
            self.marks.push((self.io.calls, super::thread_cpu_ns()));
        }
    }

    fn tick_due_ns(&self) -> u64 {
        let every = self.plan.sample_every.as_nanos() as u64;
        self.plan.epoch_ns + every * u64::from(self.ticks + 1)
    }

    fn tick(&mut self, ticks: &Sender<Tick>) {
        while self.io.now_ns >= self.tick_due_ns() && self.tick_due_ns() <= self.plan.window_ns().1 {
            self.ticks += 1;
            let mut run = Row::default();
            run.set(Metric::HarnessCpu, super::thread_cpu_ns() as f64);
            let groups = self.groups.iter_mut().map(Group::sample).collect();
            // Nobody listens any more when the run is being given up.
            let _ = ticks.send(Tick { number: self.ticks, run, groups });
        }
    }

    fn connect_groups(&mut self) -> io::Result<()> {
        for index in 0..self.groups.len() {
            let group = &mut self.groups[index];
            if !group.connected && self.io.now_ns >= group.start_ns {
                group.connected = true;
                for _ in 0..group.spec.count {
                    self.connect(index)?;
                }
            }
        }
        Ok(())
    }

    fn connect(&mut self, index: usize) -> io::Result<()> {
        let group = &mut self.groups[index];
        group.ledger.opened += 1;
        self.io.calls += 6;
        let number = self.streams;
        self.streams += 1;
        let (stream, port) = match connect::open(self.plan.address, &group.spec) {
            Ok(opened) => opened,
            Err(error) if connect::is_refusal(&error) => {
                group.ended(
                    Ended::Refused,
                    &Pending::default(),
                    &crate::codec::Tally::default(),
                    self.io.now_ns,
                );
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if self.buffers[index] == (0, 0) {
            self.buffers[index] = connect::buffers(&stream)?;
        }
        self.ports.insert(port, Port { group: index, ended_ns: None });
        let (load, protocol) = (&group.spec.load, group.spec.protocol);
        let answer = load.answer_bytes() as u32;
        let seed = self.plan.seed.wrapping_add(u64::from(number) << 1);
        let interest = Interest { read: false, write: true };
        let token = self.connections.insert_with(|token| Connection {
            token,
            stream,
            group: index,
            place: 0,
            phase: Phase::Connecting,
            port,
            interest,
            watched: true,
            rx: Direction::new(&group.spec.rx, seed),
            tx: Direction::new(&group.spec.tx, seed + 1),
            decoder: Decoder::new(protocol, number, answer),
            encoder: Encoder::new(protocol, number, load.payload.0, answer),
            pending: Pending::default(),
            racers: None,
        });
        if let Some(connection) = self.connections.entry(token) {
            self.io.reactor.add(&connection.stream, token, interest, Mode::Level)?;
            let deadline = self.io.now_ns + CONNECT_TIMEOUT.as_nanos() as u64;
            let alarm = Alarm { token, what: What::Connect };
            connection.tx.timer = Some(self.io.timers.arm(deadline, alarm));
        }
        Ok(())
    }

    /// Gives every arrival that is due to a connection.
    fn start_arrivals(&mut self) {
        for index in 0..self.groups.len() {
            while let Some((due_ns, token)) = self.next_arrival(index) {
                let Some(connection) = token.and_then(|token| self.connections.entry(token)) else {
                    continue;
                };
                let group = &mut self.groups[index];
                if connection.pending.open() >= MOST_PENDING {
                    group.requests.skipped += 1;
                    continue;
                }
                connection.start(due_ns, group);
                let fate = connection.send(&mut self.io, group);
                self.settle(token, fate);
            }
        }
    }

    /// The next arrival of a group that is due: since when, and on which connection (`None`: there is none).
    fn next_arrival(&mut self, index: usize) -> Option<(u64, Option<Token>)> {
        let group = &mut self.groups[index];
        if self.io.closing || !group.connected || self.io.now_ns < group.start_ns {
            return None;
        }
        let Pacing::Due(due) = group.pace.as_mut()?.decide(self.io.now_ns - group.start_ns) else {
            return None;
        };
        let due_ns = group.start_ns + due;
        if due_ns >= self.plan.window_ns().1 {
            return None;
        }
        self.pacing_error.saturating_record(self.io.now_ns - due_ns);
        let token = group.next_in_turn();
        if token.is_none() {
            group.due(due_ns);
            group.requests.skipped += 1;
        }
        Some((due_ns, token))
    }

    fn ring_alarms(&mut self) {
        while let Some((_, alarm, _)) = self.io.timers.pop_expired(self.io.now_ns) {
            let Some(connection) = self.connections.entry(alarm.token) else { continue };
            let group = &mut self.groups[connection.group];
            let fate = match alarm.what {
                What::Connect => Some(Ended::TimedOut),
                What::Receive => {
                    connection.rx.timer = None;
                    connection.receive(&mut self.io, group)
                }
                What::Send => {
                    connection.tx.timer = None;
                    connection.send(&mut self.io, group)
                }
            };
            self.settle(Some(alarm.token), fate);
        }
    }

    fn handle(&mut self, ready: Ready) {
        let Some(connection) = self.connections.entry(ready.token) else { return };
        let fate = match connection.phase {
            Phase::Connecting => self.connected(ready),
            Phase::Open => {
                let group = &mut self.groups[connection.group];
                connection.handle(ready, &mut self.io, group)
            }
        };
        self.settle(Some(ready.token), fate);
    }

    /// The handshake is over, one way or the other.
    fn connected(&mut self, ready: Ready) -> Fate {
        let connection = self.connections.entry(ready.token)?;
        if let Ok(Some(error)) = connection.stream.take_error() {
            let refused = connect::is_refusal(&error);
            return Some(if refused { Ended::Refused } else { Ended::TimedOut });
        }
        if let Some(timer) = connection.tx.timer.take() {
            self.io.timers.cancel(timer);
        }
        let group = &mut self.groups[connection.group];
        connection.phase = Phase::Open;
        connection.place = group.alive.len();
        group.alive.push(ready.token);
        connection.set_interest(Interest::READ, &mut self.io);
        if !self.io.closing {
            for _ in 0..group.spec.load.depth.unwrap_or(0) {
                connection.start(self.io.now_ns, group);
            }
        }
        let fate = connection.send(&mut self.io, group);
        // A behavior of its own decides whether the socket is read at all.
        if fate.is_some() || group.spec.rx.is_steady() {
            fate
        } else {
            connection.receive(&mut self.io, group)
        }
    }

    fn settle(&mut self, token: Option<Token>, fate: Fate) {
        if let (Some(token), Some(how)) = (token, fate) {
            self.end(token, how);
        }
    }

    fn end(&mut self, token: Token, how: Ended) {
        let Some(connection) = self.connections.remove(token) else { return };
        for timer in [connection.rx.timer, connection.tx.timer].into_iter().flatten() {
            self.io.timers.cancel(timer);
        }
        let group = &mut self.groups[connection.group];
        group.ended(how, &connection.pending, &connection.decoder.tally(), self.io.now_ns);
        if connection.phase == Phase::Open {
            group.alive.swap_remove(connection.place);
            if let Some(&moved) = group.alive.get(connection.place)
                && let Some(other) = self.connections.entry(moved)
            {
                other.place = connection.place;
            }
        }
        if how == Ended::Alive {
            super::reset_on_close(&connection.stream);
        } else if let Some(port) = self.ports.get_mut(&connection.port) {
            port.ended_ns = Some(self.io.now_ns);
        }
    }

    /// Ends every connection that is left, and tells what became of all of them.
    pub(super) fn finish(mut self) -> Driven {
        self.io.now_ns = sys::monotonic_ns();
        let left: Vec<Token> = self.connections.tokens().collect();
        for token in left {
            self.end(token, Ended::Alive);
        }
        let answered: u64 = self.groups.iter().map(Group::answered_in_window).sum();
        let mut run = Row::default();
        if let ([(calls_before, cpu_before), (calls, cpu)], true) = (&self.marks[..], answered > 0) {
            run.set(Metric::HarnessCallsPerRequest, (calls - calls_before) as f64 / answered as f64);
            run.set(Metric::HarnessCpuPerRequest, (cpu - cpu_before) as f64 / answered as f64);
        }
        if !self.pacing_error.is_empty() {
            run.set(Metric::PacingErrorP99, self.pacing_error.value_at_quantile(0.99) as f64);
        }
        Driven {
            run,
            groups: self.groups.iter().map(Group::result).collect(),
            summaries: self.groups.iter().map(Group::summary).collect(),
            answered_in_window: answered,
            ports: self.ports,
            buffers: self.buffers,
        }
    }
}

impl Plan {
    /// The measured window, on the monotonic clock.
    pub(super) fn window_ns(&self) -> (u64, u64) {
        let start = self.epoch_ns + self.warmup.as_nanos() as u64;
        (start, start + self.measure.as_nanos() as u64)
    }
}
