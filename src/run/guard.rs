//! A small process that is the server's parent, survives a badpeer that was killed, and stops the processes that it
//! left.
//!
//! The guard is there before the program is, so that there is no moment in which no process would end it; whoever
//! leaves the program's group or session and loses its parent becomes the guard's child (`PR_SET_CHILD_SUBREAPER`); and
//! a guard that is killed itself takes the program with it (`PR_SET_PDEATHSIG`). It has a name of its own, so that
//! `pkill -9 badpeer` and `killall -9 badpeer` miss it; `pkill -f` and `pidof`, which look at the command line and the
//! file, still find it.

use std::{
    ffi::{CStr, OsString},
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    os::{
        fd::AsFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::{
        prctl,
        signal::{Signal, kill, killpg},
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    probe::{TreeProbe, descendants},
    programs, sys,
};

/// What it is called, where processes are called by a name.
const NAME: &CStr = c"bp-guard";
/// How long a process group may take to end after SIGTERM.
pub(super) const SHUTDOWN_GRACE: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);
/// How long those may take to go that were killed.
const GONE: Duration = Duration::from_secs(1);

/// What a guard starts, and what it removes if badpeer cannot.
#[derive(Clone, Debug, clap::Args)]
pub struct Orders {
    /// The folder that goes with the program.
    dir: PathBuf,
    /// The file for the output of the program.
    output: PathBuf,
    /// The program and its arguments.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// A program under guard. Dropping it sends the guard home: the program must have ended before.
#[derive(Debug)]
pub(super) struct Guarded {
    guard: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
    /// What was read of a report that is not whole.
    begun: String,
    process: u32,
    status: Option<ExitStatus>,
}

impl Guarded {
    /// Starts a guard for a folder, which has not started the program yet; `start` starts the guard on its cores.
    pub(super) fn post(
        dir: &Path,
        output: &Path,
        command: &[String],
        start: impl FnOnce(&mut Command) -> io::Result<Child>,
    ) -> io::Result<Self> {
        let mut guard = Command::new(std::env::current_exe()?);
        guard.arg("guard").arg(dir).arg(output);
        guard.arg("--").args(command);
        guard.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // Ctrl-C is for us.
        guard.process_group(0);
        let mut guard = start(&mut guard)?;
        let (Some(orders), Some(reports)) = (guard.stdin.take(), guard.stdout.take()) else {
            return Err(ErrorKind::BrokenPipe.into());
        };
        let reports = BufReader::new(reports);
        let mut posted = Self { guard, orders, reports, begun: String::new(), process: 0, status: None };
        match posted.reports.read_line(&mut String::new())? {
            0 => Err(io::Error::other("it exited at once")),
            _ => Ok(posted),
        }
    }

    /// Lets the guard start the program with these variables in its environment. They are sent through the pipe,
    /// because some are secrets and every user can read a command line; others, such as `LD_PRELOAD`, are for the
    /// program and not for its guard.
    ///
    /// # Errors
    /// Why it cannot be, in words.
    pub(super) fn start(&mut self, env: &[(String, String)]) -> Result<(), String> {
        let mut line = String::new();
        let word = serde_json::to_string(env).map_err(|error| error.to_string())? + "\n";
        let asked = self.orders.write_all(word.as_bytes()).and_then(|()| self.reports.read_line(&mut line));
        asked.map_err(|error| format!("the process that supervises it has exited: {error}"))?;
        match line.trim_end().split_once(' ') {
            Some(("started", pid)) => self.process = pid.parse().unwrap_or(0),
            Some((_, why)) => return Err(why.to_owned()),
            None => return Err("the process that supervises it has exited".to_owned()),
        }
        let flags = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        fcntl(self.reports.get_ref().as_fd(), flags).map_err(|error| error.to_string())?;
        Ok(())
    }

    /// The program's process, which leads its group.
    pub(super) fn process(&self) -> u32 {
        self.process
    }

    /// How the program ended, if it did.
    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.status.is_none() {
            match self.reports.read_line(&mut self.begun) {
                Ok(0) => return Err(io::Error::other("the process that supervises it has exited")),
                Ok(_) if self.begun.ends_with('\n') => {
                    let raw = self.begun.trim_end().strip_prefix("ended ").and_then(|raw| raw.parse().ok());
                    self.status = raw.map(ExitStatus::from_raw);
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.status)
    }

    /// Ends the program with all that it started: how it ended, and whether all did so by themselves.
    pub(super) fn end(&mut self) -> (Option<ExitStatus>, bool) {
        let by_itself = end_group(Pid::from_raw(self.process as i32));
        let until = Instant::now() + GONE;
        while matches!(self.try_wait(), Ok(None)) && Instant::now() < until {
            thread::sleep(LOOK);
        }
        // Who left the group, as a daemon does.
        kill_all_below(self.guard.id());
        (self.status, by_itself)
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.orders.write_all(b".");
        let _ = self.guard.wait();
    }
}

/// Reports that it runs, starts the program on request, and reports how it ended. If stdin ends without a request,
/// badpeer is dead: the guard stops all remaining processes and removes the folder.
pub fn guard(orders: &Orders) {
    let _ = prctl::set_name(NAME);
    let _ = prctl::set_child_subreaper(true);
    report("posted");
    let Some(env) = first_word() else {
        let _ = fs::remove_dir_all(&orders.dir);
        return;
    };
    let (sender, receiver) = mpsc::channel();
    let reaper = thread::Builder::new().spawn(move || receiver.recv().map(reap));
    let started = reaper.and_then(|_| start(orders, env));
    match &started {
        Ok(program) => {
            report(&format!("started {}", program.id()));
            let _ = sender.send(program.id());
        }
        Err(error) => report(&format!("failed {error}")),
    }
    if is_dismissed() {
        return;
    }
    if let Ok(program) = started {
        end_group(Pid::from_raw(program.id() as i32));
        kill_all_below(std::process::id());
    }
    let _ = fs::remove_dir_all(&orders.dir);
}

/// Waits for the word to start: the variables of the program's environment, in a line of JSON. `None` if it did not come.
fn first_word() -> Option<Vec<(String, String)>> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok()?;
    serde_json::from_str(line.strip_suffix('\n')?).ok()
}

/// Waits for a word; whether one came before the end.
fn is_dismissed() -> bool {
    matches!(io::stdin().read(&mut [0]), Ok(1))
}

fn report(line: &str) {
    let mut stdout = io::stdout().lock();
    let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
}

fn start(orders: &Orders, env: Vec<(String, String)>) -> io::Result<Child> {
    let stdout = File::create(&orders.output)?;
    let stderr = stdout.try_clone()?;
    let mut words = orders.command.iter();
    let mut command = Command::new(words.next().ok_or(ErrorKind::InvalidInput)?);
    command.args(words).env("PATH", programs::search_path()).envs(env);
    command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
    // Ctrl-C is for the load generator: the server is measured until that ends it.
    command.process_group(0);
    // Those that the load generator waits for are blocked in every thread of it, and here.
    sys::unblock_signals(&mut command);
    sys::heed_sigterm(&mut command);
    sys::end_with_parent(&mut command);
    command.spawn()
}

/// Waits for the program and for all processes that became children of the guard.
fn reap(program: u32) {
    loop {
        let raw = match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) => (pid, (code & 0xff) << 8),
            Ok(WaitStatus::Signaled(pid, signal, _)) => (pid, signal as i32),
            Ok(_) | Err(Errno::EINTR) => continue,
            // No process is there now; one that loses its parent later is found by the next look.
            Err(_) => {
                thread::sleep(LOOK * 10);
                continue;
            }
        };
        if raw.0.as_raw() as u32 == program {
            report(&format!("ended {}", raw.1));
        }
    }
}

/// Asks every process of the group to exit, and kills those that do not in time; returns whether all exited by
/// themselves.
fn end_group(group: Pid) -> bool {
    let _ = killpg(group, Signal::SIGTERM);
    let until = Instant::now() + SHUTDOWN_GRACE;
    while Instant::now() < until {
        if killpg(group, None) == Err(Errno::ESRCH) {
            return true;
        }
        thread::sleep(LOOK);
    }
    let _ = killpg(group, Signal::SIGKILL);
    false
}

/// Kills all processes below this one, until there is none.
fn kill_all_below(process: u32) {
    let until = Instant::now() + GONE;
    while Instant::now() < until {
        let others = below(process);
        if others.is_empty() {
            return;
        }
        for pid in others {
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        }
        thread::sleep(LOOK);
    }
}

/// All processes below this one.
fn below(process: u32) -> Vec<u32> {
    if !TreeProbe::sees_children() {
        return descendants(process);
    }
    let Ok(mut family) = TreeProbe::new(&[process]) else { return Vec::new() };
    family.discover();
    family.processes().filter(|pid| *pid != process).collect()
}
