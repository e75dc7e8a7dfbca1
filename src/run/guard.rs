//! The last one out: a small process that outlives a harness that was killed, and ends the server that it left.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

/// How long a process group may take to end after SIGTERM.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(2);

/// Keeps a guard over a process group and a directory. Dropping it sends the guard home.
#[derive(Debug)]
pub(super) struct Guarded(Child);

impl Guarded {
    /// Posts `badpeer guard`.
    pub(super) fn post(group: Pid, dir: &Path) -> io::Result<Self> {
        let guard = Command::new(std::env::current_exe()?)
            .args(["guard", &group.to_string()])
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C is for us.
            .process_group(0)
            .spawn()?;
        Ok(Self(guard))
    }

    /// The guard's own process.
    pub(super) fn process(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            let _ = stdin.write_all(b".");
        }
        let _ = self.0.wait();
    }
}

/// Waits for a word on stdin. When stdin ends without one, whoever posted the guard is dead: ends the process group and
/// removes the directory.
pub fn guard(group: i32, dir: &Path) {
    let mut word = [0];
    if matches!(io::stdin().read(&mut word), Ok(1)) {
        return;
    }
    end_group(Pid::from_raw(group), || {});
    let _ = fs::remove_dir_all(dir);
}

/// Asks every process of the group to end, and kills those that do not in time; whether all ended by themselves.
/// `reap` is called between looks.
pub(super) fn end_group(group: Pid, mut reap: impl FnMut()) -> bool {
    let _ = killpg(group, Signal::SIGTERM);
    let looks = FAREWELL.as_millis() / LOOK.as_millis();
    for _ in 0..looks {
        reap();
        if killpg(group, None) == Err(Errno::ESRCH) {
            return true;
        }
        thread::sleep(LOOK);
    }
    let _ = killpg(group, Signal::SIGKILL);
    false
}
