//! A probe of another process through /proc: memory, CPU time, run delay, threads, descriptors.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nix::unistd::{SysconfVar, sysconf};

use super::proc_file::{ProcFile, number_after};

/// One instant of a process. Counts and times are totals since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessReading {
    /// Resident memory now, in bytes: `VmRSS`. May be off by some pages per thread (`proc_pid_statm(5)`).
    pub rss_bytes: u64,
    /// The most that was ever resident, in bytes: `VmHWM`.
    pub peak_rss_bytes: u64,
    /// CPU time in user space, in nanoseconds with the grain of a clock tick (10 ms), ended threads included.
    pub cpu_user_ns: u64,
    /// CPU time in the kernel, likewise.
    pub cpu_system_ns: u64,
    /// CPU time in user space of children that ended and were waited for, and of theirs, likewise.
    pub waited_user_ns: u64,
    /// CPU time in the kernel of children that ended and were waited for, and of theirs, likewise.
    pub waited_system_ns: u64,
    /// Nanoseconds on a CPU, exactly; of threads that ended, what was seen last.
    pub on_cpu_ns: u64,
    /// Nanoseconds ready to run and waiting for a CPU, likewise: the noise of the machine.
    pub run_delay_ns: u64,
    /// Times a thread waited for something, likewise.
    pub voluntary_switches: u64,
    /// Times a thread had its CPU taken away, likewise.
    pub involuntary_switches: u64,
    /// Threads alive.
    pub threads: u64,
    /// One of its threads was on a CPU, or ready to run, or in a wait that nothing interrupts, as for the child that it
    /// forks: states R and D.
    pub is_running: bool,
    /// Open descriptors; `None` where the kernel is older than 6.2 and the process belongs to someone else.
    pub descriptors: Option<u64>,
}

/// Reads one process, by its id. Costs some tens of microseconds, and as much again for each thread beyond the first.
#[derive(Debug)]
pub struct ProcessProbe {
    directory: PathBuf,
    stat: ProcFile,
    status: ProcFile,
    schedstat: ProcFile,
    threads: Threads,
    nanoseconds_per_tick: u64,
}

impl ProcessProbe {
    /// Start looking at `pid`.
    ///
    /// # Errors
    /// When there is no such process, or /proc hides it.
    pub fn new(pid: u32) -> io::Result<Self> {
        let directory = PathBuf::from(format!("/proc/{pid}"));
        let ticks_per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok());
        Ok(Self {
            stat: ProcFile::open(directory.join("stat"))?,
            status: ProcFile::open(directory.join("status"))?,
            schedstat: ProcFile::open(directory.join("schedstat"))?,
            threads: Threads::default(),
            nanoseconds_per_tick: 1_000_000_000 / ticks_per_second.unwrap_or(100).max(1),
            directory,
        })
    }

    /// Read the process now.
    ///
    /// # Errors
    /// `NotFound` or `ESRCH` when the process is gone (a zombie counts as gone), `InvalidData` when /proc says
    /// something else than expected.
    pub fn read(&mut self) -> io::Result<ProcessReading> {
        let stat = parse_stat(self.stat.read()?).ok_or_else(|| unexpected("stat"))?;
        let status = self.status.read()?;
        let kibibytes = |key| number_after(status, key).map(|number| number * 1024);
        let rss_bytes = kibibytes("VmRSS:").ok_or_else(|| io::Error::from_raw_os_error(libc::ESRCH))?;
        let peak_rss_bytes = kibibytes("VmHWM:").unwrap_or(rss_bytes);
        let (effort, is_running) = if stat.threads == 1 && self.threads.is_empty() {
            let effort = Effort::parse(self.schedstat.read()?, status);
            (effort, effort.is_running)
        } else {
            let living = living_threads(&self.directory)?;
            let is_running = living.values().any(|effort| effort.is_running);
            (self.threads.settle(living), is_running)
        };
        Ok(ProcessReading {
            rss_bytes,
            peak_rss_bytes,
            cpu_user_ns: stat.user_ticks * self.nanoseconds_per_tick,
            cpu_system_ns: stat.system_ticks * self.nanoseconds_per_tick,
            waited_user_ns: stat.waited_user_ticks * self.nanoseconds_per_tick,
            waited_system_ns: stat.waited_system_ticks * self.nanoseconds_per_tick,
            on_cpu_ns: effort.on_cpu_ns,
            run_delay_ns: effort.run_delay_ns,
            voluntary_switches: effort.voluntary_switches,
            involuntary_switches: effort.involuntary_switches,
            threads: stat.threads,
            is_running,
            descriptors: self.descriptors(),
        })
    }

    /// Makes [`ProcessReading::peak_rss_bytes`] begin anew with what is resident now: `proc_pid_clear_refs(5)`, value 5.
    ///
    /// # Errors
    /// `PermissionDenied` when the process belongs to someone else, `NotFound` when it is gone or the kernel cannot.
    pub fn reset_peak_rss(&self) -> io::Result<()> {
        OpenOptions::new().write(true).open(self.directory.join("clear_refs"))?.write_all(b"5")
    }

    /// The process's share of memory, in bytes: its own pages, and its part of those it shares. The kernel walks the
    /// page tables for it (about half a millisecond and more), so ask once or twice a second at most.
    ///
    /// # Errors
    /// `PermissionDenied` when the process belongs to someone else, `NotFound` when it is gone.
    pub fn read_pss(&mut self) -> io::Result<u64> {
        // Opened anew every time: the file stays with the memory that the process had when it was opened, and that
        // is another one after an exec.
        let rollup = fs::read_to_string(self.directory.join("smaps_rollup"))?;
        number_after(&rollup, "Pss:")
            .map(|kibibytes| kibibytes * 1024)
            .ok_or_else(|| unexpected("smaps_rollup"))
    }

    /// Linux ≥ 6.2 says the number of descriptors as the size of the directory; before that it says 0.
    fn descriptors(&self) -> Option<u64> {
        let directory = self.directory.join("fd");
        match fs::metadata(&directory).ok()?.len() {
            0 => Some(fs::read_dir(directory).ok()?.count() as u64),
            count => Some(count),
        }
    }
}

/// What every thread that lives now has done, by its id.
fn living_threads(process: &Path) -> io::Result<BTreeMap<OsString, Effort>> {
    let mut living = BTreeMap::new();
    for thread in fs::read_dir(process.join("task"))? {
        let thread = thread?;
        // A thread may end between the listing and the reading.
        let Ok(schedstat) = fs::read_to_string(thread.path().join("schedstat")) else { continue };
        let Ok(status) = fs::read_to_string(thread.path().join("status")) else { continue };
        living.insert(thread.file_name(), Effort::parse(&schedstat, &status));
    }
    Ok(living)
}

/// The threads of a process: what those did that are gone is not forgotten.
#[derive(Debug, Default)]
struct Threads {
    last: BTreeMap<OsString, Effort>,
    ended: Effort,
}

impl Threads {
    fn is_empty(&self) -> bool {
        self.last.is_empty()
    }

    /// What all threads have done until now, those that ended as of their last reading.
    fn settle(&mut self, living: BTreeMap<OsString, Effort>) -> Effort {
        for (id, last) in &self.last {
            // An id that is used again belongs to a thread that has done less.
            if living.get(id).is_none_or(|now| now.on_cpu_ns < last.on_cpu_ns) {
                self.ended.add(*last);
            }
        }
        let mut sum = self.ended;
        for effort in living.values() {
            sum.add(*effort);
        }
        self.last = living;
        sum
    }
}

fn unexpected(file: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("/proc/PID/{file} does not have the format of proc(5)"),
    )
}

/// What the scheduler did for one thread, or for several together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Effort {
    on_cpu_ns: u64,
    run_delay_ns: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
    /// Of one thread, when it was looked at.
    is_running: bool,
}

impl Effort {
    /// Zero where a kernel was built without schedstats.
    fn parse(schedstat: &str, status: &str) -> Self {
        let mut times = schedstat.split_whitespace().map(|word| word.parse().unwrap_or(0));
        Self {
            on_cpu_ns: times.next().unwrap_or(0),
            run_delay_ns: times.next().unwrap_or(0),
            voluntary_switches: number_after(status, "voluntary_ctxt_switches:").unwrap_or(0),
            involuntary_switches: number_after(status, "nonvoluntary_ctxt_switches:").unwrap_or(0),
            is_running: status
                .lines()
                .any(|line| line.starts_with("State:\tR") || line.starts_with("State:\tD")),
        }
    }

    fn add(&mut self, other: Self) {
        self.on_cpu_ns += other.on_cpu_ns;
        self.run_delay_ns += other.run_delay_ns;
        self.voluntary_switches += other.voluntary_switches;
        self.involuntary_switches += other.involuntary_switches;
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    user_ticks: u64,
    system_ticks: u64,
    waited_user_ticks: u64,
    waited_system_ticks: u64,
    threads: u64,
}

/// Fields 14 to 17 and 20 of `proc_pid_stat(5)`. Field 2 is the program's name, in which spaces and parentheses may
/// stand, so counting begins after the last `)`.
fn parse_stat(stat: &str) -> Option<Stat> {
    let (_, from_third) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = from_third.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3)?.parse().ok();
    Some(Stat {
        user_ticks: field(14)?,
        system_ticks: field(15)?,
        waited_user_ticks: field(16)?,
        waited_system_ticks: field(17)?,
        threads: field(20)?,
    })
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::process::{Command, Stdio};
    use std::sync::mpsc;
    use std::thread;

    use super::*;
    use crate::sys::monotonic_ns;

    #[test]
    fn stat_fields_are_counted_after_the_process_name() {
        let stat =
            "812 (a) R (b c)) S 1 812 812 0 -1 4194304 100 0 0 0 77 13 5 6 20 0 9 0 98563 3133440 372 184";
        let wanted = Stat {
            user_ticks: 77,
            system_ticks: 13,
            waited_user_ticks: 5,
            waited_system_ticks: 6,
            threads: 9,
        };
        assert_eq!(parse_stat(stat), Some(wanted));
        assert_eq!(parse_stat("812 (cat) S 1"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn effort_is_read_from_two_files_and_added() {
        let status = "State:\tR (running)\nvoluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t2\n";
        let mut sum = Effort::parse("805340 56234 2\n", status);
        assert!(sum.is_running && !Effort::parse("", "State:\tS (sleeping)\n").is_running);
        assert!(Effort::parse("", "State:\tD (disk sleep)\n").is_running);
        sum.add(sum);
        assert_eq!((sum.on_cpu_ns, sum.run_delay_ns), (1_610_680, 112_468));
        assert_eq!((sum.voluntary_switches, sum.involuntary_switches), (10, 4));
        assert_eq!(Effort::parse("", ""), Effort::default());
    }

    #[test]
    fn totals_keep_the_work_of_ended_threads() {
        let effort = |ns| Effort { on_cpu_ns: ns, voluntary_switches: 1, ..Effort::default() };
        let living = |threads: &[(&str, u64)]| -> BTreeMap<OsString, Effort> {
            threads.iter().map(|(id, ns)| ((*id).into(), effort(*ns))).collect()
        };
        let mut threads = Threads::default();
        for (step, on_cpu_ns, switches) in [
            (living(&[("1", 100), ("2", 50)]), 150, 2),
            (living(&[("1", 110)]), 160, 2),
            (living(&[("1", 120), ("2", 5)]), 175, 3),
            (living(&[("1", 120), ("2", 3)]), 178, 4),
        ] {
            let sum = threads.settle(step);
            assert_eq!((sum.on_cpu_ns, sum.voluntary_switches), (on_cpu_ns, switches));
        }
    }

    #[test]
    fn threads_and_descriptors_of_this_process_are_counted() {
        let (stop, stopped) = mpsc::channel::<()>();
        let waiting = thread::spawn(move || stopped.recv());
        let files: Vec<File> = (0..50).map(|_| File::open("/dev/null").unwrap()).collect();
        let mut probe = ProcessProbe::new(std::process::id()).unwrap();
        let reading = probe.read().unwrap();
        assert!(reading.threads >= 2 && reading.descriptors.unwrap() >= files.len() as u64, "{reading:?}");
        assert!(reading.on_cpu_ns > 0 && reading.voluntary_switches > 0, "{reading:?}");
        assert!(reading.peak_rss_bytes >= reading.rss_bytes && probe.read_pss().unwrap() > 0, "{reading:?}");
        drop(stop);
        assert!(waiting.join().unwrap().is_err());
    }

    #[test]
    fn cpu_time_of_another_process_is_read() {
        let mut busy = Command::new("sh")
            .args(["-c", "i=0; while [ $i -lt 5000000 ]; do i=$((i+1)); done"])
            .spawn()
            .unwrap();
        let mut probe = ProcessProbe::new(busy.id()).unwrap();
        let deadline = monotonic_ns() + 10_000_000_000;
        let reading = loop {
            let reading = probe.read().unwrap();
            if reading.cpu_user_ns + reading.cpu_system_ns >= 30_000_000 || monotonic_ns() > deadline {
                break reading;
            }
        };
        busy.kill().unwrap();
        busy.wait().unwrap();
        // The tick-grained and the exact account of the same work agree but for some ticks.
        let ticked = reading.cpu_user_ns + reading.cpu_system_ns;
        assert!(ticked >= 30_000_000 && reading.on_cpu_ns.abs_diff(ticked) < 50_000_000, "{reading:?}");
    }

    #[test]
    fn reading_an_ended_process_is_an_error() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut probe = ProcessProbe::new(child.id()).unwrap();
        let reading = probe.read().unwrap();
        assert_eq!(reading.threads, 1);
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(probe.read().is_err() && probe.read_pss().is_err());
        assert!(ProcessProbe::new(u32::MAX).is_err());
    }
}
