//! The runs that are under way, each in a process of its own.

use std::{
    fs::File,
    io::{Read, Seek},
    process::Child,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::task::{Place, Task};
use crate::run::Interrupt;

/// Time between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A process that makes a run, and what it says.
pub(super) struct Running {
    pub(super) child: Child,
    pub(super) words: File,
}

/// The runs under way.
pub(super) struct Children {
    most: usize,
    all: Vec<(Place, Task, Running)>,
}

impl Children {
    pub(super) fn new(most: usize) -> Self {
        Self { most, all: Vec::new() }
    }

    pub(super) fn has_room(&self) -> bool {
        self.all.len() < self.most
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn add(&mut self, place: Place, task: Task, running: Running) {
        self.all.push((place, task, running));
    }

    /// Waits until some have ended, and returns them with the last line that each wrote. An interrupt ends all of them.
    pub(super) fn wait(&mut self, interrupt: &mut Interrupt) -> Vec<(Place, Task, String)> {
        let mut told = false;
        loop {
            if interrupt.requested() && !told {
                told = true;
                for (_, _, running) in &self.all {
                    let _ = kill(Pid::from_raw(running.child.id().cast_signed()), Signal::SIGTERM);
                }
            }
            // What cannot be asked is no child any more.
            let is_over =
                |(_, _, running): &mut (Place, Task, Running)| !matches!(running.child.try_wait(), Ok(None));
            let ended: Vec<_> = self.all.extract_if(.., is_over).collect();
            if !ended.is_empty() {
                let last = |(place, task, running)| (place, task, last_words(running));
                return ended.into_iter().map(last).collect();
            }
            thread::sleep(LOOK_EVERY);
        }
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for (_, _, running) in &mut self.all {
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }
}

/// The last line of what a process wrote to stderr.
fn last_words(mut running: Running) -> String {
    let mut text = Vec::new();
    let _ = running.words.rewind().and_then(|()| running.words.read_to_end(&mut text));
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().map(str::trim).find(|line| !line.is_empty());
    last.map_or_else(|| "the run left no record".to_owned(), ToOwned::to_owned)
}
