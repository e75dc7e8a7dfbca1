//! A progress bar with live figures; nothing if stderr is not a terminal.

use std::{io, os::fd::AsFd, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    report::{medium, terminal::Style},
    run::Progress,
    sys,
    units::{human_bytes, human_count, human_time},
};

pub(super) struct Bar {
    bar: ProgressBar,
    /// Characters beside the bar.
    room: usize,
}

/// Columns that the bar and the space behind it take.
const BAR: usize = 18;

impl Bar {
    pub(super) fn new(hidden: bool) -> Self {
        // indicatif itself draws nothing where stderr is no terminal.
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        // The name has a line of its own, so that neither it nor a figure is cut.
        if let Ok(style) = ProgressStyle::with_template("{prefix}\n{bar:16} {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        let columns = sys::terminal_columns(io::stderr().as_fd()).unwrap_or(Style::USUAL);
        Self { bar, room: columns.min(Style::USUAL).saturating_sub(BAR) }
    }

    pub(super) fn start(&mut self, name: &str, duration: Duration, doing: &'static str) {
        self.bar.reset();
        self.bar.set_length(duration.as_millis() as u64);
        self.bar.set_prefix(brief(name));
        self.bar.set_message(doing);
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        self.bar.set_position((progress.seconds.max(0.0) * 1e3) as u64);
        self.bar.set_message(message(progress, self.room));
    }

    /// Shows that so many of all are done.
    pub(super) fn count(&mut self, name: &str, done: usize, of: usize, message: String) {
        self.bar.set_length(of as u64);
        self.bar.set_prefix(brief(name));
        self.bar.set_position(done as u64);
        self.bar.set_message(message);
    }

    pub(super) fn clear(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// A name as it can be shown, in one line of 80 columns.
fn brief(name: &str) -> String {
    const MOST: usize = 79;
    let name = medium::terminal(name, false).replace(['\n', '\t'], " ");
    if name.chars().count() <= MOST {
        return name;
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}

/// The figures that fit beside the bar, those first that tell most.
fn message(progress: &Progress, room: usize) -> String {
    let mut parts = vec![format!("{:.0} s", progress.seconds)];
    parts.extend(progress.answers_per_second.map(|rate| format!("{}/s", human_count(rate))));
    parts.extend(progress.response_p99_ns.map(|ns| format!("p99 {}", human_time(ns))));
    parts.extend(progress.server_rss_bytes.map(|bytes| format!("RSS {}", human_bytes(bytes))));
    parts.extend(progress.kernel_memory_bytes.map(|bytes| format!("kernel {}", human_bytes(bytes))));
    parts.extend(progress.evictions.filter(|n| *n > 0.0).map(|n| format!("{n} evicted")));
    let mut text = String::new();
    for part in parts {
        let longer = if text.is_empty() { part } else { format!("{text} · {part}") };
        if longer.chars().count() > room {
            break;
        }
        text = longer;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_is_shortened() {
        assert_eq!(brief("control"), "control");
        assert_eq!(brief("a\x1b[2J\nb"), "a\\u{1b}[2J b");
        assert_eq!(brief(&"server.buffer=chained ".repeat(3)), "server.buffer=chained ".repeat(3));
        let long = brief(&"server.buffer=chained ".repeat(5));
        assert!(long.chars().count() == 79 && long.ends_with('…'), "{long}");
    }

    #[test]
    fn only_measured_figures_are_shown() {
        let seen = Progress {
            seconds: 3.0,
            answers_per_second: Some(12_345.0),
            evictions: Some(0.0),
            ..Progress::default()
        };
        assert_eq!(message(&seen, 62), "3 s · 12.3 k/s");
        let more = Progress { server_rss_bytes: Some(2_097_152.0), evictions: Some(4.0), ..seen };
        assert_eq!(message(&more, 62), "3 s · 12.3 k/s · RSS 2 MiB · 4 evicted");
        let most = Progress {
            seconds: 1234.0,
            response_p99_ns: Some(12.3e6),
            server_rss_bytes: Some(123_456_789.0),
            kernel_memory_bytes: Some(123_456_789.0),
            evictions: Some(123_456.0),
            ..more
        };
        assert!(message(&most, 62).chars().count() <= 62, "{}", message(&most, 62));
        assert!(message(&most, 62).contains("RSS"), "{}", message(&most, 62));
        assert_eq!(message(&most, 22), "1234 s · 12.3 k/s", "in a terminal of 40 columns");
    }
}
