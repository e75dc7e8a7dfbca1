//! A server as a whole: its process and all child processes, measured as one. The use of ended processes stays counted.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    gone::is_gone,
    peak::PeakRss,
    process::{ProcessProbe, ProcessReading},
};

/// One instant of a server, summed over its processes. Times and switches never go back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TreeReading {
    /// Processes alive.
    pub processes: u64,
    /// Threads alive.
    pub threads: u64,
    /// One of their threads was on a CPU, or ready to run: [`ProcessReading::is_running`].
    pub is_running: bool,
    /// Resident memory, in bytes. Pages that processes share are counted in each.
    pub rss_bytes: u64,
    /// The most that was resident since the last reading, in bytes: of several processes the sum of what each had at most.
    pub peak_rss_bytes: u64,
    /// CPU time in user space, in nanoseconds with the grain of a clock tick.
    pub cpu_user_ns: u64,
    /// CPU time in the kernel, likewise.
    pub cpu_system_ns: u64,
    /// CPU time, exact to the nanosecond for threads alive.
    pub cpu_ns: u64,
    /// Time ready to run and waiting for a CPU, in nanoseconds; of what ended, as last seen.
    pub run_delay_ns: u64,
    /// Context switches; of what ended, as last seen.
    pub context_switches: u64,
    /// Open descriptors; `None` where one of the processes does not let us look.
    pub descriptors: Option<u64>,
}

/// Reads processes and everything that they started. Costs as much as a
/// [`ProcessProbe`] for each, and a file for each thread.
#[derive(Debug)]
pub struct TreeProbe {
    members: BTreeMap<u32, ProcessProbe>,
    account: Account,
    peaks: PeakRss,
}

impl TreeProbe {
    /// Start looking at `roots` and all below them.
    ///
    /// # Errors
    /// When one of them does not exist, or /proc hides it.
    pub fn new(roots: &[u32]) -> io::Result<Self> {
        let members = roots.iter().map(|&pid| Ok((pid, ProcessProbe::new(pid)?)));
        let members = members.collect::<io::Result<_>>()?;
        Ok(Self { members, account: Account::default(), peaks: PeakRss::default() })
    }

    /// Whether this kernel lists children (`CONFIG_PROC_CHILDREN`); without it only the roots are seen.
    #[must_use]
    pub fn sees_children() -> bool {
        Path::new("/proc/thread-self/children").exists()
    }

    /// Read all processes now. Who was once seen stays a member, also when its parent is gone.
    ///
    /// # Errors
    /// `NotFound` when none is left.
    pub fn read(&mut self) -> io::Result<TreeReading> {
        self.discover();
        let mut sum = TreeReading { descriptors: Some(0), ..TreeReading::default() };
        let mut living = BTreeMap::new();
        self.members.retain(|&pid, probe| {
            let Ok(reading) = probe.read() else { return false };
            sum.processes += 1;
            sum.threads += reading.threads;
            sum.is_running |= reading.is_running;
            sum.rss_bytes += reading.rss_bytes;
            sum.peak_rss_bytes += self.peaks.since_last(pid, probe, &reading);
            sum.descriptors = sum.descriptors.zip(reading.descriptors).map(|(sum, more)| sum + more);
            living.insert(pid, Work::of(&reading));
            true
        });
        if living.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "all of its processes have exited"));
        }
        self.peaks.keep(&living);
        let total = self.account.settle(living);
        Ok(TreeReading {
            cpu_user_ns: total.user_ns,
            cpu_system_ns: total.system_ns,
            cpu_ns: total.cpu_ns,
            run_delay_ns: total.run_delay_ns,
            context_switches: total.switches,
            ..sum
        })
    }

    /// Forgets what was resident before: [`TreeReading::peak_rss_bytes`] begins with what is resident now.
    ///
    /// # Errors
    /// Why the kernel's own marks of some process could not be reset: a peak of it below what it had before is then known
    /// from readings only.
    pub fn reset_peak_rss(&mut self) -> io::Result<()> {
        self.discover();
        let mut result = Ok(());
        for (&pid, probe) in &mut self.members {
            let Ok(reading) = probe.read() else { continue };
            let reset = self.peaks.begin(pid, probe, &reading);
            result = result.and(reset);
        }
        result
    }

    /// The processes' shares of memory, in bytes: their own pages, and their part of those they share. Walks the page
    /// tables of each: ask once or twice a second at most.
    ///
    /// # Errors
    /// `PermissionDenied` when one belongs to someone else.
    pub fn read_pss(&mut self) -> io::Result<u64> {
        let shares = self.members.values_mut().map(ProcessProbe::read_pss);
        // One that has just ended has no share.
        shares.filter(|share| !matches!(share, Err(error) if is_gone(error))).sum()
    }

    /// The processes that were alive when last looked at.
    pub fn processes(&self) -> impl Iterator<Item = u32> {
        self.members.keys().copied()
    }

    /// Takes in every process that a member has started.
    pub fn discover(&mut self) {
        let mut to_ask: Vec<u32> = self.processes().collect();
        while let Some(parent) = to_ask.pop() {
            for child in children(parent) {
                if !self.members.contains_key(&child)
                    && let Ok(probe) = ProcessProbe::new(child)
                {
                    self.members.insert(child, probe);
                    to_ask.push(child);
                }
            }
        }
    }
}

/// The processes that the threads of `parent` have started and that live: `proc_tid_children(5)`.
pub(super) fn children(parent: u32) -> Vec<u32> {
    let threads = fs::read_dir(PathBuf::from(format!("/proc/{parent}/task")));
    let lists = threads.into_iter().flatten().flatten();
    let lists = lists.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// What a process, or several, used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Work {
    user_ns: u64,
    system_ns: u64,
    cpu_ns: u64,
    run_delay_ns: u64,
    switches: u64,
    /// By children that ended and were waited for.
    waited_user_ns: u64,
    waited_system_ns: u64,
}

impl Work {
    fn of(reading: &ProcessReading) -> Self {
        Self {
            user_ns: reading.cpu_user_ns,
            system_ns: reading.cpu_system_ns,
            // Both say too little: the one leaves out threads that came and went between two readings, the other is
            // rounded down to ticks.
            cpu_ns: reading.on_cpu_ns.max(reading.cpu_user_ns + reading.cpu_system_ns),
            run_delay_ns: reading.run_delay_ns,
            switches: reading.voluntary_switches + reading.involuntary_switches,
            waited_user_ns: reading.waited_user_ns,
            waited_system_ns: reading.waited_system_ns,
        }
    }

    /// Its own work, and that of the children it waited for, as its own.
    fn with_waited(self) -> Self {
        Self {
            user_ns: self.user_ns + self.waited_user_ns,
            system_ns: self.system_ns + self.waited_system_ns,
            cpu_ns: self.cpu_ns + self.waited_user_ns + self.waited_system_ns,
            ..self
        }
    }

    fn plus(self, other: Self) -> Self {
        self.each(other, |a, b| a + b)
    }

    fn most(self, other: Self) -> Self {
        self.each(other, u64::max)
    }

    fn each(self, other: Self, both: fn(u64, u64) -> u64) -> Self {
        Self {
            user_ns: both(self.user_ns, other.user_ns),
            system_ns: both(self.system_ns, other.system_ns),
            cpu_ns: both(self.cpu_ns, other.cpu_ns),
            run_delay_ns: both(self.run_delay_ns, other.run_delay_ns),
            switches: both(self.switches, other.switches),
            waited_user_ns: 0,
            waited_system_ns: 0,
        }
    }
}

/// The work of processes that come and go. Two accounts are kept, and each may be too small: what was seen of processes
/// that ended lacks their last moments; what parents got when they waited for a child (`proc_pid_stat(5)`, `cutime`)
/// lacks children that no parent waits for. The larger one is nearer the truth.
#[derive(Debug, Default)]
struct Account {
    last: BTreeMap<u32, Work>,
    ended: Work,
    reported: Work,
}

impl Account {
    fn settle(&mut self, living: BTreeMap<u32, Work>) -> Work {
        for (pid, work) in &self.last {
            if !living.contains_key(pid) {
                self.ended = self.ended.plus(*work);
            }
        }
        for (pid, work) in &living {
            if !self.last.contains_key(pid) {
                // Whom it waited for before it was first seen will not be seen any more.
                let before = Work {
                    user_ns: work.waited_user_ns,
                    system_ns: work.waited_system_ns,
                    cpu_ns: work.waited_user_ns + work.waited_system_ns,
                    ..Work::default()
                };
                self.ended = self.ended.plus(before);
            }
        }
        let seen = living.values().fold(self.ended, |sum, work| sum.plus(*work));
        let waited = living.values().fold(Work::default(), |sum, work| sum.plus(work.with_waited()));
        self.last = living;
        self.reported = self.reported.most(seen).most(waited);
        self.reported
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
    };

    use super::*;

    /// A process by its own CPU time and that of the children it waited for, all in user space.
    fn work(own: u64, waited: u64) -> Work {
        Work { user_ns: own, cpu_ns: own, switches: 1, waited_user_ns: waited, ..Work::default() }
    }

    fn steps(steps: &[(&[(u32, Work)], u64)]) {
        let mut account = Account::default();
        for (number, (living, cpu_ns)) in steps.iter().enumerate() {
            let total = account.settle(living.iter().copied().collect());
            assert_eq!((total.cpu_ns, total.user_ns), (*cpu_ns, *cpu_ns), "step {number}");
        }
    }

    #[test]
    fn totals_keep_the_work_of_ended_children() {
        steps(&[
            (&[(1, work(10, 0)), (2, work(50, 0))], 60),
            (&[(1, work(11, 0))], 61),
            (&[(1, work(12, 0)), (3, work(4, 0))], 66),
            (&[(3, work(5, 0))], 67),
        ]);
    }

    #[test]
    fn the_work_of_an_unseen_child_counts_by_its_parent() {
        steps(&[(&[(1, work(10, 0))], 10), (&[(1, work(10, 30))], 40), (&[(1, work(11, 30))], 41)]);
    }

    #[test]
    fn a_seen_child_counts_once_after_its_wait() {
        steps(&[
            (&[(1, work(10, 0)), (2, work(50, 0))], 60),
            // Its last 7 were not seen.
            (&[(1, work(10, 57))], 67),
            (&[(1, work(12, 57))], 69),
        ]);
    }

    #[test]
    fn children_waited_for_before_do_not_count() {
        steps(&[
            (&[(1, work(10, 1000)), (2, work(50, 0))], 1060),
            // No parent waits for the second: its work would be gone from the parent's account.
            (&[(1, work(20, 1000))], 1070),
        ]);
    }

    #[test]
    fn an_orphaned_process_still_counts() {
        let kill = |pid: &str| Command::new("kill").args(["-KILL", pid]).status().unwrap();
        let script = "sh -c 'echo $$; sleep 60 & echo $!; wait' & wait; read end";
        let mut shell = Command::new("sh");
        let mut family =
            shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(family.stdout.take().unwrap()).lines().map(Result::unwrap);
        let (middle, sleeper) = (lines.next().unwrap(), lines.next().unwrap());
        let mut probe = TreeProbe::new(&[family.id()]).unwrap();
        let reading = probe.read().unwrap();
        let alone = ProcessProbe::new(family.id()).unwrap().read().unwrap();
        assert_eq!(reading.processes, 3);
        assert!(reading.rss_bytes > alone.rss_bytes && reading.descriptors > alone.descriptors);
        assert!(probe.read_pss().unwrap() > 0);
        kill(&middle);
        while probe.read().unwrap().processes == 3 {}
        let orphan: u32 = sleeper.parse().unwrap();
        assert!(probe.processes().any(|pid| pid == orphan));
        kill(&sleeper);
        drop(family.stdin.take());
        family.wait().unwrap();
        while probe.read().is_ok_and(|reading| reading.processes > 0) {}
        assert_eq!(probe.read().map_err(|error| error.kind()), Err(io::ErrorKind::NotFound));
    }
}
