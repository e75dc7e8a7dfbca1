//! Ctrl-C, SIGTERM and SIGHUP: a run ends, keeps its measurements, and leaves no child process.

use std::io;

use nix::sys::{
    signal::Signal,
    signalfd::{SfdFlags, SignalFd},
};

use crate::sys;

/// Takes the place of the signals' default action in this thread and every one it starts later.
#[derive(Debug)]
pub struct Interrupt {
    signals: SignalFd,
    requested: bool,
}

impl Interrupt {
    /// From now on, SIGINT, SIGTERM and SIGHUP are waited for instead of ending the process. One that the process was started
    /// to ignore, as `nohup(1)` does, stays ignored.
    ///
    /// # Errors
    /// When the kernel has no descriptor left.
    pub fn new() -> io::Result<Self> {
        let set = sys::heeded(&[Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
        set.thread_block()?;
        let signals = SignalFd::with_flags(&set, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        Ok(Self { signals, requested: false })
    }

    /// Whether one has come.
    pub fn requested(&mut self) -> bool {
        if let Ok(Some(_)) = self.signals.read_signal() {
            self.requested = true;
        }
        self.requested
    }
}
