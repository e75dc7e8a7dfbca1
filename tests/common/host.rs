//! Tests that a busy machine may keep from telling: what else ran while one failed.

use std::{
    any::Any,
    cell::Cell,
    collections::HashMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::{Duration, Instant},
};

use badpeer::probe::{HostProbe, descendants};

use super::places::{Place, WholeRoom};

/// Programs of others with less than this share of the cores are no reason to doubt a failure.
const SHARE: f64 = 0.1;

/// Less CPU time than this is that of a moment, whatever its share.
const LEAST_NS: u64 = 100_000_000;

/// An attempt that took longer is not repeated.
const SHORT: Duration = Duration::from_secs(30);

thread_local! {
    static PATIENCE: Cell<u64> = const { Cell::new(1) };
}

/// How many times as long as usual the windows of this attempt of a `patient_test` are.
pub(crate) fn patience() -> u64 {
    PATIENCE.get()
}

/// A test whose result depends on time. Where it fails beside other tests, it runs again alone. Where it then fails while
/// other programs, or other guests of the host, have more than a tenth of the cores, it runs again, at most twice, and is then
/// skipped by its name.
macro_rules! timed_test {
    ($($test:tt)*) => { test_by! { judged $($test)* } };
}

/// The same, of a test that would mostly fail beside others: it runs alone at once.
macro_rules! lone_test {
    ($($test:tt)*) => { test_by! { alone $($test)* } };
}

/// A test that this function runs.
macro_rules! test_by {
    ($function:ident $(#[$attribute:meta])* fn $name:ident() $body:block) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            crate::common::host::$function(stringify!($name), crate::common::host::Cpu::now, || $body);
        }
    };
}

/// The same as a `timed_test`, of a test that waits for something to be complete: where it fails alone, it runs again with
/// windows that are [`patience`] times as long, which is three times more each time.
macro_rules! patient_test {
    ($(#[$attribute:meta])* fn $name:ident() $body:block) => {
        #[test]
        $(#[$attribute])*
        fn $name() {
            let attempt = crate::common::host::more_patient_each_time(|| $body);
            crate::common::host::judged(stringify!($name), crate::common::host::Cpu::now, attempt);
        }
    };
}

/// A test that has three times as much patience in each attempt as in the one before, from the second one alone on.
pub(crate) fn more_patient_each_time(body: impl Fn()) -> impl Fn() {
    let attempts = Cell::new(0_u32);
    move || {
        PATIENCE.set(3_u64.pow(attempts.replace(attempts.get() + 1).saturating_sub(1)));
        body();
    }
}

/// Runs a test beside others, and again alone if it fails; `now` says what the CPU time so far was used for.
pub(crate) fn judged(test: &str, now: impl Fn() -> Cpu, body: impl Fn()) {
    let beside = {
        let _place = Place::beside_others();
        catch_unwind(AssertUnwindSafe(&body))
    };
    if let Err(panic) = beside {
        super::say(&format!("AGAIN {test}, alone: beside other tests it failed: {}", said(&*panic)));
        alone(test, now, body);
    }
}

/// Runs a test once no other runs.
pub(crate) fn alone(test: &str, now: impl Fn() -> Cpu, body: impl Fn()) {
    let _room = WholeRoom::take();
    judged_alone(test, now, body);
}

/// Runs a test that nothing of this test program disturbs.
pub(crate) fn judged_alone(test: &str, now: impl Fn() -> Cpu, body: impl Fn()) {
    for attempts_left in (0..3).rev() {
        let (began, before) = (Instant::now(), now());
        let Err(panic) = catch_unwind(AssertUnwindSafe(&body)) else { return };
        let share = now().share_of_others_since(&before);
        if share < SHARE {
            resume_unwind(panic);
        }
        if attempts_left == 0 || began.elapsed() > SHORT {
            return super::skip(&format!(
                "{test}: others had {:.0} % of the cores: {}",
                share * 100.0,
                said(&*panic)
            ));
        }
    }
}

/// What a test that failed said, in one line.
fn said(panic: &(dyn Any + Send)) -> String {
    let why = panic.downcast_ref::<String>().map(String::as_str);
    let why = why.or(panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    why.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

/// What CPU time was used for until a moment, in nanoseconds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cpu {
    /// Time of all cores, idle or not.
    pub(crate) all_ns: u64,
    /// Time that the host gave to other guests.
    pub(crate) stolen_ns: u64,
    /// Time of each process that does not belong to this test program.
    pub(crate) others_ns: HashMap<u32, u64>,
}

impl Cpu {
    pub(crate) fn now() -> Self {
        let host = HostProbe::new().and_then(|mut probe| probe.read()).expect("/proc");
        let own = std::process::id();
        let own = [vec![own], descendants(own)].concat();
        let entries = fs::read_dir("/proc").expect("/proc").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let others = pids.filter(|pid| !own.contains(pid)).filter_map(|pid| Some((pid, cpu_ns(pid)?)));
        Self { all_ns: host.cpu_ns, stolen_ns: host.steal_ns, others_ns: others.collect() }
    }

    /// Share of the cores' time, from 0 to 1, that others had.
    pub(crate) fn share_of_others_since(&self, before: &Self) -> f64 {
        let of = |(pid, ns): (&u32, &u64)| ns.saturating_sub(before.others_ns.get(pid).copied().unwrap_or(0));
        let others = self.others_ns.iter().map(of).sum::<u64>() + (self.stolen_ns - before.stolen_ns);
        if others < LEAST_NS { 0.0 } else { others as f64 / (self.all_ns - before.all_ns).max(1) as f64 }
    }
}

/// CPU time of a process, in nanoseconds: fields 14 and 15 of `proc_pid_stat(5)`, in ticks of 10 ms. A
/// [`ProcessProbe`](badpeer::probe::ProcessProbe) would read a file for each thread of the machine.
fn cpu_ns(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index)?.parse::<u64>().ok();
    Some((ticks(11)? + ticks(12)?) * 10_000_000)
}
