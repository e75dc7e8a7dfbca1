//! The loop that drives clients: one thread, one epoll instance, one clock.

mod clients;
mod marks;
mod pauses;
mod ports;
mod run_delay;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use self::{clients::Clients, marks::Marks};
pub(super) use self::{marks::Mark, pauses::Pauses};
use super::{
    connect_limit::ConnectLimit,
    context::Context,
    delays::OwnDelays,
    group::Group,
    plan::Plan,
    results::{Port, Tick},
    share::{Share, Start},
};
use crate::{
    metric::{Metric, Row},
    record::ResourceExhaustion,
    sys,
};

/// How long connections stay as they are after the window at least; longer where the server was not looked at yet.
const PAUSE: Duration = Duration::from_millis(60);
/// Timers that fire before the sockets have their turn.
const TURN_TIMERS: u32 = 128;
/// How often the clock is looked at while the last answers are waited for.
const LOOK_UP_NS: u64 = 5_000_000;

/// The loop's state.
pub(super) struct EventLoop<'a> {
    plan: &'a Plan,
    context: Context,
    clients: Clients<'a>,
    pauses: Pauses,
    marks: Marks,
    /// When the last tick was due, in nanoseconds since the epoch.
    ticked_ns: Option<u64>,
    /// When new requests were no longer begun.
    closing_since_ns: u64,
}

/// What one thread did.
pub(super) struct ThreadResult {
    pub(super) groups: Vec<Group>,
    pub(super) ports: Vec<Port>,
    pub(super) buffers: Vec<(u64, u64)>,
    pub(super) delays: OwnDelays,
    pub(super) pauses: Pauses,
    pub(super) marks: Vec<Mark>,
    pub(super) stopped_ns: u64,
    /// What it ran out of, which ended its run.
    pub(super) exhaustion: Option<ResourceExhaustion>,
}

impl<'a> EventLoop<'a> {
    /// `starts`: when the open loop of each group starts.
    pub(super) fn new(
        plan: &'a Plan,
        share: Share,
        starts: &[Arc<Start>],
        limit: Arc<ConnectLimit>,
    ) -> io::Result<Self> {
        let window = plan.window_ns();
        Ok(Self {
            plan,
            context: Context::new(plan.epoch_ns, window.0)?,
            clients: Clients::new(plan, share, starts, limit),
            pauses: Pauses::new(window, sys::monotonic_ns(), sys::thread_cpu_ns()),
            marks: Marks::of_this_thread(window),
            ticked_ns: None,
            closing_since_ns: 0,
        })
    }

    /// Runs until the window is over and what is under way is answered, or until it is stopped.
    pub(super) fn run(&mut self, stop: &AtomicBool, ticks: &Sender<Tick>) -> io::Result<()> {
        let (_, end) = self.plan.window_ns();
        loop {
            self.context.read_clock();
            self.pauses.look(self.context.now_ns, sys::thread_cpu_ns);
            if self.marks.are_due(self.context.now_ns) {
                self.mark();
            }
            self.tick(ticks);
            if stop.load(Ordering::Relaxed) || (self.context.now_ns >= end && self.is_settled(end)) {
                return Ok(());
            }
            if self.context.now_ns < end {
                self.clients.open_due(&mut self.context)?;
                self.clients.start_arrivals(&mut self.context);
                self.clients.start_transfers(&mut self.context);
            } else if !self.context.is_closing {
                self.context.is_closing = true;
                // If the thread was stopped when the window ended, what it reads only now gets its time, too.
                self.closing_since_ns = self.context.now_ns;
                self.clients.take_last_arrivals(&mut self.context);
                self.clients.begin_grace();
            } else {
                self.clients.open_for_waiting(&mut self.context)?;
            }
            for _ in 0..TURN_TIMERS {
                let Some((_, event, _)) = self.context.timers.pop_expired(self.context.now_ns) else { break };
                self.clients.timer_fired(event, &mut self.context);
            }
            self.handle_reports(end, stop)?;
            if let Some(failure) = self.context.take_failure() {
                return Err(failure);
            }
        }
    }

    /// Waits for something to happen, and has the connections handle it.
    fn handle_reports(&mut self, end: u64, stop: &AtomicBool) -> io::Result<()> {
        let until = self.next_wake_ns(end);
        self.context.calls += 1;
        let from = sys::monotonic_ns();
        let count = self.context.reactor.wait(Some(Duration::from_nanos(until.saturating_sub(from))))?;
        self.pauses.slept(from, until, sys::monotonic_ns());
        let (mut looked_up_ns, mut has_read_clock) = (from, false);
        for index in 0..count {
            // What is reported has happened before: the clock as the last answer found it is late enough.
            if !has_read_clock {
                self.context.read_clock();
            }
            if self.is_cut_short(end, &mut looked_up_ns, stop) {
                break;
            }
            let before_ns = self.context.now_ns;
            self.clients.ready(self.context.reactor.report(index), &mut self.context);
            has_read_clock = self.context.now_ns != before_ns;
        }
        Ok(())
    }

    /// Whether the reports that are left must wait: the window or the run has ended since the first of them was handled, which
    /// thousands of sockets full of bytes must not put off. The reactor reports again what is ready.
    fn is_cut_short(&self, end: u64, looked_up_ns: &mut u64, stop: &AtomicBool) -> bool {
        let now_ns = self.context.now_ns;
        if !self.context.is_closing {
            return now_ns >= end || stop.load(Ordering::Relaxed);
        }
        let is_due = now_ns >= looked_up_ns.saturating_add(LOOK_UP_NS);
        if is_due {
            *looked_up_ns = now_ns;
        }
        is_due && (stop.load(Ordering::Relaxed) || self.is_settled(end))
    }

    /// Whether everything that a good client waits for has come, or has had its time.
    fn is_settled(&self, end: u64) -> bool {
        let now_ns = self.context.now_ns;
        let sampled = self.plan.sampled.load(Ordering::Acquire);
        let pause = if sampled { PAUSE } else { Plan::SAMPLE_PATIENCE };
        let end = self.closing_since_ns.max(end);
        self.context.is_closing
            && now_ns >= end + pause.as_nanos() as u64
            && !self.clients.await_answers(now_ns, end)
    }

    fn next_wake_ns(&self, end: u64) -> u64 {
        let (now_ns, timer) = (self.context.now_ns, self.context.timers.next_wake_ns());
        if self.context.is_closing {
            // Only answers and timers are waited for, and the clock is looked at now and then.
            return timer.unwrap_or(u64::MAX).min(now_ns + LOOK_UP_NS);
        }
        let groups = &self.clients.groups;
        let next = groups.iter().filter_map(Group::next_wake_ns).min();
        let news = groups.iter().any(Group::awaits_start).then(|| now_ns + Start::LOOK_UP_NS);
        [timer, next, news].into_iter().flatten().fold(end.min(self.tick_due_ns()), u64::min)
    }

    /// Notes what was counted until now.
    fn mark(&mut self) {
        let counts = self.clients.groups.iter().map(Group::counts).collect();
        self.marks.mark(self.context.now_ns, self.context.calls, counts);
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
            let groups = self.clients.groups.iter_mut().map(Group::sample).collect();
            // The receiver is gone when the run is being given up.
            let at_ns = self.context.now_ns.saturating_sub(self.plan.epoch_ns);
            let _ = ticks.send(Tick { due_ns, at_ns, run, groups });
        }
    }

    /// Ends every connection that is left, and returns what became of all of them.
    pub(super) fn finish(mut self, exhaustion: Option<ResourceExhaustion>) -> ThreadResult {
        self.context.read_clock();
        if self.marks.are_half() {
            // A run that is cut short within its window has measured until now.
            self.mark();
        }
        self.clients.end_all(&mut self.context);
        let Clients { groups, ports, buffers, .. } = self.clients;
        ThreadResult {
            groups,
            ports: ports.into_vec(),
            buffers,
            delays: self.context.delays,
            pauses: self.pauses,
            marks: self.marks.into_vec(),
            stopped_ns: self.context.now_ns,
            exhaustion,
        }
    }
}

#[cfg(test)]
mod tests;
