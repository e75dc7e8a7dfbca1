//! A copy of this process that tries something out and ends: `fork(2)`.

use std::io;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

/// Makes these system calls in a child process, so that what they change ends with it, and waits for it. `calls` must
/// not allocate memory and not take a lock: another thread may have held it at the fork.
///
/// # Errors
/// What the calls ended with, as far as it has a number (`EIO` otherwise), or what `fork(2)` says.
pub(crate) fn in_child(calls: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the child makes system calls only, and ends without running anything of its parent's.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let number = calls().map_or_else(|error| error.raw_os_error().unwrap_or(libc::EIO), |()| 0);
            // SAFETY: `_exit` takes any status, is async-signal-safe, and does not return.
            unsafe { libc::_exit(number) }
        }
        ForkResult::Parent { child } => loop {
            match waitpid(child, None) {
                Err(Errno::EINTR) => {}
                Ok(WaitStatus::Exited(_, 0)) => return Ok(()),
                Ok(WaitStatus::Exited(_, number)) => return Err(io::Error::from_raw_os_error(number)),
                Ok(status) => return Err(io::Error::other(format!("the child ended with {status:?}"))),
                Err(error) => return Err(error.into()),
            }
        },
    }
}
