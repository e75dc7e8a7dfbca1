//! Tests that a busy machine may keep from telling: what else ran while one failed.

use std::{
    collections::HashMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

/// Programs of others with less than this share of the cores are no reason to doubt a failure.
const SHARE: f64 = 0.1;

/// Ticks of a hundredth of a second, below which such a share is that of a moment.
const LEAST_TICKS: f64 = 10.0;

/// An attempt that took longer is not repeated.
const SHORT: Duration = Duration::from_secs(30);

/// A test whose result depends on time. Where it fails while other programs, or other guests of the host, have more than a
/// tenth of the cores, it runs again, at most twice, and is then skipped by its name.
macro_rules! timed_test {
    ($(#[$attribute:meta])* fn $name:ident() $body:block) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            crate::common::host::judged(stringify!($name), crate::common::host::Cpu::now, || $body);
        }
    };
}

/// Runs a test; `now` tells what the CPU time so far was used for.
pub(crate) fn judged(test: &str, now: impl Fn() -> Cpu, body: impl Fn()) {
    for attempts_left in (0..3).rev() {
        let (began, before) = (Instant::now(), now());
        let Err(panic) = catch_unwind(AssertUnwindSafe(&body)) else { return };
        let share = now().share_of_others_since(&before);
        if share < SHARE {
            resume_unwind(panic);
        }
        if attempts_left == 0 || began.elapsed() > SHORT {
            let why = panic.downcast_ref::<String>().map(String::as_str);
            let why = why.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
            let why = why.split_whitespace().collect::<Vec<_>>().join(" ");
            let why: String = why.chars().take(200).collect();
            return super::skip(&format!("{test}: others had {:.0} % of the cores: {why}", share * 100.0));
        }
    }
}

/// What CPU time was used for until a moment, in ticks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cpu {
    /// Time of all cores, idle or not.
    pub(crate) all: f64,
    /// Time that the host gave to other guests.
    pub(crate) stolen: f64,
    /// Time of each process that does not belong to this test program.
    pub(crate) others: HashMap<u32, f64>,
}

impl Cpu {
    pub(crate) fn now() -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = stat.lines().next().unwrap_or_default();
        let ticks: Vec<f64> = line.split_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        let (all, stolen) = (ticks.iter().take(8).sum(), ticks.get(7).copied().unwrap_or(0.0));
        Self { all, stolen, others: others(&processes(), std::process::id()) }
    }

    /// Share of the cores' time, from 0 to 1, that others had.
    pub(crate) fn share_of_others_since(&self, before: &Self) -> f64 {
        let of = |(pid, ticks): (&u32, &f64)| ticks - before.others.get(pid).copied().unwrap_or(0.0);
        let others: f64 = self.others.iter().map(of).sum::<f64>() + self.stolen - before.stolen;
        if others < LEAST_TICKS { 0.0 } else { others / (self.all - before.all).max(1.0) }
    }
}

/// A process: its parent, and the ticks that it used.
type Process = (u32, f64);

fn processes() -> HashMap<u32, Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, process(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect()
}

/// What `/proc/PID/stat` says; the name in parentheses may hold anything.
fn process(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    Some((fields.get(1)?.parse().ok()?, ticks(11)? + ticks(12)?))
}

/// The ticks of those processes that do not descend from `own`.
pub(crate) fn others(processes: &HashMap<u32, Process>, own: u32) -> HashMap<u32, f64> {
    let descends = |pid: u32| {
        let parents = std::iter::successors(Some(pid), |pid| processes.get(pid).map(|process| process.0));
        // As deep as no tree is: a process may have gone while this was read.
        parents.take(64).any(|pid| pid == own)
    };
    processes.iter().filter(|(pid, _)| !descends(**pid)).map(|(pid, process)| (*pid, process.1)).collect()
}
