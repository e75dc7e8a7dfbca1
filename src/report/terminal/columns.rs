//! A table as columns of text: cells wrap where a line would be too long, and nothing is cut.

use std::{cmp::Reverse, iter, mem};

use crate::report::table::{Align, Table};

/// Columns of words are not made narrower than this.
const NARROWEST: usize = 8;

/// Columns padded with spaces and set in by two. Where a line would pass `width`, words and titles wrap, those of the widest
/// column first; numbers never do. Columns that do not fit beside each other stand below, behind the first column again.
pub(super) fn table(table: &Table, width: usize) -> String {
    let least: Vec<usize> = (0..table.head().len()).map(|i| least(table, i)).collect();
    let blocks = blocks(&least, width);
    let each = blocks.iter().map(|columns| block(&table.only(columns), width));
    each.collect::<Vec<_>>().join("\n")
}

/// Which columns stand beside each other: as many as fit, and the first one in each block.
fn blocks(least: &[usize], width: usize) -> Vec<Vec<usize>> {
    let first = least.first().map_or(0, |width| width + 2);
    let mut blocks = vec![vec![0]];
    let mut used = first;
    for (i, least) in least.iter().enumerate().skip(1) {
        if used + least + 2 > width && used > first {
            blocks.push(vec![0]);
            used = first;
        }
        if let Some(block) = blocks.last_mut() {
            block.push(i);
        }
        used += least + 2;
    }
    blocks
}

fn block(table: &Table, width: usize) -> String {
    let head = table.head();
    let titles: Vec<String> = head.iter().map(|(title, _)| title.clone()).collect();
    let widths = widths(table, width);
    let lines = |cells: &Vec<String>| {
        if is_part(cells) {
            let lines = wrapped(&cells[0], width.saturating_sub(2));
            return lines.iter().flat_map(|line| ["  ", line.as_str(), "\n"]).collect();
        }
        let cells: Vec<Vec<String>> =
            cells.iter().zip(&widths).map(|(cell, width)| wrapped(cell, *width)).collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        (0..height).map(|row| line(head, &cells, &widths, row)).collect::<String>()
    };
    iter::once(&titles).chain(table.rows()).map(lines).collect()
}

/// One of the lines of a row.
fn line(head: &[(String, Align)], cells: &[Vec<String>], widths: &[usize], row: usize) -> String {
    let cell = |i: usize| {
        let text = cells[i].get(row).map_or("", String::as_str);
        match head[i].1 {
            Align::Left => format!("  {text:<0$}", widths[i]),
            Align::Right => format!("  {text:>0$}", widths[i]),
        }
    };
    let line: String = (0..cells.len()).map(cell).collect();
    format!("{}\n", line.trim_end())
}

/// The widths of the columns, so that a line fits if it can: a title wraps before words below it do, which takes a line of the
/// table and not of each row.
fn widths(table: &Table, width: usize) -> Vec<usize> {
    let columns = 0..table.head().len();
    let least: Vec<usize> = columns.clone().map(|i| least(table, i)).collect();
    let below: Vec<usize> = columns.clone().map(|i| widest(texts(table, i).skip(1)).max(least[i])).collect();
    let mut widths: Vec<usize> = columns.clone().map(|i| widest(texts(table, i))).collect();
    while widths.iter().map(|width| width + 2).sum::<usize>() > width {
        let widest_above = |floor: &[usize]| {
            let wider = columns.clone().filter(|i| widths[*i] > floor[*i]);
            wider.max_by_key(|i| (widths[*i], Reverse(*i)))
        };
        match widest_above(&below).or_else(|| widest_above(&least)) {
            Some(i) => widths[i] -= 1,
            None => break,
        }
    }
    widths
}

/// The least width of a column: of the longest piece of its words and titles that does not break, and of a whole number.
fn least(table: &Table, column: usize) -> usize {
    let (title, align) = &table.head()[column];
    match align {
        Align::Left => {
            let whole = widest(texts(table, column));
            widest(texts(table, column).flat_map(pieces)).max(whole.min(NARROWEST))
        }
        Align::Right => widest(texts(table, column).skip(1)).max(widest(pieces(title))),
    }
}

fn widest<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(count).max().unwrap_or(0)
}

/// The title of a column, and its texts. A row that is only a name has the whole line and counts for no column.
fn texts(table: &Table, column: usize) -> impl Iterator<Item = &str> {
    let rows = table.rows().iter().filter(|cells| !is_part(cells));
    iter::once(table.head()[column].0.as_str()).chain(rows.map(move |cells| cells[column].as_str()))
}

fn is_part(cells: &[String]) -> bool {
    cells.len() > 1 && !cells[0].is_empty() && cells[1..].iter().all(String::is_empty)
}

/// Characters, without those spaces at the end that a line does not show.
fn count(text: &str) -> usize {
    text.trim_end().chars().count()
}

/// A text in lines of at most `width` characters; a name that is longer has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for piece in pieces(text) {
        if !line.is_empty() && line.chars().count() + count(piece) > width {
            lines.push(mem::take(&mut line).trim_end().to_owned());
        }
        line.push_str(piece);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The pieces of a text that do not break, each with the space that ends it: words, and a phase or point with its `@`.
fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(' ') {
        let end = at + 1;
        if !text[..at].ends_with('@') {
            pieces.push(&text[start..end]);
            start = end;
        }
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planted() -> Table {
        let mut planted = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        planted.row(vec!["a|b <i>".into(), "1/s".into()]);
        planted
    }

    #[test]
    fn words_wrap_and_numbers_do_not() {
        let mut wide = Table::new("t", &[("a", Align::Left), ("n", Align::Right), ("b", Align::Left)]);
        wide.row(vec!["short".into(), "12345".into(), "a text that is long".into()]);
        assert_eq!(
            table(&wide, 30),
            "  a          n  b\n  short  12345  a text that is\n                long\n"
        );
        assert!(table(&wide, 30).lines().all(|line| line.chars().count() <= 30));
        assert!(table(&wide, 5).contains("12345"));
    }

    #[test]
    fn titles_wrap_before_words() {
        let mut wide = Table::new("t", &[("point", Align::Left), ("requests_rate @ with", Align::Right)]);
        wide.row(vec!["chained, 256 KiB".into(), "1982/s".into()]);
        assert_eq!(
            table(&wide, 35),
            "  point               requests_rate\n                             @ with\n  chained, 256 KiB           1982/s\n"
        );
    }

    #[test]
    fn names_break_at_spaces_only_and_an_at_stays_with_what_follows() {
        assert_eq!(wrapped("good.latency_p99 @ with", 18), ["good.latency_p99", "@ with"]);
        assert_eq!(
            wrapped("a.b @ server.trigger=edge, seed=1", 24),
            ["a.b", "@ server.trigger=edge,", "seed=1"]
        );
        assert_eq!(wrapped("wait 3.19 s", 9), ["wait 3.19", "s"]);
        assert_eq!(wrapped("wait 3.19 s", 7), ["wait", "3.19 s"]);
        for name in ["good.latency_p99", "a/b,c=d_e"] {
            assert_eq!(wrapped(name, 3), [name], "a name is whole, however narrow the terminal");
        }
        assert_eq!(wrapped("", 3), [""]);
    }

    #[test]
    fn columns_that_do_not_fit_stand_below() {
        let mut wide =
            Table::new("t", &[("point", Align::Left), ("first", Align::Right), ("second", Align::Right)]);
        wide.row(vec!["a".into(), "1234567".into(), "7654321".into()]);
        let text = table(&wide, 20);
        assert_eq!(text, "  point    first\n  a      1234567\n\n  point   second\n  a      7654321\n");
        assert_eq!(table(&wide, 25).lines().count(), 2, "they fit exactly");
        assert_eq!(table(&wide, 24).lines().count(), 5);
        let mut three =
            Table::new("t", &[("point", Align::Left), ("first", Align::Right), ("second", Align::Right)]);
        three.column("third", Align::Right);
        three.row(vec!["a".into(), "1234567".into(), "7654321".into(), "1111111".into()]);
        assert_eq!(table(&three, 20).lines().count(), 8, "{}", table(&three, 20));
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
        let narrow = table(&sections, 12);
        assert_eq!(narrow.lines().skip(2).take(2).collect::<Vec<_>>(), ["  a point of", "  a sweep"]);
    }
}
