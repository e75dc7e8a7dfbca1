//! Instructions of a server: all threads of all of its processes, and what they start later.

use std::{collections::BTreeMap, fs};

use crate::sys::{Counter, Event, Scope};

/// Counts of every task of some processes.
#[derive(Debug)]
pub struct TaskCounters {
    counters: BTreeMap<u32, Counter>,
    scope: Scope,
}

impl TaskCounters {
    /// Starts to count `event` in every thread of `processes`, in the kernel too where that is permitted. What they start
    /// from now on is counted with them.
    ///
    /// # Errors
    /// Why nothing is counted, in words.
    pub fn new(event: Event, processes: &[u32]) -> Result<Self, String> {
        Self::in_scope(event, processes, Scope::UserAndKernel)
            .or_else(|_| Self::in_scope(event, processes, Scope::User))
    }

    fn in_scope(event: Event, processes: &[u32], scope: Scope) -> Result<Self, String> {
        let mut counters = BTreeMap::new();
        loop {
            let tasks = processes.iter().flat_map(|pid| tasks(*pid));
            let unseen: Vec<u32> = tasks.filter(|task| !counters.contains_key(task)).collect();
            if unseen.is_empty() {
                break;
            }
            // Who starts while others are attached to is started by one of those, or seen in the next round.
            for task in unseen {
                counters.insert(task, Counter::open(event, task, scope)?);
            }
        }
        if counters.is_empty() {
            Err("there is no such process".to_owned())
        } else {
            Ok(Self { counters, scope })
        }
    }

    /// Where they count, in words.
    #[must_use]
    pub const fn scope(&self) -> &'static str {
        match self.scope {
            Scope::UserAndKernel => "in user space and in the kernel",
            Scope::User => "in user space only",
        }
    }

    /// All counts until now, those of ended threads included; `None` where a part was not seen.
    pub fn read(&mut self) -> Option<u64> {
        self.counters.values_mut().map(Counter::read).sum()
    }
}

fn tasks(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    use super::*;

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn a_process_and_its_children_are_counted_from_outside() {
        let busy = "read go; i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; (while [ $i -lt 60000 ]; do i=$((i+1)); done); read end";
        let mut child = Command::new("sh").args(["-c", busy]).stdin(Stdio::piped()).spawn().expect("a shell");
        let Ok(mut counters) = TaskCounters::new(Event::TaskClock, &[child.id()]) else {
            eprintln!("SKIP: this machine does not let other tasks be counted");
            child.kill().and_then(|()| child.wait()).expect("it ends");
            return;
        };
        let before = counters.read().expect("a count");
        let mut go = child.stdin.take().expect("a pipe");
        go.write_all(b"\n\n").expect("written");
        drop(go);
        child.wait().expect("it ends");
        let after = counters.read().expect("a count of what has ended");
        assert!(after > before + 5_000_000, "{before} {after}");
        assert!(counters.scope().starts_with("in user space"));
    }

    #[test]
    fn no_process_is_no_count() {
        assert!(TaskCounters::new(Event::TaskClock, &[]).is_err());
    }
}
