//! Output to stdout and stderr.

use std::{
    env,
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
    sync::OnceLock,
};

use super::exit::Exit;
use crate::{
    report::{medium, terminal::Style},
    sys,
};

/// The first error of writing to stdout.
static UNSAID: OnceLock<io::Error> = OnceLock::new();

/// Prints results to stdout. A failed write is reported at the end, so that later work is still done.
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

/// Prints an error to stderr.
pub(super) fn complain(message: &str) {
    let message = medium::terminal(message, false);
    let _ = writeln!(io::stderr().lock(), "badpeer: {message}");
}

/// Whether output may be colored: on a terminal with colors, unless NO_COLOR is set (no-color.org).
pub(super) fn colored() -> bool {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty());
    io::stdout().is_terminal() && set("NO_COLOR").is_none() && set("TERM").is_some_and(|term| term != "dumb")
}

/// How results are shown here: in the width of the terminal; of other outputs in that of `COLUMNS`, or in 80 columns.
pub(super) fn style(verbose: bool) -> Style {
    let by_environment = || env::var("COLUMNS").ok()?.parse::<usize>().ok();
    let columns = sys::terminal_columns(io::stdout().as_fd()).or_else(by_environment);
    let width = columns.map_or(Style::USUAL, |columns| columns.clamp(Style::NARROWEST, Style::WIDEST));
    Style { width, color: colored(), verbose }
}

pub(super) fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
}

/// The exit code, or that of a failed write to stdout. A reader that wanted no more (`| head`) needs no message.
pub(super) fn unless_unsaid(exit: Exit) -> Exit {
    let Some(error) = UNSAID.get() else { return exit };
    if error.kind() != io::ErrorKind::BrokenPipe {
        complain(&format!("cannot write the results to stdout: {error}"));
    }
    exit.worse(Exit::Target)
}
