//! Instructions of a server: all threads of all of its processes, and what they start later.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::tree::children;
use crate::sys::{Counter, Event, Scope};

/// How often counters are attached before it is given up.
const ROUNDS: u32 = 20;

/// Counts of every task of some processes.
#[derive(Debug)]
pub struct TaskCounters {
    counters: BTreeMap<u32, Counter>,
    scope: Scope,
}

impl TaskCounters {
    /// Starts to count `event` in every thread of `roots` and of all processes below them, in the kernel too where that is
    /// permitted. What they start from now on is counted with them, and everything exactly once.
    ///
    /// # Errors
    /// Why nothing is counted, in words.
    pub fn new(event: Event, roots: &[u32]) -> Result<Self, String> {
        Self::in_scope(event, roots, Scope::UserAndKernel)
            .or_else(|_| Self::in_scope(event, roots, Scope::User))
    }

    fn in_scope(event: Event, roots: &[u32], scope: Scope) -> Result<Self, String> {
        let counters = attach(|| tasks_below(roots), |task| Counter::open(event, task, scope))?;
        Ok(Self { counters, scope })
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

/// Opens a counter for every task that `list` names.
///
/// A counter counts what its task starts after it was opened; what was started before needs one of its own, and would be
/// counted twice with one if it was started after. Which of the two it was is known only when nothing was started, or
/// ended, between a list and the next: else all counters are given up, and opened anew.
fn attach<C>(
    mut list: impl FnMut() -> BTreeSet<u32>,
    mut open: impl FnMut(u32) -> Result<C, String>,
) -> Result<BTreeMap<u32, C>, String> {
    for _ in 0..ROUNDS {
        let before = list();
        let opened: Result<BTreeMap<u32, C>, String> =
            before.iter().map(|&task| Ok((task, open(task)?))).collect();
        if list() != before {
            continue;
        }
        return match opened {
            Ok(counters) if counters.is_empty() => Err("there is no such process".to_owned()),
            other => other,
        };
    }
    Err(format!(
        "in {ROUNDS} attempts the server started or ended threads while counters were attached to it"
    ))
}

/// The threads of these processes and of all below them.
fn tasks_below(roots: &[u32]) -> BTreeSet<u32> {
    let mut processes: BTreeSet<u32> = roots.iter().copied().collect();
    let mut to_ask: Vec<u32> = roots.to_vec();
    while let Some(parent) = to_ask.pop() {
        to_ask.extend(children(parent).into_iter().filter(|&child| processes.insert(child)));
    }
    processes.into_iter().flat_map(threads).collect()
}

fn threads(pid: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Write},
        process::{Command, Stdio},
    };

    use super::{super::TreeProbe, *};

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
    fn a_thread_started_while_attaching_is_counted_once() {
        // A task by its number, and the tasks that it was born of, are in the second list only.
        let lists = [vec![1], vec![1, 2], vec![1, 2], vec![1, 2]];
        let mut listed = lists.iter().map(|tasks| tasks.iter().copied().collect::<BTreeSet<u32>>());
        let mut opened = Vec::new();
        let counters = attach(
            || listed.next().expect("a list"),
            |task| {
                opened.push(task);
                Ok(opened.len())
            },
        );
        // The first counter of 1, which would have counted 2 with it, is not among them.
        assert_eq!(opened, [1, 1, 2]);
        assert_eq!(counters.expect("attached"), BTreeMap::from([(1, 2), (2, 3)]));
    }

    #[test]
    fn a_server_that_never_rests_is_not_counted() {
        let mut number = 0;
        let never = attach(
            || {
                number += 1;
                BTreeSet::from([number])
            },
            |_| Ok(()),
        );
        assert!(never.expect_err("not attached").contains("started or ended threads"));
        // A task that ended before it could be attached to is no failure; one that may not be looked at is.
        let mut lists = [vec![1, 2], vec![1], vec![1], vec![1]].into_iter().map(BTreeSet::from_iter);
        let open = |task| if task == 2 { Err("the task has ended".to_owned()) } else { Ok(task) };
        assert_eq!(attach(|| lists.next().expect("a list"), open).map(|counters| counters.len()), Ok(1));
        assert_eq!(attach(|| BTreeSet::from([2]), open), Err("the task has ended".to_owned()));
    }

    /// CPU time of some processes and all below them, from schedstat.
    fn cpu_ns(probe: &mut TreeProbe) -> u64 {
        probe.read().map_or(0, |reading| reading.cpu_ns)
    }

    #[test]
    #[allow(clippy::print_stderr, reason = "a skipped test says so")]
    fn workers_are_counted_once_whenever_forked() {
        // Two workers are there already, and one of them forks a third on request.
        let spin = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done";
        let script = format!(
            "(read go; {spin}; echo done; read end) <&3 & (read go; ({spin}; echo done; read end) ; read end) <&4 & \
             echo ready; read end"
        );
        let folder = tempfile::TempDir::new().expect("a folder");
        let pipes = ["a", "b"].map(|name| folder.path().join(name));
        for pipe in &pipes {
            nix::unistd::mkfifo(pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
        }
        let shell = format!("exec 3<>{} 4<>{}; {script}", pipes[0].display(), pipes[1].display());
        let mut server = Command::new("sh")
            .args(["-c", &shell])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut lines = BufReader::new(server.stdout.take().expect("a pipe")).lines();
        assert_eq!(lines.next().expect("a line").expect("text"), "ready");
        let mut tree = TreeProbe::new(&[server.id()]).expect("it runs");
        let counters = TaskCounters::new(Event::TaskClock, &[server.id()]);
        let before = cpu_ns(&mut tree);
        for pipe in &pipes {
            std::fs::write(pipe, "\n").expect("the pipe is open");
        }
        for _ in &pipes {
            assert_eq!(lines.next().expect("a line").expect("text"), "done");
        }
        let used = cpu_ns(&mut tree) - before;
        let counted = counters.map(|mut counters| counters.read().expect("a count"));
        server.kill().and_then(|()| server.wait()).expect("it ends");
        for pipe in &pipes {
            // Whoever still waits reads the end.
            std::fs::write(pipe, "\n\n\n").expect("the pipe is open");
        }
        let Ok(counted) = counted else {
            eprintln!("SKIP: this machine does not let other tasks be counted");
            return;
        };
        assert!(used > 30_000_000, "{used}");
        assert!(counted.abs_diff(used) < used / 5, "counted {counted}, used {used}");
    }

    #[test]
    fn without_a_process_there_is_no_count() {
        assert!(TaskCounters::new(Event::TaskClock, &[]).is_err());
    }
}
