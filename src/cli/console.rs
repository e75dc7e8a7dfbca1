//! What is said on stdout and stderr.

use std::{
    io::{self, IsTerminal, Write},
    sync::OnceLock,
};

use super::exit::Exit;
use crate::report::medium;

/// Why something could not be said on stdout: the first error.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// A line, or several, on stdout: results. That it cannot be written is told at the end: nothing that is done after it is
/// lost for that.
pub(super) fn say(text: &str) {
    print_raw(&medium::terminal(text, colored()));
}

/// The same for another program: JSON, a script, a page for `man`.
pub(super) fn print_raw(text: &str) {
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{text}");
    drop(stdout);
    unsaid(written);
}

/// Keeps the first error of writing to stdout, or of flushing it.
pub(super) fn unsaid(written: io::Result<()>) {
    if let Err(error) = written.and_then(|()| io::stdout().flush()) {
        let _ = UNSAID.set(error);
    }
}

/// A line on stderr: what went wrong.
pub(super) fn complain(message: &str) {
    let message = medium::terminal(message, false);
    let _ = writeln!(io::stderr().lock(), "badpeer: {message}");
}

/// Whether what is printed may be colored: to a terminal that knows colors, unless somebody objects (no-color.org).
pub(super) fn colored() -> bool {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    std::io::stdout().is_terminal()
        && set("NO_COLOR").is_none()
        && set("TERM").is_some_and(|term| term != "dumb")
}

pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}

/// The exit code, where everything that was to be said could be.
pub(super) fn unless_unsaid(exit: Exit) -> Exit {
    let Some(error) = UNSAID.get() else { return exit };
    complain(&format!("cannot write what was found to stdout: {error}"));
    exit.worse(Exit::Target)
}
