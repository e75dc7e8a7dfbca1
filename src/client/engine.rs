//! The loop that drives clients: one thread, one epoll instance, one clock.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use hdrhistogram::Histogram;

use super::{
    close_reason::CloseReason,
    connection::{Connection, Phase},
    context::{Context, TimerKind},
    group::Group,
    histogram::histogram,
    pauses::Pauses,
    plan::Plan,
    results::{Port, Tick},
    run_delay::RunDelay,
    share::{Share, Start},
    transport::Transport,
};
use crate::{
    metric::{Metric, Row},
    reactor::{Ready, Slots, Token},
    sys,
};

/// How long connections stay as they are after the window at least; longer where the server was not looked at yet.
const PAUSE: Duration = Duration::from_millis(60);
/// How often the clock is looked at while the last answers are waited for.
const LOOK_UP_NS: u64 = 5_000_000;

/// The loop's state.
pub(super) struct Engine<'a> {
    pub(super) plan: &'a Plan,
    /// The thread's share of the plan.
    pub(super) share: Share,
    pub(super) context: Context,
    pub(super) connections: Slots<Connection>,
    pub(super) groups: Vec<Group>,
    /// Every connection that was opened, in order.
    pub(super) ports: Vec<Port>,
    pub(super) buffers: Vec<(u64, u64)>,
    /// Sockets of peers that vanished: closed, they would make the kernel speak for them.
    pub(super) vanished: Vec<Transport>,
    pub(super) pacing_error: Histogram<u64>,
    /// Requests that were started much later than they were due, by the engine's doing.
    pub(super) started_late: u64,
    pub(super) pauses: Pauses,
    run_delay: Option<RunDelay>,
    /// When the last tick was due, in nanoseconds since the epoch.
    ticked_ns: Option<u64>,
    /// When new requests were no longer begun.
    closing_since_ns: u64,
    /// When the window began and when it ended.
    pub(super) marks: Vec<Mark>,
}

/// What was counted until an instant.
pub(super) struct Mark {
    pub(super) at_ns: u64,
    /// System calls of the engine.
    pub(super) calls: u64,
    /// CPU time of the engine.
    pub(super) cpu_ns: u64,
    /// Time that the engine was ready to run and waited for its core, where the kernel tells.
    pub(super) run_delay_ns: Option<u64>,
    /// The counters of each group.
    pub(super) groups: Vec<Row>,
}

impl<'a> Engine<'a> {
    /// `starts`: when the open loop of each group starts.
    pub(super) fn new(plan: &'a Plan, share: Share, starts: &[Arc<Start>]) -> io::Result<Self> {
        let window = plan.window_ns();
        let host = plan.address.to_string();
        let mut before = 0;
        let mut groups = Vec::with_capacity(plan.groups.len());
        for (index, (spec, start)) in plan.groups.iter().zip(starts).enumerate() {
            let seed = plan.seed ^ (index as u64) << 32;
            let together = spec.fetches_in_parts();
            let part =
                if together { share.whole(before, spec.count) } else { share.part(before, spec.count) };
            groups.push(Group::new(spec, part, Arc::clone(start), &host, plan.epoch_ns, window, seed));
            before += u64::from(spec.count);
        }
        Ok(Self {
            plan,
            share,
            context: Context::new(plan.epoch_ns)?,
            connections: Slots::default(),
            groups,
            ports: Vec::new(),
            buffers: vec![(0, 0); plan.groups.len()],
            vanished: Vec::new(),
            pacing_error: histogram(),
            started_late: 0,
            pauses: Pauses::new(window, sys::monotonic_ns(), sys::thread_cpu_ns()),
            run_delay: RunDelay::of_this_thread(),
            ticked_ns: None,
            closing_since_ns: 0,
            marks: Vec::new(),
        })
    }

    /// Runs until the window is over and what is under way is answered, or until told to stop.
    pub(super) fn run(&mut self, stop: &AtomicBool, ticks: &Sender<Tick>) -> io::Result<()> {
        let (_, end) = self.plan.window_ns();
        loop {
            self.context.read_clock();
            self.pauses.look(self.context.now_ns, sys::thread_cpu_ns);
            self.mark();
            self.tick(ticks);
            if stop.load(Ordering::Relaxed) || (self.context.now_ns >= end && self.settled(end)) {
                return Ok(());
            }
            if self.context.now_ns < end {
                self.connect_groups()?;
                self.start_arrivals();
                self.start_downloads();
            } else if !self.context.is_closing {
                self.context.is_closing = true;
                // Where the engine was stopped when the window ended, what it reads only now gets its time, too.
                self.closing_since_ns = self.context.now_ns;
                self.take_last_arrivals();
                self.begin_grace();
            } else {
                self.connect_for_waiting()?;
            }
            self.fire_timers();
            let until = self.next_wake_ns(end);
            self.context.calls += 1;
            let from = sys::monotonic_ns();
            let count = self.context.reactor.wait(Some(Duration::from_nanos(until.saturating_sub(from))))?;
            self.pauses.slept(from, until, sys::monotonic_ns());
            for index in 0..count {
                self.context.read_clock();
                self.handle(self.context.reactor.report(index));
            }
            if let Some(failure) = self.context.take_failure() {
                return Err(failure);
            }
        }
    }

    /// Whether everything that a good client waits for has come, or has had its time.
    fn settled(&self, end: u64) -> bool {
        let sampled = self.plan.sampled.load(Ordering::Acquire);
        let pause = if sampled { PAUSE } else { Plan::SAMPLE_PATIENCE };
        let end = self.closing_since_ns.max(end);
        if !self.context.is_closing || self.context.now_ns < end + pause.as_nanos() as u64 {
            return false;
        }
        let has_time: Vec<bool> =
            self.groups.iter().map(|group| self.context.now_ns < group.grace_ends_ns(end)).collect();
        let queues = |(group, has_time): (&Group, &bool)| *has_time && group.is_steady_and_waits();
        let waits = |c: &Connection| {
            has_time[c.group as usize]
                && c.pending.open() > 0
                && self.groups[c.group as usize].spec.rx.reads_everything()
        };
        !self.groups.iter().zip(&has_time).any(queues) && !self.connections.iter().any(waits)
    }

    /// Notes what each group waits for, now that nothing new is begun.
    fn begin_grace(&mut self) {
        let mut oldest_ns: Vec<Option<u64>> =
            self.groups.iter().map(|group| group.queue.oldest_due_ns()).collect();
        for connection in self.connections.iter() {
            let oldest = &mut oldest_ns[connection.group as usize];
            *oldest = oldest.iter().copied().chain(connection.pending.oldest_due_ns()).min();
        }
        self.groups.iter_mut().zip(oldest_ns).for_each(|(group, oldest)| group.grace.begin(oldest));
    }

    fn next_wake_ns(&self, end: u64) -> u64 {
        if self.context.is_closing {
            // Only answers and timers are waited for, and the clock is looked at now and then.
            return self
                .context
                .timers
                .next_wake_ns()
                .unwrap_or(u64::MAX)
                .min(self.context.now_ns + LOOK_UP_NS);
        }
        let timers = self.context.timers.next_wake_ns().unwrap_or(end);
        let groups = self.groups.iter().filter_map(Group::next_wake_ns).min().unwrap_or(end);
        let news =
            self.groups.iter().any(Group::awaits_start).then(|| self.context.now_ns + Start::LOOK_UP_NS);
        end.min(self.tick_due_ns()).min(timers).min(groups).min(news.unwrap_or(end))
    }

    /// Notes what was counted until now, at both ends of the window.
    fn mark(&mut self) {
        let (start, end) = self.plan.window_ns();
        let border = [start, end].get(self.marks.len()).copied().unwrap_or(u64::MAX);
        if self.context.now_ns >= border {
            self.mark_now();
        }
    }

    /// A run that is cut short within its window has measured until now.
    pub(super) fn mark_end(&mut self) {
        if self.marks.len() == 1 {
            self.mark_now();
        }
    }

    fn mark_now(&mut self) {
        self.marks.push(Mark {
            at_ns: self.context.now_ns,
            calls: self.context.calls,
            cpu_ns: sys::thread_cpu_ns(),
            run_delay_ns: self.run_delay.as_ref().and_then(RunDelay::read_ns),
            groups: self.groups.iter().map(Group::counts).collect(),
        });
    }

    fn tick_due_ns(&self) -> u64 {
        self.plan.next_sample_ns(self.ticked_ns).map_or(u64::MAX, |due_ns| self.plan.epoch_ns + due_ns)
    }

    fn tick(&mut self, ticks: &Sender<Tick>) {
        while self.context.now_ns >= self.tick_due_ns() {
            let due_ns = self.tick_due_ns() - self.plan.epoch_ns;
            self.ticked_ns = Some(due_ns);
            let mut run = Row::default();
            run.set(Metric::HarnessCpu, sys::thread_cpu_ns() as f64);
            let groups = self.groups.iter_mut().map(Group::sample).collect();
            // Nobody listens any more when the run is being given up.
            let at_ns = self.context.now_ns.saturating_sub(self.plan.epoch_ns);
            let _ = ticks.send(Tick { due_ns, at_ns, run, groups });
        }
    }

    fn fire_timers(&mut self) {
        while let Some((_, event, _)) = self.context.timers.pop_expired(self.context.now_ns) {
            let Some(connection) = self.connections.entry(event.token) else { continue };
            let group = &mut self.groups[connection.group as usize];
            let close_reason = match event.kind {
                TimerKind::Connect => Some(CloseReason::TimedOut),
                TimerKind::Lifetime => {
                    connection.lifetime = None;
                    connection.retire(&mut self.context, group)
                }
                TimerKind::Receive => {
                    connection.rx.timer = None;
                    connection.receive(&mut self.context, group)
                }
                TimerKind::Send => {
                    connection.tx.timer = None;
                    connection.send(&mut self.context, group)
                }
            };
            self.settle(Some(event.token), close_reason);
        }
    }

    fn handle(&mut self, ready: Ready) {
        let Some(connection) = self.connections.entry(ready.token) else { return };
        let close_reason = match connection.phase {
            Phase::Connecting => self.connected(ready),
            Phase::Open => {
                let group = &mut self.groups[connection.group as usize];
                connection.handle(ready, &mut self.context, group)
            }
        };
        self.settle(Some(ready.token), close_reason);
    }

    pub(super) fn settle(&mut self, token: Option<Token>, close_reason: Option<CloseReason>) {
        if let (Some(token), Some(how)) = (token, close_reason) {
            self.end(token, how);
        }
    }
}
