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

use super::{
    connect_limit::ConnectLimit,
    event_loop::{EventLoop, Mark, Pauses, ThreadResult},
    exhaustion::exhausted,
    group::Group,
    plan::Plan,
    results::{DriveError, Driven, Tick},
    share::{Share, Start},
};
use crate::{
    metric::{Metric, Row},
    sys,
};

/// Drives the clients, this thread being one of those that do.
///
/// # Errors
/// When one of the threads cannot be started, or no client can ever connect from here. The other threads stop then, as they
/// do when one runs out of what the machine has.
pub(super) fn drive(plan: &Plan, stop: &AtomicBool, ticks: &Sender<Tick>) -> Result<Driven, DriveError> {
    let of = plan.threads;
    let start =
        |group: &crate::profile::Group| Arc::new(Start::new(group.connections(), of, plan.window_ns().0));
    let starts: Vec<Arc<Start>> = plan.groups.iter().map(start).collect();
    let limit = Arc::new(ConnectLimit::new(plan.accept_queue.clone()));
    let work = |index| {
        let done = work(plan, Share { index, of }, &starts, &limit, stop, ticks);
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
        let others = (1..of).map(spawn).collect::<io::Result<Vec<_>>>().map_err(|error| {
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
    Ok(Driven::of(done?))
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
            Some(exhaustion.ok_or(DriveError::Connect(plan.address, error))?)
        }
    };
    Ok(event_loop.finish(exhaustion))
}

impl Driven {
    /// Puts together what the threads did; there is at least one.
    fn of(done: Vec<ThreadResult>) -> Self {
        let mut run = Row::default();
        let marks: Vec<&[Mark]> = done.iter().map(|done| &done.marks[..]).collect();
        let window = Window::of(&marks);
        let paused =
            |of: fn(&Pauses) -> u64| done.iter().map(|done| of(&done.pauses)).max().unwrap_or(0) as f64;
        run.set(Metric::HarnessPaused, paused(|pauses| pauses.total_ns));
        run.set(Metric::HarnessPauseMax, paused(|pauses| pauses.longest_ns));
        let exhaustion = done.iter().find_map(|done| done.exhaustion);
        // A later look finds that connections are gone which one of the threads has closed.
        let stopped_ns = done.iter().map(|done| done.stopped_ns).min().unwrap_or(0);
        let mut parts = done.into_iter();
        let mut all = parts.next().expect("one thread at least");
        for part in parts {
            for (mine, others) in all.groups.iter_mut().zip(part.groups) {
                mine.absorb(others);
            }
            for (mine, others) in all.buffers.iter_mut().zip(part.buffers) {
                *mine = (*mine).max(others);
            }
            all.ports.extend(part.ports);
            all.start_delays.add(&part.start_delays);
        }
        all.ports.sort_by_key(|port| port.opened_ns);
        let answered: u64 = all.groups.iter().map(Group::answered_in_window).sum();
        if let (Some(window), true) = (&window, answered > 0) {
            run.set(Metric::HarnessCallsPerRequest, window.calls as f64 / answered as f64);
            run.set(Metric::HarnessCpuPerRequest, window.cpu_ns as f64 / answered as f64);
        }
        if let Some(window) = &window {
            run.set(Metric::HarnessBusy, window.busy);
            if let Some(waited) = window.waited {
                run.set(Metric::HarnessRunDelay, waited);
            }
        }
        all.start_delays.summarize(&mut run);
        let (summaries, censored) = all.groups.iter().map(Group::summary).unzip();
        Self {
            run,
            groups: all.groups.iter().map(Group::result).collect(),
            summaries,
            censored,
            phases: all.groups.iter().map(Group::phase_summaries).collect(),
            window: window.map(|window| (window.groups, window.seconds)),
            whole: all.groups.iter().map(Group::counts).collect(),
            answered_in_window: answered,
            ports: all.ports,
            buffers: all.buffers,
            stopped_ns,
            notes: all.groups.iter().filter_map(Group::note).collect(),
            exhaustion,
        }
    }
}

/// What all threads counted in the window.
struct Window {
    calls: u64,
    cpu_ns: u64,
    /// The largest share of the time that one of them computed, or was ready to and waited for its core.
    busy: f64,
    /// The largest share of the time that one of them waited for its core, if the kernel reports it.
    waited: Option<f64>,
    /// The counters of each group.
    groups: Vec<Row>,
    /// How long it was in fact, in the mean.
    seconds: f64,
}

impl Window {
    /// `None` if one of the threads did not see both ends of it.
    fn of(threads: &[&[Mark]]) -> Option<Self> {
        let mut all = Self { calls: 0, cpu_ns: 0, busy: 0.0, waited: None, groups: Vec::new(), seconds: 0.0 };
        for marks in threads {
            let [start, end] = marks else { return None };
            let (cpu_ns, long_ns) = (end.cpu_ns - start.cpu_ns, end.at_ns - start.at_ns);
            all.calls += end.calls - start.calls;
            all.cpu_ns += cpu_ns;
            let share = |ns: u64| ns as f64 / long_ns as f64;
            let waited = start.run_delay_ns.zip(end.run_delay_ns).map(|(start, end)| share(end - start));
            all.busy = all.busy.max(share(cpu_ns) + waited.unwrap_or(0.0));
            all.waited = all.waited.into_iter().chain(waited).reduce(f64::max);
            all.seconds += long_ns as f64 / 1e9 / threads.len() as f64;
            let grown = end.groups.iter().zip(&start.groups).map(|(end, start)| end.less(start));
            if all.groups.is_empty() {
                all.groups = grown.collect();
            } else {
                all.groups.iter_mut().zip(grown).for_each(|(sum, row)| sum.add(&row));
            }
        }
        Some(all)
    }
}
