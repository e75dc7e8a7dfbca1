//! One event loop or several, each on a thread of its own; their results are put together when they are done.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    thread,
};

use serde::{Deserialize, Serialize};

use super::{
    connect_limit::ConnectLimit,
    delays::OwnDelays,
    event_loop::{EventLoop, Mark, Pauses, ThreadResult},
    exhaustion::exhausted,
    group::Group,
    plan::Plan,
    results::{DriveError, Driven, Port, Tick},
    share::{Share, Start},
};
use crate::{
    metric::{Metric, Row},
    profile,
    record::ResourceExhaustion,
    sys,
};

/// Drives the clients, this thread being one of those that do.
///
/// # Errors
/// When one of the threads cannot be started, or no client can ever connect from here. The other threads stop then, as they
/// do when one runs out of what the machine has.
pub(super) fn drive(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> Result<Together, DriveError> {
    let starts = starts(plan);
    let processes = plan.shard.map_or(1, |shard| shard.of);
    let limit = Arc::new(ConnectLimit::new(plan.accept_queue.clone(), processes));
    let work = |thread| {
        let done = work(plan, plan.share(thread), &starts, &limit, stop, ticks);
        if done.as_ref().map_or(true, |done| done.exhaustion.is_some()) {
            stop.store(true, Ordering::Relaxed);
        }
        done
    };
    let done: Result<Vec<ThreadResult>, DriveError> = thread::scope(|scope| {
        let spawn = |index| {
            let name = format!("clients {index}");
            thread::Builder::new().name(name).spawn_scoped(scope, move || work(index))
        };
        let others = (1..plan.threads).map(spawn).collect::<io::Result<Vec<_>>>().map_err(|error| {
            // A part of the clients would be measured in vain.
            stop.store(true, Ordering::Relaxed);
            DriveError::Threads(error)
        })?;
        let first = work(0);
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        let others: Vec<Result<ThreadResult, DriveError>> = others.into_iter().map(join).collect();
        std::iter::once(first).chain(others).collect()
    });
    Ok(Together::of(done?))
}

/// When the open loop of each group starts: in a shard that is fixed.
fn starts(plan: &Plan) -> Vec<Arc<Start>> {
    let (window_start_ns, _) = plan.window_ns();
    let start = |(group, own): (&profile::Group, u32)| match plan.shard {
        None => Start::new(group.connections(), plan.threads, window_start_ns),
        Some(_) => Start::fixed(own, plan.loop_start_ns(group), window_start_ns),
    };
    plan.groups.iter().zip(plan.own_connections()).map(start).map(Arc::new).collect()
}

/// Drives one thread's share.
fn work(
    plan: &Plan,
    share: Share,
    starts: &[Arc<Start>],
    limit: &Arc<ConnectLimit>,
    stop: &AtomicBool,
    ticks: &Sender<Tick>,
) -> Result<ThreadResult, DriveError> {
    // Sleeping 50 microseconds too long (the default slack) would be a pacing error of the load generator.
    let event_loop =
        sys::set_timer_slack_ns(1).and_then(|()| EventLoop::new(plan, share, starts, Arc::clone(limit)));
    let mut event_loop = event_loop.map_err(DriveError::Threads)?;
    let exhaustion = match event_loop.run(stop, ticks) {
        Ok(()) => None,
        Err(error) => {
            let exhaustion = exhausted(&error);
            Some(exhaustion.ok_or(DriveError::Connect(Box::new(plan.address), error))?)
        }
    };
    Ok(event_loop.finish(exhaustion))
}

/// What the threads of a process did together.
pub(super) struct Together {
    pub(super) groups: Vec<Group>,
    pub(super) ports: Vec<Port>,
    pub(super) buffers: Vec<(u64, u64)>,
    pub(super) delays: OwnDelays,
    /// How long a thread stood still at most: in all, and at a time; in nanoseconds.
    pub(super) paused_ns: (u64, u64),
    pub(super) window: Option<Window>,
    pub(super) stopped_ns: u64,
    pub(super) exhaustion: Option<ResourceExhaustion>,
}

impl Together {
    /// Puts together what the threads did; there is at least one.
    fn of(done: Vec<ThreadResult>) -> Self {
        let marks: Vec<&[Mark]> = done.iter().map(|done| &done.marks[..]).collect();
        let window = Window::of(&marks);
        let paused = |of: fn(&Pauses) -> u64| done.iter().map(|done| of(&done.pauses)).max().unwrap_or(0);
        let paused_ns = (paused(|pauses| pauses.total_ns), paused(|pauses| pauses.longest_ns));
        let exhaustion = done.iter().find_map(|done| done.exhaustion);
        // A later look finds that connections are gone which one of the threads has closed.
        let stopped_ns = done.iter().map(|done| done.stopped_ns).min().unwrap_or(0);
        let mut parts = done.into_iter();
        let mut all = parts.next().expect("one thread at least");
        for part in parts {
            for (mine, others) in all.groups.iter_mut().zip(part.groups) {
                mine.absorb(others);
            }
            larger_buffers(&mut all.buffers, part.buffers);
            all.ports.extend(part.ports);
            all.delays.add(&part.delays);
        }
        let ThreadResult { groups, ports, buffers, delays, .. } = all;
        Self { groups, ports, buffers, delays, paused_ns, window, stopped_ns, exhaustion }
    }
}

/// Of what was read back in each group, the larger.
pub(super) fn larger_buffers(mine: &mut [(u64, u64)], others: Vec<(u64, u64)>) {
    for (mine, others) in mine.iter_mut().zip(others) {
        *mine = (*mine).max(others);
    }
}

impl Driven {
    /// What all of them came to.
    pub(super) fn of(mut all: Together) -> Self {
        let mut run = Row::default();
        let (total_ns, longest_ns) = all.paused_ns;
        run.set(Metric::HarnessPaused, total_ns as f64);
        run.set(Metric::HarnessPauseMax, longest_ns as f64);
        all.ports.sort_by_key(|port| port.opened_ns);
        let answered: u64 = all.groups.iter().map(Group::answered_in_window).sum();
        if let (Some(window), true) = (&all.window, answered > 0) {
            run.set(Metric::HarnessCallsPerRequest, window.calls as f64 / answered as f64);
            run.set(Metric::HarnessCpuPerRequest, window.cpu_ns as f64 / answered as f64);
        }
        if let Some(window) = &all.window {
            run.set(Metric::HarnessBusy, window.busy);
            if let Some(waited) = window.waited {
                run.set(Metric::HarnessRunDelay, waited);
            }
        }
        all.delays.summarize(&mut run);
        let (mut summaries, censored): (Vec<Row>, Vec<_>) = all.groups.iter().map(Group::summary).unzip();
        if let Some(window) = &all.window {
            let rows = summaries.iter_mut().zip(all.groups.iter().zip(&window.groups));
            rows.for_each(|(summary, (group, counted))| {
                group.add_read_pace(counted, window.seconds, summary);
            });
        }
        Self {
            run,
            groups: all.groups.iter().map(Group::result).collect(),
            summaries,
            censored,
            phases: all.groups.iter().map(Group::phase_summaries).collect(),
            window: all.window.map(|window| (window.groups, window.seconds)),
            whole: all.groups.iter().map(Group::counts).collect(),
            answered_in_window: answered,
            ports: all.ports,
            buffers: all.buffers,
            stopped_ns: all.stopped_ns,
            notes: all.groups.iter().filter_map(Group::note).collect(),
            exhaustion: all.exhaustion,
        }
    }
}

/// What all threads counted in the window.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Window {
    threads: u32,
    calls: u64,
    cpu_ns: u64,
    /// The largest share of the time that one of them computed, or was ready to and waited for its core.
    busy: f64,
    /// The largest share of the time that one of them waited for its core, if the kernel reports it.
    waited: Option<f64>,
    /// The counters of each group.
    pub(super) groups: Vec<Row>,
    /// How long it was in fact, in the mean.
    seconds: f64,
}

impl Window {
    /// `None` if one of the threads did not see both ends of it.
    fn of(threads: &[&[Mark]]) -> Option<Self> {
        let each = threads.iter().map(|marks| Self::of_thread(marks));
        each.reduce(|all, thread| Some(all?.with(&thread?))).flatten()
    }

    fn of_thread(marks: &[Mark]) -> Option<Self> {
        let [start, end] = marks else { return None };
        let (cpu_ns, long_ns) = (end.cpu_ns - start.cpu_ns, end.at_ns - start.at_ns);
        let share = |ns: u64| ns as f64 / long_ns as f64;
        let waited = start.run_delay_ns.zip(end.run_delay_ns).map(|(start, end)| share(end - start));
        Some(Self {
            threads: 1,
            calls: end.calls - start.calls,
            cpu_ns,
            busy: share(cpu_ns) + waited.unwrap_or(0.0),
            waited,
            groups: end.groups.iter().zip(&start.groups).map(|(end, start)| end.less(start)).collect(),
            seconds: long_ns as f64 / 1e9,
        })
    }

    /// Both together: the window of other threads, of this process or of another one, which counted the same groups.
    pub(super) fn with(mut self, other: &Self) -> Self {
        let threads = self.threads + other.threads;
        let seconds = self.seconds * f64::from(self.threads) + other.seconds * f64::from(other.threads);
        self.groups.iter_mut().zip(&other.groups).for_each(|(sum, row)| sum.add(row));
        Self {
            threads,
            calls: self.calls + other.calls,
            cpu_ns: self.cpu_ns + other.cpu_ns,
            busy: self.busy.max(other.busy),
            waited: self.waited.into_iter().chain(other.waited).reduce(f64::max),
            seconds: seconds / f64::from(threads),
            groups: self.groups,
        }
    }
}
