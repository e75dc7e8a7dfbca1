//! The load generator on its threads, and the samples that are taken meanwhile.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use super::{
    Interrupt, Observer, RunError,
    meter::Meter,
    sample::{Reading, Sample, Samples, Source},
    target::Target,
    watch::{Moment, Watch},
};
use crate::{
    client::{self, DriveError, Driven, Plan, Seen, Tick},
    metric::Row,
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
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, ticks) = mpsc::channel();
    let clients = {
        let (plan, stop) = (plan.clone(), Arc::clone(&stop));
        let work = move || client::drive(&plan, &stop, &sender);
        thread::Builder::new().name("clients 0".into()).spawn(work)
    };
    let clients = clients.map_err(|error| RunError::Clients(DriveError::Threads(error).to_string()))?;
    let mut board = Board::new(ticks, plan);
    let mut meter = Meter::new(&plan.groups);
    let (mut before_ns, mut cost_ns) = (None, 0);
    let [start_ns, end_ns] = plan.borders_ns();
    let end = loop {
        let due_ns = next_due_ns(plan, before_ns, cost_ns);
        let until_ns = due_ns.map(|due| plan.epoch_ns + due);
        if let Some(end) = wait(until_ns, &clients, target, interrupt) {
            break end;
        }
        let moment = match due_ns {
            Some(due) if due == start_ns => Moment::WindowStart,
            Some(due) if due == end_ns => Moment::WindowEnd,
            Some(due) if plan.phase_borders_ns().any(|border| border == due) => Moment::PhaseBorder,
            _ => Moment::Between,
        };
        let sample = Sample::of(watch.read(moment));
        cost_ns = sys::monotonic_ns() - sample.at_ns;
        if moment == Moment::WindowEnd {
            plan.sampled.store(true, Ordering::Release);
        }
        let at_ns = sample.at_ns.saturating_sub(plan.epoch_ns);
        before_ns = Some(at_ns.max(due_ns.unwrap_or(0)));
        keep(samples, due_ns.unwrap_or(at_ns), sample);
        board.clear(samples);
        observer.sample(&meter.read(samples, plan.epoch_ns));
    };
    if end == RepeatEnd::Interrupted {
        // What was measured until now ends here, with all clients still there.
        let sample = Sample::of(watch.read(Moment::Between));
        keep(samples, sample.at_ns.saturating_sub(plan.epoch_ns), sample);
    }
    stop.store(true, Ordering::Relaxed);
    let driven =
        clients.join().map_err(|_| RunError::Clients("a thread of the load generator panicked".into()))?;
    board.clear(samples);
    let driven = driven.map_err(|error| RunError::Clients(error.to_string()))?;
    drop_late(samples, end_ns, driven.stopped_ns, watch);
    Ok((driven, end))
}

/// Puts a sample beside the ticks of the same instant.
fn keep(samples: &mut Samples, due_ns: u64, sample: Sample) {
    let entry = samples.entry(due_ns as i64).or_default();
    entry.at_ns = sample.at_ns;
    entry.readings.extend(sample.readings);
}

/// What was read at the window's end, but after the clients had begun to disconnect, belongs neither to the window nor
/// to the time after it.
fn drop_late(samples: &mut Samples, end_ns: u64, stopped_ns: u64, watch: &mut Watch) {
    let Some(sample) = samples.get_mut(&(end_ns as i64)) else { return };
    let is_late = |reading: &mut Reading| reading.until_ns > stopped_ns;
    let late: Vec<Reading> = sample.readings.extract_if(.., is_late).collect();
    if let Some(last) = late.last() {
        let sources: Vec<&str> = late.iter().map(|reading| reading.source.name()).collect();
        watch.note(format!(
            "{} could not be read at the end of the window before the clients closed their connections (at most {} \
             later): the readings came {} too late and are left out",
            sources.join(", "),
            human_time(Plan::SAMPLE_PATIENCE.as_nanos() as f64),
            human_time((last.until_ns - stopped_ns) as f64)
        ));
    }
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

/// Sleeps until then (`None`: until the clients are done), or until something ends the clients' time.
fn wait(
    until_ns: Option<u64>,
    clients: &JoinHandle<Result<Driven, DriveError>>,
    target: &mut dyn Target,
    interrupt: &mut Interrupt,
) -> Option<RepeatEnd> {
    loop {
        if clients.is_finished() {
            return Some(RepeatEnd::Finished);
        }
        if interrupt.requested() {
            return Some(RepeatEnd::Interrupted);
        }
        if let Err(last_words) = target.still_runs() {
            return Some(RepeatEnd::Died(last_words));
        }
        let left = until_ns.map_or(LOOK_UP_NS / 10, |until| until.saturating_sub(sys::monotonic_ns()));
        if left == 0 {
            return None;
        }
        thread::sleep(Duration::from_nanos(left.min(LOOK_UP_NS)));
    }
}

/// Where the ticks of all threads come together.
struct Board {
    epoch_ns: u64,
    ticks: Receiver<Tick>,
    threads: u32,
    /// By when they were due: those that not every thread has sent yet, added up, and how many have.
    open: BTreeMap<u64, (Tick, u32)>,
}

impl Board {
    fn new(ticks: Receiver<Tick>, plan: &Plan) -> Self {
        Self { epoch_ns: plan.epoch_ns, ticks, threads: plan.threads, open: BTreeMap::new() }
    }

    /// A tick that every thread has sent stands beside the sample that was due with it, or alone where there is none.
    fn clear(&mut self, samples: &mut Samples) {
        for tick in self.ticks.try_iter() {
            let due_ns = tick.due_ns;
            let (whole, count) = match self.open.remove(&due_ns) {
                None => (tick, 1),
                Some((sum, count)) => (sum.with(tick), count + 1),
            };
            if count < self.threads {
                self.open.insert(due_ns, (whole, count));
                continue;
            }
            let at_ns = self.epoch_ns + whole.at_ns;
            let sample =
                samples.entry(due_ns as i64).or_insert_with(|| Sample { at_ns, ..Sample::default() });
            let (source, row) = (Source::Clients, whole.run);
            sample.readings.push(Reading { source, from_ns: at_ns, until_ns: at_ns, row });
            sample.groups = whole.groups.iter().map(seen).collect();
        }
    }
}

impl Tick {
    /// Both together.
    fn with(mut self, other: Self) -> Self {
        self.at_ns = self.at_ns.max(other.at_ns);
        self.run.add(&other.run);
        for (mine, others) in self.groups.iter_mut().zip(other.groups) {
            mine.counts.add(&others.counts);
            mine.latencies.add(others.latencies);
        }
        self
    }
}

/// A group's counters and latencies at one instant.
fn seen(seen: &Seen) -> Row {
    let mut row = seen.counts.clone();
    seen.latencies.show(&mut row);
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{client::Latencies, metric::Metric};

    /// A window from 150 to 400, a sample every 100.
    fn plan(threads: u32) -> Plan {
        Plan {
            address: ([127, 0, 0, 1], 0).into(),
            groups: Vec::new(),
            seed: 0,
            epoch_ns: 0,
            warmup: Duration::from_nanos(150),
            measure: Duration::from_nanos(250),
            phases: Vec::new(),
            sample_every: Duration::from_nanos(100),
            threads,
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
        let mut plan = plan(1);
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
        assert_eq!(due(&plan(1), 25), [100, 150, 200, 300, 400]);
        assert_eq!(due(&plan(1), 26), [150, 200, 300, 400]);
        assert_eq!(due(&plan(1), 51), [150, 200, 400]);
        assert_eq!(due(&plan(1), 9999), [150, 400], "those at the borders are always taken");
        // One that lasted past a border is followed by that of the border at once.
        assert_eq!(next_due_ns(&plan(1), Some(149), 300), Some(150));
    }

    #[test]
    fn readings_after_the_clients_closed_are_left_out_with_a_note() {
        let reading = |source, until_ns| Reading { source, from_ns: 400, until_ns, row: Row::default() };
        let readings = vec![reading(Source::Process, 410), reading(Source::Sockets, 600)];
        let mut watch = Watch::of_nothing();
        let mut samples = Samples::from([(400, Sample { at_ns: 400, readings, groups: Vec::new() })]);
        drop_late(&mut samples, 400, 700, &mut watch);
        assert_eq!((samples[&400].readings.len(), watch.notes.len()), (2, 0));
        drop_late(&mut samples, 400, 500, &mut watch);
        assert_eq!(samples[&400].readings.iter().map(|r| r.source).collect::<Vec<_>>(), [Source::Process]);
        assert!(
            watch.notes[0].starts_with("sockets could not be read at the end of the window"),
            "{:?}",
            watch.notes
        );
        assert!(watch.notes[0].contains("came 100 ns too late"), "{:?}", watch.notes);
    }

    #[test]
    fn a_sample_merges_the_ticks_of_all_threads() {
        let (sender, ticks) = mpsc::channel();
        let mut board = Board::new(ticks, &plan(2));
        let mut samples = Samples::new();
        let mut send = |due_ns, answered, responses: &[u64]| {
            let mut counts = Row::default();
            counts.set(Metric::Answered, answered);
            let mut latencies = Latencies::default();
            for ns in responses {
                latencies.record(*ns, (*ns > 8).then_some(*ns - 3));
            }
            let groups = vec![Seen { counts, latencies }];
            let _ = sender.send(Tick { due_ns, at_ns: due_ns, run: Row::default(), groups });
            board.clear(&mut samples);
            let seen = samples.get(&(due_ns as i64))?.groups[0].clone();
            let shown =
                [Metric::Answered, Metric::IntervalP50, Metric::IntervalP99, Metric::IntervalServiceP50];
            Some(shown.map(|metric| seen.value(metric)))
        };
        assert_eq!(send(100, 5.0, &[7, 9]), None);
        assert_eq!(send(200, 6.0, &[]), None, "the same thread again");
        assert_eq!(send(100, 2.0, &[8]), Some([Some(7.0), Some(8.0), Some(9.0), Some(6.0)]));
        assert_eq!(send(200, 3.0, &[]), Some([Some(9.0), None, None, None]));
    }
}
