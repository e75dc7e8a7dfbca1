//! The load generator on its threads, and the samples that are taken meanwhile.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Interrupt, Observer, RunError,
    board::Board,
    meter::Meter,
    sample::{Reading, Sample, Samples, Source},
    target::Target,
    watch::{Moment, Watch},
};
use crate::{
    client::{self, DriveError, Driven, Plan},
    sys,
    units::human_time,
};

/// How long to sleep before looking for an interrupt.
const LOOK_UP_NS: u64 = 50_000_000;

/// How the clients' time ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RepeatEnd {
    Finished,
    Interrupted,
    /// The server ended before it was asked to; its last words.
    Died(String),
}

impl RepeatEnd {
    /// What the server said last that has ended by itself.
    pub(super) fn last_words(&self) -> Option<String> {
        if let Self::Died(last_words) = self { Some(last_words.clone()) } else { None }
    }
}

/// Lets the clients run, and samples until they are done.
pub(super) fn drive(
    plan: &Plan,
    target: &mut dyn Target,
    watch: &mut Watch,
    samples: &mut Samples,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(Driven, RepeatEnd), RunError> {
    let (board, sender) = Board::new(plan.epoch_ns, plan.threads);
    let mut board = Some(board);
    let work = move |plan: &Plan, stop: &AtomicBool| client::drive(plan, stop, &sender);
    let clients = Clients::start(plan, work)?;
    let mut watching = Sampler { plan, target, watch, samples, interrupt, observer };
    let end = watching.sample(&mut board, &mut || clients.is_done());
    let driven = clients.join()?;
    if let Some(board) = &mut board {
        board.clear(samples);
    }
    watch.notes.extend(drop_late(samples, plan.borders_ns()[1], driven.stopped_ns));
    Ok((driven, end))
}

/// The clients of this process, on threads of their own.
pub(super) struct Clients<T> {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<T, DriveError>>,
}

impl<T: Send + 'static> Clients<T> {
    /// Lets them begin with the plan.
    pub(super) fn start(
        plan: &Plan,
        work: impl FnOnce(&Plan, &AtomicBool) -> Result<T, DriveError> + Send + 'static,
    ) -> Result<Self, RunError> {
        let stop = Arc::new(AtomicBool::new(false));
        let (plan, stopped) = (plan.clone(), Arc::clone(&stop));
        let thread = thread::Builder::new().name("clients 0".into()).spawn(move || work(&plan, &stopped));
        let thread = thread.map_err(|error| RunError::Clients(DriveError::Threads(error).to_string()))?;
        Ok(Self { stop, thread })
    }

    pub(super) fn is_done(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends them, if they have not come to their end, and returns what they did.
    pub(super) fn join(self) -> Result<T, RunError> {
        self.stop.store(true, Ordering::Relaxed);
        let done = self.thread.join();
        let done = done.map_err(|_| RunError::Clients("a thread of the load generator panicked".into()))?;
        done.map_err(|error| RunError::Clients(error.to_string()))
    }
}

/// What it takes to sample.
pub(super) struct Sampler<'a> {
    pub(super) plan: &'a Plan,
    pub(super) target: &'a mut dyn Target,
    pub(super) watch: &'a mut Watch,
    pub(super) samples: &'a mut Samples,
    pub(super) interrupt: &'a mut Interrupt,
    pub(super) observer: &'a mut dyn Observer,
}

impl Sampler<'_> {
    /// Samples until the clients are done, or something ends their time. `board`: where their ticks come, if they are in this
    /// process.
    pub(super) fn sample(
        &mut self,
        board: &mut Option<Board>,
        is_done: &mut dyn FnMut() -> bool,
    ) -> RepeatEnd {
        let plan = self.plan;
        let mut meter = Meter::new(&plan.groups);
        let (mut before_ns, mut cost_ns) = (None, 0);
        let end = loop {
            let due_ns = next_due_ns(plan, before_ns, cost_ns);
            let until_ns = due_ns.map(|due| plan.epoch_ns + due);
            if let Some(end) = self.wait(until_ns, is_done) {
                break end;
            }
            let moment = due_ns.map_or(Moment::Between, |due| moment(plan, due));
            let sample = Sample::of(self.watch.read(moment));
            cost_ns = sys::monotonic_ns() - sample.at_ns;
            // Whoever looks at the server of a shard is another process: its clients wait for as long as they may have to.
            if moment == Moment::WindowEnd && plan.shard.is_none() {
                plan.sampled.store(true, Ordering::Release);
            }
            let at_ns = sample.at_ns.saturating_sub(plan.epoch_ns);
            before_ns = Some(at_ns.max(due_ns.unwrap_or(0)));
            keep(self.samples, due_ns.unwrap_or(at_ns), sample);
            if let Some(board) = board {
                board.clear(self.samples);
            }
            self.observer.sample(&meter.read(self.samples, plan.epoch_ns));
        };
        if end == RepeatEnd::Interrupted {
            // What was measured until now ends here, with all clients still there.
            let sample = Sample::of(self.watch.read(Moment::Between));
            keep(self.samples, sample.at_ns.saturating_sub(plan.epoch_ns), sample);
        }
        end
    }

    /// Sleeps until then (`None`: until the clients are done), or until something ends the clients' time.
    fn wait(&mut self, until_ns: Option<u64>, is_done: &mut dyn FnMut() -> bool) -> Option<RepeatEnd> {
        loop {
            if is_done() {
                return Some(RepeatEnd::Finished);
            }
            if self.interrupt.requested() {
                return Some(RepeatEnd::Interrupted);
            }
            if let Err(last_words) = self.target.still_runs() {
                return Some(RepeatEnd::Died(last_words));
            }
            let left = until_ns.map_or(LOOK_UP_NS / 10, |until| until.saturating_sub(sys::monotonic_ns()));
            if left == 0 {
                return None;
            }
            thread::sleep(Duration::from_nanos(left.min(LOOK_UP_NS)));
        }
    }
}

/// What the sample that is due then is of.
fn moment(plan: &Plan, due_ns: u64) -> Moment {
    let [start_ns, end_ns] = plan.borders_ns();
    if due_ns == start_ns {
        Moment::WindowStart
    } else if due_ns == end_ns {
        Moment::WindowEnd
    } else if plan.phase_borders_ns().any(|border| border == due_ns) {
        Moment::PhaseBorder
    } else {
        Moment::Between
    }
}

/// Puts a sample beside the ticks of the same instant.
fn keep(samples: &mut Samples, due_ns: u64, sample: Sample) {
    let entry = samples.entry(due_ns as i64).or_default();
    entry.at_ns = sample.at_ns;
    entry.readings.extend(sample.readings);
}

/// What was read at the window's end, but after the clients had begun to disconnect, belongs neither to the window nor
/// to the time after it; a note of what is left out.
pub(super) fn drop_late(samples: &mut Samples, end_ns: u64, stopped_ns: u64) -> Option<String> {
    let sample = samples.get_mut(&(end_ns as i64))?;
    let is_late = |reading: &mut Reading| reading.source != Source::Clients && reading.until_ns > stopped_ns;
    let late: Vec<Reading> = sample.readings.extract_if(.., is_late).collect();
    let last = late.last()?;
    let sources: Vec<&str> = late.iter().map(|reading| reading.source.name()).collect();
    Some(format!(
        "{} could not be read at the end of the window before the clients closed their connections (at most {} \
         later): the readings came {} too late and are left out",
        sources.join(", "),
        human_time(Plan::SAMPLE_PATIENCE.as_nanos() as f64),
        human_time((last.until_ns - stopped_ns) as f64)
    ))
}

/// When the next sample is due, in nanoseconds since the first client, after one that was due or taken at `before_ns` and took
/// `cost_ns`. One that is late is not made up for; one that could make the sample at a border of the window or of a phase late
/// is left out. `None` after the window.
fn next_due_ns(plan: &Plan, before_ns: Option<u64>, cost_ns: u64) -> Option<u64> {
    let due = plan.next_sample_ns(before_ns)?;
    let borders = plan.borders_ns().into_iter().chain(plan.phase_borders_ns());
    let border = borders.filter(|border| *border >= due).min()?;
    Some(if due + 2 * cost_ns > border { border } else { due })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Row;

    /// A window from 150 to 400, a sample every 100.
    fn plan() -> Plan {
        Plan {
            address: std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into(),
            groups: Vec::new(),
            seed: 0,
            epoch_ns: 0,
            warmup: Duration::from_nanos(150),
            measure: Duration::from_nanos(250),
            phases: Vec::new(),
            sample_every: Duration::from_nanos(100),
            threads: 1,
            accept_queue: None,
            shard: None,
            sampled: Arc::default(),
        }
    }

    /// When samples are due that take so long each.
    fn due(plan: &Plan, cost_ns: u64) -> Vec<u64> {
        let mut due = Vec::new();
        while let Some(next) = next_due_ns(plan, due.last().copied(), cost_ns) {
            due.push(next);
        }
        due
    }

    #[test]
    fn samples_are_due_at_every_period_and_at_the_borders() {
        let mut plan = plan();
        assert_eq!(due(&plan, 0), [100, 150, 200, 300, 400]);
        assert_eq!(next_due_ns(&plan, Some(275), 0), Some(300), "what was missed is not made up for");
        assert_eq!(next_due_ns(&plan, Some(400), 0), None);
        let phase = |from, to| (Duration::from_nanos(from), Duration::from_nanos(to));
        plan.phases = vec![phase(150, 230), phase(230, 400)];
        assert_eq!(due(&plan, 0), [100, 150, 200, 230, 300, 400]);
        assert_eq!(due(&plan, 51), [150, 230, 400]);
        plan.phases.clear();
        plan.warmup = Duration::ZERO;
        assert_eq!(due(&plan, 0), [0, 100, 200, 250]);
    }

    #[test]
    fn samples_that_would_delay_a_border_are_left_out() {
        assert_eq!(due(&plan(), 25), [100, 150, 200, 300, 400]);
        assert_eq!(due(&plan(), 26), [150, 200, 300, 400]);
        assert_eq!(due(&plan(), 51), [150, 200, 400]);
        assert_eq!(due(&plan(), 9999), [150, 400], "those at the borders are always taken");
        // One that lasted past a border is followed by that of the border at once.
        assert_eq!(next_due_ns(&plan(), Some(149), 300), Some(150));
    }

    #[test]
    fn readings_after_the_clients_closed_are_left_out_with_a_note() {
        let reading = |source, until_ns| Reading { source, from_ns: 400, until_ns, row: Row::default() };
        let readings = vec![reading(Source::Process, 410), reading(Source::Sockets, 600)];
        let mut samples = Samples::from([(400, Sample { at_ns: 400, readings, groups: Vec::new() })]);
        assert_eq!((drop_late(&mut samples, 400, 700), samples[&400].readings.len()), (None, 2));
        let note = drop_late(&mut samples, 400, 500).expect("a note");
        assert_eq!(samples[&400].readings.iter().map(|r| r.source).collect::<Vec<_>>(), [Source::Process]);
        assert!(note.starts_with("sockets could not be read at the end of the window"), "{note}");
        assert!(note.contains("came 100 ns too late"), "{note}");
    }
}
