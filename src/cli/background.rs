//! Work beside the main thread, for as long as stdin is held open.

use std::{io::Read, thread};

use nix::{
    errno::Errno,
    sys::signal::{SigSet, SigmaskHow},
};

use super::exit::{Exit, Failure};

/// Returns when stdin ends: the process at its other end has closed it or has exited.
pub(super) fn await_end_of_stdin() {
    let mut ignored = [0; 64];
    while matches!(std::io::stdin().read(&mut ignored), Ok(1..)) {}
}

/// Runs this on a thread with blocked signals, because another thread waits for them.
pub(super) fn in_background(work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let unable = |e: Errno| Failure::new(Exit::Target, format!("cannot block signals: {e}"));
    let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_BLOCK).map_err(unable)?;
    let made = thread::Builder::new().spawn(work);
    before.thread_set_mask().map_err(unable)?;
    made.map(drop).map_err(|e| Failure::new(Exit::Target, format!("cannot create a thread: {e}")))
}
