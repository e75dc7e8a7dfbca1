//! A child process: started on its cores, and what its exit status says.

use std::{
    io,
    os::unix::process::{CommandExt, ExitStatusExt},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use super::super::{RunError, cores};
use crate::sys;

/// Starts badpeer itself, or another build of it, with its three streams in our hands and on these cores. Ctrl-C is for us, not for it.
pub(in crate::run) fn spawn_badpeer(
    build: Option<&Path>,
    arguments: &[String],
    cores: &[usize],
) -> Result<Child, RunError> {
    let program = match build {
        Some(build) => build.to_owned(),
        None => std::env::current_exe()
            .map_err(|e| RunError::Start(format!("cannot find the program of badpeer: {e}")))?,
    };
    let mut command = Command::new(&program);
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    sys::heed_sigterm(&mut command);
    spawn_on(cores, &mut command)
        .map_err(|error| RunError::Start(format!("cannot start {}: {error}", program.display())))
}

/// Starts a process that may use these cores only.
pub(super) fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    // A child inherits the cores of the thread that starts it.
    let spawned = thread::scope(|scope| {
        let start = || {
            cores::stay_on(cores)?;
            command.spawn()
        };
        thread::Builder::new().spawn_scoped(scope, start).map(thread::ScopedJoinHandle::join)
    });
    spawned?.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
}

/// What happened, and the last output.
pub(super) fn with_last_words(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("{what}, and printed nothing");
    }
    let indented: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    format!("{what}; its last output:\n{}", indented.join("\n"))
}

/// An exit status in words.
pub(super) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
