//! The clients on their own thread, and the samples that are taken meanwhile.

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
    Interrupt, Observer, Progress, RunError,
    target::Target,
    watch::{Moment, Watch},
};
use crate::{
    client::{self, Driven, Plan, Seen, Tick},
    metric::{Metric, Row},
    sys,
};

/// How long to sleep before looking for an interrupt.
const LOOK_UP_NS: u64 = 50_000_000;

/// How the clients' time ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Interrupted,
    /// The server ended before they did; its last words.
    Died(String),
}

/// Samples by when they were due, in nanoseconds since the first client; the first lies before it.
pub(super) type Samples = BTreeMap<i64, Sample>;

/// One instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) at_ns: i64,
    pub(super) run: Row,
    pub(super) groups: Vec<Row>,
}

impl Sample {
    /// Reads everything that can be read now.
    pub(super) fn take(plan: &Plan, watch: &mut Watch, moment: Moment) -> Self {
        let at_ns = sys::monotonic_ns() as i64 - plan.epoch_ns as i64;
        Self { at_ns, run: watch.read(moment), groups: Vec::new() }
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
) -> Result<(Driven, End), RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, ticks) = mpsc::channel();
    let engine = {
        let (plan, stop) = (plan.clone(), Arc::clone(&stop));
        let work = move || client::drive(&plan, &stop, &sender);
        thread::Builder::new().name("clients 0".into()).spawn(work)
    };
    let engine = engine.map_err(|e| RunError::Clients(format!("cannot start the clients' thread: {e}")))?;
    let mut board = Board::new(ticks, plan.threads);
    let mut meter = Meter::default();
    let mut now_ns = 0;
    let end = loop {
        let due_ns = next_due_ns(plan, now_ns);
        let until_ns = due_ns.map(|due| plan.epoch_ns + due);
        if let Some(end) = wait(until_ns, &engine, target, interrupt) {
            break end;
        }
        let at_border = due_ns.is_some_and(|due| borders(plan).contains(&due));
        let moment = if at_border { Moment::Border } else { Moment::Between };
        let sample = Sample::take(plan, watch, moment);
        now_ns = sample.at_ns.max(0) as u64;
        let entry = samples.entry(due_ns.unwrap_or(now_ns) as i64).or_default();
        entry.at_ns = sample.at_ns;
        entry.run.merge(&sample.run);
        board.clear(samples);
        observer.sample(&meter.read(samples));
    };
    stop.store(true, Ordering::Relaxed);
    let driven = engine.join().map_err(|_| RunError::Clients("the clients' thread panicked".into()))?;
    board.clear(samples);
    let driven = driven.map_err(|error| {
        RunError::Clients(format!("the clients cannot connect to {}: {error}", plan.address))
    })?;
    Ok((driven, end))
}

/// When the next sample after `now_ns` is due, in nanoseconds since the first client: at every sampling period and at
/// both borders of the window. One that is late is not made up for. `None` after the window.
fn next_due_ns(plan: &Plan, now_ns: u64) -> Option<u64> {
    let every = plan.sample_every.as_nanos() as u64;
    let [start, end] = borders(plan);
    let period = (now_ns / every + 1) * every;
    [period, start, end].into_iter().filter(|due| (now_ns + 1..=end).contains(due)).min()
}

/// When the window begins and ends, in nanoseconds since the first client.
fn borders(plan: &Plan) -> [u64; 2] {
    [plan.warmup, plan.warmup + plan.measure].map(|since| since.as_nanos() as u64)
}

/// Sleeps until then (`None`: until the clients are done), or until something ends the clients' time.
fn wait(
    until_ns: Option<u64>,
    engine: &JoinHandle<std::io::Result<Driven>>,
    target: &mut dyn Target,
    interrupt: &mut Interrupt,
) -> Option<End> {
    loop {
        if engine.is_finished() {
            return Some(End::Finished);
        }
        if interrupt.requested() {
            return Some(End::Interrupted);
        }
        if let Err(last_words) = target.still_runs() {
            return Some(End::Died(last_words));
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
    ticks: Receiver<Tick>,
    threads: u32,
    /// By when they were due: those that not every thread has sent yet, added up, and how many have.
    open: BTreeMap<u64, (Tick, u32)>,
}

impl Board {
    fn new(ticks: Receiver<Tick>, threads: u32) -> Self {
        Self { ticks, threads, open: BTreeMap::new() }
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
            let at_ns = whole.at_ns as i64;
            let sample =
                samples.entry(due_ns as i64).or_insert_with(|| Sample { at_ns, ..Sample::default() });
            sample.run.merge(&whole.run);
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

/// Makes what people want to see while they wait out of the last samples.
#[derive(Default)]
struct Meter {
    answered: f64,
    at_ns: i64,
}

impl Meter {
    fn read(&mut self, samples: &Samples) -> Progress {
        let Some(sample) = samples.values().rev().find(|sample| !sample.groups.is_empty()) else {
            return Progress::default();
        };
        let answered: f64 = sample.groups.iter().filter_map(|row| row.value(Metric::Answered)).sum();
        let seconds = (sample.at_ns - self.at_ns) as f64 / 1e9;
        let rate = if seconds > 0.0 { (answered - self.answered) / seconds } else { 0.0 };
        (self.answered, self.at_ns) = (answered, sample.at_ns);
        Progress {
            seconds: sample.at_ns as f64 / 1e9,
            answers_per_second: rate,
            response_p99_ns: sample
                .groups
                .iter()
                .filter_map(|row| row.value(Metric::IntervalP99))
                .reduce(f64::max),
            server_rss_bytes: sample.run.value(Metric::ServerRss),
            kernel_memory_bytes: sample.run.value(Metric::KernelMemory),
            evictions: sample.run.value(Metric::Evictions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Latencies;

    #[test]
    fn samples_are_due_at_every_period_and_at_the_borders() {
        let plan = Plan {
            address: ([127, 0, 0, 1], 0).into(),
            groups: Vec::new(),
            seed: 0,
            epoch_ns: 0,
            warmup: Duration::from_nanos(150),
            measure: Duration::from_nanos(250),
            sample_every: Duration::from_nanos(100),
            threads: 1,
        };
        let mut due = vec![0];
        while let Some(next) = next_due_ns(&plan, due[due.len() - 1]) {
            due.push(next);
        }
        assert_eq!(due, [0, 100, 150, 200, 300, 400]);
        assert_eq!(next_due_ns(&plan, 275), Some(300), "what was missed is not made up for");
        assert_eq!(next_due_ns(&plan, 400), None);
    }

    #[test]
    fn a_sample_has_the_ticks_of_all_threads_together() {
        let (sender, ticks) = mpsc::channel();
        let mut board = Board::new(ticks, 2);
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
