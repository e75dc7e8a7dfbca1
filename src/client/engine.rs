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
    Plan, Port, Tick,
    connection::{Connection, Fate, Phase},
    group::{Ended, Group},
};
use crate::{
    load::Pacing,
    metric::{Metric, Row},
    reactor::{Reactor, Ready, Slots, Token},
    sys,
    timers::Wheel,
};

const TICK_NS: u64 = 100_000;
const BATCH: usize = 512;
const INBOX_BYTES: usize = 256 * 1024;
const OUTBOX_BYTES: usize = 64 * 1024;
/// How long connections stay as they are after the window, so that the last sample sees them.
const PAUSE: Duration = Duration::from_millis(60);
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
    pub(super) plan: &'a Plan,
    pub(super) io: Io,
    pub(super) connections: Slots<Connection>,
    pub(super) groups: Vec<Group>,
    pub(super) ports: HashMap<u16, Port>,
    pub(super) buffers: Vec<(u64, u64)>,
    pub(super) pacing_error: Histogram<u64>,
    pub(super) streams: u32,
    pub(super) ticks: u32,
    /// System calls and CPU time when the window began and when it ended.
    pub(super) marks: Vec<(u64, u64)>,
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
        if self.io.now_ns < end + PAUSE.as_nanos() as u64 {
            return false;
        }
        let waits = |c: &Connection| c.pending.open() > 0 && self.groups[c.group].spec.rx.keeps_up();
        self.io.now_ns >= end + GRACE.as_nanos() as u64 || !self.connections.iter().any(waits)
    }

    fn next_wake_ns(&self, end: u64) -> u64 {
        let grace = end + GRACE.as_nanos() as u64;
        let mut until = if self.io.closing { self.io.now_ns + 5_000_000 } else { end };
        until = until.min(self.tick_due_ns()).min(self.io.timers.next_wake_ns().unwrap_or(grace));
        for group in &self.groups {
            if group.connecting.is_none() {
                until = until.min(group.start_ns);
            } else if let (Some(due_ns), false) = (group.next_due_ns(), self.io.closing) {
                until = until.min(due_ns);
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
        if self.io.closing {
            return None;
        }
        let start_ns = group.loop_start_ns?;
        let elapsed_ns = self.io.now_ns.saturating_sub(start_ns);
        let Pacing::Due(due) = group.pace.as_mut()?.decide(elapsed_ns) else { return None };
        let due_ns = start_ns + due;
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

    fn settle(&mut self, token: Option<Token>, fate: Fate) {
        if let (Some(token), Some(how)) = (token, fate) {
            self.end(token, how);
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
