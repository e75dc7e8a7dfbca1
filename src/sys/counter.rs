//! What the processor, or the kernel, counts of other tasks: `perf_event_open(2)`.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::OwnedFd,
};

use super::calls::{PERF_ATTR_SIZE_VER0, perf_event_open};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Instructions retired, by the hardware.
    Instructions,
    /// Nanoseconds on a CPU, by the kernel: works where there is no hardware counter.
    TaskClock,
}

/// Where it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In user space and in the kernel on its behalf.
    UserAndKernel,
    /// In user space only.
    User,
}

/// A count of one task (a thread) and of all threads and processes that it starts from now on.
#[derive(Debug)]
pub struct Counter(File);

impl Counter {
    /// Starts to count; task 0 is the caller.
    ///
    /// # Errors
    /// Why not, in words that say what to do.
    pub fn open(event: Event, task: u32, scope: Scope) -> Result<Self, String> {
        let opened = open(event, task, scope).map_err(|error| match error.raw_os_error() {
            Some(libc::EACCES | libc::EPERM) => {
                "not permitted: kernel.perf_event_paranoid or a sandbox".to_owned()
            }
            Some(libc::ENOENT | libc::EOPNOTSUPP | libc::ENODEV) => {
                "no such counter: the virtual machine hides it".to_owned()
            }
            Some(libc::ENOSYS) => "this kernel has no perf_event_open".to_owned(),
            Some(libc::ESRCH) => "the task has ended".to_owned(),
            _ => format!("perf_event_open: {error}"),
        });
        opened.map(|fd| Self(File::from(fd)))
    }

    /// The count until now; `None` if the counter was shared with others for a part of the time and missed events.
    pub fn read(&mut self) -> Option<u64> {
        // The count, and for how long it was wanted and had, as `read_format` asks.
        let mut bytes = [0; 24];
        self.0.read_exact(&mut bytes).ok()?;
        let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_ne_bytes).unwrap_or_default();
        let (count, enabled, running) = (number(0), number(8), number(16));
        (running == enabled).then_some(count)
    }
}

fn open(event: Event, task: u32, scope: Scope) -> io::Result<OwnedFd> {
    const PERF_TYPE_HARDWARE: u32 = 0;
    const PERF_TYPE_SOFTWARE: u32 = 1;
    const PERF_COUNT_HW_INSTRUCTIONS: u64 = 1;
    const PERF_COUNT_SW_TASK_CLOCK: u64 = 1;
    const TOTAL_TIME_ENABLED_AND_RUNNING: u64 = 1 | 1 << 1;
    const INHERIT: u64 = 1 << 1;
    const EXCLUDE_KERNEL: u64 = 1 << 5;
    const EXCLUDE_HYPERVISOR: u64 = 1 << 6;
    let (kind, config) = match event {
        Event::Instructions => (PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS),
        Event::TaskClock => (PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK),
    };
    let user_only = if scope == Scope::User { EXCLUDE_KERNEL } else { 0 };
    let flags = INHERIT | EXCLUDE_HYPERVISOR | user_only;
    // A C bit field is filled from the other end on a big-endian machine.
    let flags = if cfg!(target_endian = "big") { flags.reverse_bits() } else { flags };
    let mut attributes = [0_u8; PERF_ATTR_SIZE_VER0];
    attributes[..4].copy_from_slice(&kind.to_ne_bytes());
    attributes[4..8].copy_from_slice(&(PERF_ATTR_SIZE_VER0 as u32).to_ne_bytes());
    attributes[8..16].copy_from_slice(&config.to_ne_bytes());
    attributes[32..40].copy_from_slice(&TOTAL_TIME_ENABLED_AND_RUNNING.to_ne_bytes());
    attributes[40..48].copy_from_slice(&flags.to_ne_bytes());
    perf_event_open(&attributes, task)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes for so long, however long that takes where others compute as well.
    fn spin(ms: u64) {
        let until = super::super::thread_cpu_ns() + ms * 1_000_000;
        while super::super::thread_cpu_ns() < until {}
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn a_counter_counts_its_task_and_those_it_starts() {
        let Ok(mut counter) = Counter::open(Event::TaskClock, 0, Scope::User) else {
            eprintln!("SKIP: this machine does not let tasks be counted");
            return;
        };
        spin(20);
        let alone = counter.read().expect("a software counter is shared with nobody");
        assert!((5_000_000..2_000_000_000).contains(&alone), "{alone}");
        std::thread::spawn(|| spin(30)).join().expect("it ends");
        let both = counter.read().expect("a count");
        assert!(both >= alone + 10_000_000, "{alone} {both}");
    }

    #[test]
    fn an_unavailable_counter_gives_the_reason() {
        let error = Counter::open(Event::TaskClock, u32::MAX, Scope::User).expect_err("no such task");
        assert_eq!(error, "the task has ended");
        if let Err(reason) = Counter::open(Event::Instructions, 0, Scope::UserAndKernel) {
            assert!(!reason.is_empty());
        }
    }
}
