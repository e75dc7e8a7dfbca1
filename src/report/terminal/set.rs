//! Text and tables for a terminal: at most 80 columns, with colors if wanted.

use std::{cmp::Reverse, iter};

use crate::{
    record::Verdict,
    report::table::{Align, Table},
    text::{self, shortened},
};

/// Columns of the narrowest terminal that is catered for.
pub(super) const WIDTH: usize = 80;

/// Words are not cut shorter than this.
const NARROWEST: usize = 8;

/// Text broken between words into lines of at most [`WIDTH`]: the first begins with `first`, the others are set in.
pub(super) fn hanging(first: &str, words: &str, indent: usize) -> String {
    text::hanging(first, words, indent, WIDTH)
}

/// A verdict and what it means, as the last words of a text; the lines behind the first are set in.
pub(super) fn verdict_text(verdict: Verdict, meaning: &str, indent: usize, color: bool) -> String {
    let used = verdict.word().len() + 2;
    let lines = text::lines(meaning, used, indent, WIDTH);
    format!("{}  {}\n", painted(verdict, color), lines.join(&format!("\n{}", " ".repeat(indent))))
}

/// The word of a verdict: green, red or yellow where color is asked for.
pub(super) fn painted(verdict: Verdict, color: bool) -> String {
    let code = match verdict {
        Verdict::Pass => 32,
        Verdict::Regression | Verdict::Fail => 31,
        Verdict::Invalid | Verdict::Inconclusive => 33,
    };
    let word = verdict.word();
    if color { format!("\x1b[1;{code}m{word}\x1b[0m") } else { word.to_owned() }
}

/// Columns padded with spaces and set in by two. Where a line would pass `width`, words give way to numbers: the widest
/// column of words loses first.
pub(super) fn table(table: &Table, width: usize) -> String {
    let head = table.head();
    let titles: Vec<String> = head.iter().map(|(title, _)| title.clone()).collect();
    let lines: Vec<&Vec<String>> = iter::once(&titles).chain(table.rows()).collect();
    // A row that is only a name has the whole line.
    let is_part = |cells: &[String]| cells.len() > 1 && cells[1..].iter().all(String::is_empty);
    let in_columns = || lines.iter().filter(|cells| !is_part(cells));
    let widest = |i: usize| in_columns().map(|cells| cells[i].chars().count()).max().unwrap_or(0);
    let mut widths: Vec<usize> = (0..titles.len()).map(widest).collect();
    let words: Vec<usize> = (0..titles.len()).filter(|i| head[*i].1 == Align::Left).collect();
    while widths.iter().map(|w| w + 2).sum::<usize>() > width {
        let widest = words.iter().copied().max_by_key(|i| (widths[*i], Reverse(*i)));
        match widest.filter(|i| widths[*i] > NARROWEST) {
            Some(i) => widths[i] -= 1,
            None => break,
        }
    }
    let set = |cells: &&Vec<String>| {
        if is_part(cells) {
            return format!("  {}\n", shortened(&cells[0], width.saturating_sub(2)));
        }
        let cell = |(i, cell): (usize, &String)| match head[i].1 {
            Align::Left => format!("  {:<1$}", shortened(cell, widths[i]), widths[i]),
            Align::Right => format!("  {:>1$}", cell, widths[i]),
        };
        let line: String = cells.iter().enumerate().map(cell).collect();
        format!("{}\n", line.trim_end())
    };
    lines.iter().map(set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_used_only_on_request() {
        assert_eq!(painted(Verdict::Fail, false), "FAIL");
        assert_eq!(painted(Verdict::Fail, true), "\x1b[1;31mFAIL\x1b[0m");
    }

    fn planted() -> Table {
        let mut planted = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        planted.row(vec!["a|b <i>".into(), "1/s".into()]);
        planted
    }

    #[test]
    fn texts_are_shortened_before_numbers_longest_first() {
        let mut wide = Table::new("t", &[("a", Align::Left), ("n", Align::Right), ("b", Align::Left)]);
        wide.row(vec!["short".into(), "12345".into(), "a text that is long".into()]);
        assert_eq!(table(&wide, 30), "  a          n  b\n  short  12345  a text …s long\n");
        assert!(table(&wide, 30).lines().all(|line| line.chars().count() <= 30));
        // Numbers are never cut.
        assert!(table(&wide, 5).contains("12345"));
    }

    #[test]
    fn the_name_of_a_section_may_use_the_whole_line() {
        let mut sections = planted();
        assert_eq!(table(&sections, 80), "  group    rate\n  a|b <i>   1/s\n");
        sections.part("a point of a sweep");
        sections.row(vec!["b".into(), "2/s".into()]);
        assert_eq!(
            table(&sections, 80),
            "  group    rate\n  a|b <i>   1/s\n  a point of a sweep\n  b         2/s\n"
        );
        assert_eq!(table(&sections, 12).lines().nth(2), Some("  a poi…weep"));
    }
}
