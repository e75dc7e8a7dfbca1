//! A progress bar with live figures; nothing if stderr is not a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    report::medium,
    run::Progress,
    units::{human_bytes, human_count, human_time},
};

pub(super) struct Bar {
    bar: ProgressBar,
}

impl Bar {
    pub(super) fn new(hidden: bool) -> Self {
        // indicatif itself draws nothing where stderr is no terminal.
        let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(1), target);
        // The name has a line of its own, so that neither it nor a figure is cut.
        if let Ok(style) = ProgressStyle::with_template("{prefix}\n{bar:16} {wide_msg}") {
            bar.set_style(style.progress_chars("━╸─"));
        }
        Self { bar }
    }

    pub(super) fn start(&mut self, name: &str, duration: Duration, doing: &'static str) {
        self.bar.reset();
        self.bar.set_length(duration.as_millis() as u64);
        self.bar.set_prefix(brief(name));
        self.bar.set_message(doing);
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        self.bar.set_position((progress.seconds.max(0.0) * 1e3) as u64);
        self.bar.set_message(message(progress));
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

/// The figures that fit beside the bar on a line of 80 columns, those first that tell most.
fn message(progress: &Progress) -> String {
    const MOST: usize = 62;
    let mut parts = vec![format!("{:.0} s", progress.seconds)];
    parts.extend(progress.answers_per_second.map(|rate| format!("{}/s", human_count(rate))));
    parts.extend(progress.response_p99_ns.map(|ns| format!("p99 {}", human_time(ns))));
    parts.extend(progress.server_rss_bytes.map(|bytes| format!("RSS {}", human_bytes(bytes))));
    parts.extend(progress.kernel_memory_bytes.map(|bytes| format!("kernel {}", human_bytes(bytes))));
    parts.extend(progress.evictions.filter(|n| *n > 0.0).map(|n| format!("{n} evicted")));
    let mut text = String::new();
    for part in parts {
        let longer = if text.is_empty() { part } else { format!("{text} · {part}") };
        if longer.chars().count() > MOST {
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
        assert_eq!(message(&seen), "3 s · 12.3 k/s");
        let more = Progress { server_rss_bytes: Some(2_097_152.0), evictions: Some(4.0), ..seen };
        assert_eq!(message(&more), "3 s · 12.3 k/s · RSS 2 MiB · 4 evicted");
        let most = Progress {
            seconds: 1234.0,
            response_p99_ns: Some(12.3e6),
            server_rss_bytes: Some(123_456_789.0),
            kernel_memory_bytes: Some(123_456_789.0),
            evictions: Some(123_456.0),
            ..more
        };
        assert!(message(&most).chars().count() <= 62, "{}", message(&most));
        assert!(message(&most).contains("RSS"), "{}", message(&most));
    }
}
