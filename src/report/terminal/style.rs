//! How a result is shown on a terminal: the width of its lines, colors, and how much is shown.

use crate::{record::Verdict, text};

/// How a result is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Columns of a line.
    pub width: usize,
    /// Whether verdicts are painted with ANSI sequences.
    pub color: bool,
    /// Whether every check is listed, and every point of a sweep has its tables.
    pub verbose: bool,
}

impl Style {
    /// Columns where the width is not known.
    pub const USUAL: usize = 80;
    /// Lines are not made shorter than this many columns: the longest names need them.
    pub const NARROWEST: usize = 30;
    /// Lines are not made longer than this many columns.
    pub const WIDEST: usize = 160;
    /// Text of 80 columns without colors and details.
    pub const PLAIN: Self = Self { width: Self::USUAL, color: false, verbose: false };

    /// Text broken between words into lines: the first begins with `first`, the others are set in.
    pub(super) fn hanging(self, first: &str, words: &str, indent: usize) -> String {
        text::hanging(first, words, indent, self.width)
    }

    /// A verdict and what it means; the lines behind the first are set in.
    pub(super) fn verdict_text(self, verdict: Verdict, meaning: &str, indent: usize) -> String {
        self.behind_verdict(verdict, 2, meaning, indent)
    }

    /// A verdict with `gap` spaces behind it and then words; the lines behind the first are set in. A line of the words begins
    /// a line.
    pub(super) fn behind_verdict(self, verdict: Verdict, gap: usize, words: &str, indent: usize) -> String {
        let used = verdict.word().len() + gap;
        let of_line = |(number, line)| {
            let used = if number == 0 { used } else { indent };
            text::lines(line, used, indent, self.width)
        };
        let lines: Vec<String> = words.lines().enumerate().flat_map(of_line).collect();
        let (word, space) = (self.painted(verdict), " ".repeat(gap));
        format!("{word}{space}{}\n", lines.join(&format!("\n{}", " ".repeat(indent))))
    }

    /// The word of a verdict: green, red or yellow where color is asked for.
    fn painted(self, verdict: Verdict) -> String {
        let code = match verdict {
            Verdict::Pass => 32,
            Verdict::Regression | Verdict::Fail => 31,
            Verdict::Invalid | Verdict::Inconclusive => 33,
        };
        let word = verdict.word();
        if self.color { format!("\x1b[1;{code}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_used_only_on_request() {
        assert_eq!(Style::PLAIN.painted(Verdict::Fail), "FAIL");
        assert_eq!(Style { color: true, ..Style::PLAIN }.painted(Verdict::Fail), "\x1b[1;31mFAIL\x1b[0m");
    }

    #[test]
    fn a_meaning_uses_the_width_there_is() {
        let meaning = "word ".repeat(30);
        let lines =
            |width| Style { width, ..Style::PLAIN }.verdict_text(Verdict::Fail, &meaning, 6).lines().count();
        assert_eq!((lines(80), lines(160)), (2, 1));
    }

    #[test]
    fn a_line_of_the_words_begins_a_line() {
        let text =
            Style::PLAIN.verdict_text(Verdict::Fail, "It exited; its last output:\n    no good\n1 of 2", 6);
        assert_eq!(text, "FAIL  It exited; its last output:\n      no good\n      1 of 2\n");
    }
}
