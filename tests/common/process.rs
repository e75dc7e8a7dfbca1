//! Processes that tests start and send signals to, and the reference server among them.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A process that does not outlive its test.
pub(crate) struct Mortal(pub(crate) Child);

impl Mortal {
    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `badpeer serve` with these flags, once it listens; and where it does.
pub(crate) fn serving(flags: &[&str]) -> (Mortal, String) {
    let mut command = Command::new(super::BADPEER);
    let spawned = command.arg("serve").args(flags).stdout(Stdio::piped()).spawn();
    let mut child = Mortal(spawned.expect("badpeer serves"));
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let addresses = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
    (child, addresses)
}

/// Sends a signal to a process that runs.
pub(crate) fn send(signal: Signal, pid: u32) {
    kill(Pid::from_raw(pid.cast_signed()), signal).expect("it runs");
}

/// Stops a process for so long; how long that really was.
pub(crate) fn stop_for(pid: u32, pause: Duration) -> Duration {
    let started = Instant::now();
    send(Signal::SIGSTOP, pid);
    thread::sleep(pause);
    send(Signal::SIGCONT, pid);
    started.elapsed()
}

/// Starts a command whose output is read at its end.
pub(crate) fn started(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs")
}
