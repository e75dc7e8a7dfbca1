//! A child process: started on its cores, and what its exit status says.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitStatus},
    thread,
};

use super::super::cores;

/// Starts a process that may use these cores only.
pub(super) fn spawn_on(cores: &[usize], command: &mut Command) -> io::Result<Child> {
    // A child inherits the cores of the thread that starts it.
    let spawned = thread::scope(|scope| {
        let start = || {
            cores::stay_on(cores)?;
            command.spawn()
        };
        scope.spawn(start).join()
    });
    spawned.unwrap_or_else(|_| Err(io::Error::other("the thread that starts it panicked")))
}

/// What happened, and what was said last.
pub(super) fn with_last_words(what: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return format!("{what}, and said nothing");
    }
    let said: Vec<String> = lines.iter().map(|line| format!("    {line}")).collect();
    format!("{what}; its last words:\n{}", said.join("\n"))
}

/// An exit status in words.
pub(super) fn in_words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}
