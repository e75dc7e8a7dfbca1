//! Core experiments: the server's own buffers, timers and decoders at work without a server, where what they cost is not
//! drowned in system calls. One file each; counts come first, and times are CPU time of the one thread.
//!
//! An experiment has a process to itself, so that what is resident is its own; see `badpeer core`.

pub mod backlog;
mod cpu_time;
pub mod decode;
pub mod prepend;
pub mod timers;

use std::io;

use crate::{metric::Row, profile::Core};

/// Makes an experiment; what it found. `seed` fixes everything random.
///
/// # Errors
/// When /proc or /dev/null cannot be used.
pub fn run(core: &Core, seed: u64) -> io::Result<Row> {
    match core {
        Core::Backlog(asked) => backlog::run(asked),
        Core::Prepend(asked) => prepend::run(asked),
        Core::Timers(asked) => Ok(timers::run(asked, seed)),
        Core::Decode(asked) => Ok(decode::run(asked)),
    }
}
