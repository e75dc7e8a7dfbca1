//! A table of texts, and the three ways to set it: for a page, for Markdown, for a terminal.

use std::iter;

use super::medium::html as escape;
pub(super) use super::medium::markdown as plain;

/// Words are not cut shorter than this.
const NARROWEST: usize = 8;

/// Where a column's texts stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of texts under a head; the first column names the row.
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// What the table shows, for readers who cannot see its surroundings.
    caption: String,
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    /// The part that rows are added to; empty before the first.
    below: String,
}

impl Table {
    pub(super) fn new(caption: impl Into<String>, head: &[(&str, Align)]) -> Self {
        let head = head.iter().map(|(title, align)| ((*title).to_owned(), *align)).collect();
        Self { caption: caption.into(), head, rows: Vec::new(), below: String::new() }
    }

    pub(super) fn column(&mut self, title: impl Into<String>, align: Align) {
        self.head.push((title.into(), align));
    }

    pub(super) fn row(&mut self, cells: Vec<String>) {
        assert_eq!(cells.len(), self.head.len(), "a cell for each column of `{}`", self.caption);
        self.rows.push(cells);
    }

    /// A row that is only a name: what follows is its.
    pub(super) fn part(&mut self, title: &str) {
        let rest = vec![String::new(); self.head.len() - 1];
        self.row(iter::once(title.to_owned()).chain(rest).collect());
    }

    /// What follows is of the part of that name: a row says so where another one begins.
    pub(super) fn below(&mut self, title: &str) {
        if title != self.below {
            self.part(title);
            title.clone_into(&mut self.below);
        }
    }

    pub(super) fn caption(&self) -> &str {
        &self.caption
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// A `<table>` that scrolls by itself where the page is too narrow.
    pub(super) fn html(&self) -> String {
        let class = |align| if align == Align::Right { " class=\"n\"" } else { "" };
        let head = |(title, align): &(String, Align)| {
            format!("<th scope=\"col\"{}>{}</th>", class(*align), escape(title))
        };
        let row = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&self.head).enumerate().map(|(i, (cell, (_, align)))| match i {
                // On a phone a long name is broken between its words.
                0 => format!("<th scope=\"row\">{}</th>", escape(cell).replace('_', "_<wbr/>")),
                _ => format!("<td{}>{}</td>", class(*align), marked(cell)),
            });
            format!("<tr>{}</tr>\n", cells.collect::<String>())
        };
        let caption = escape(&self.caption);
        format!(
            "<div class=\"scroll\" role=\"group\" aria-label=\"{caption}\" tabindex=\"0\"><table>\n\
             <thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
            self.head.iter().map(head).collect::<String>(),
            self.rows.iter().map(row).collect::<String>()
        )
    }

    /// A GitHub-flavored table.
    pub(super) fn markdown(&self) -> String {
        let line = |cells: &mut dyn Iterator<Item = String>| {
            format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule = |(_, align): &(String, Align)| match align {
            Align::Left => "---".to_owned(),
            Align::Right => "---:".to_owned(),
        };
        let head = line(&mut self.head.iter().map(|(title, _)| plain(title)));
        let rule = line(&mut self.head.iter().map(rule));
        let rows = self.rows.iter().map(|cells| line(&mut cells.iter().map(|cell| plain(cell))));
        iter::once(head).chain(iter::once(rule)).chain(rows).collect()
    }

    /// Columns padded with spaces and set in by two. Where a line would pass `width`, words give way to numbers: the widest
    /// column of words loses first.
    pub(super) fn text(&self, width: usize) -> String {
        let titles: Vec<String> = self.head.iter().map(|(title, _)| title.clone()).collect();
        let lines: Vec<&Vec<String>> = iter::once(&titles).chain(&self.rows).collect();
        // A row that is only a name has the whole line.
        let is_part = |cells: &[String]| cells.len() > 1 && cells[1..].iter().all(String::is_empty);
        let in_columns = || lines.iter().filter(|cells| !is_part(cells));
        let widest = |i: usize| in_columns().map(|cells| cells[i].chars().count()).max().unwrap_or(0);
        let mut widths: Vec<usize> = (0..titles.len()).map(widest).collect();
        let words: Vec<usize> = (0..titles.len()).filter(|i| self.head[*i].1 == Align::Left).collect();
        while widths.iter().map(|w| w + 2).sum::<usize>() > width {
            let widest = words.iter().copied().max_by_key(|i| (widths[*i], std::cmp::Reverse(*i)));
            match widest.filter(|i| widths[*i] > NARROWEST) {
                Some(i) => widths[i] -= 1,
                None => break,
            }
        }
        let set = |cells: &&Vec<String>| {
            if is_part(cells) {
                return format!("  {}\n", shortened(&cells[0], width.saturating_sub(2)));
            }
            let cell = |(i, cell): (usize, &String)| match self.head[i].1 {
                Align::Left => format!("  {:<1$}", shortened(cell, widths[i]), widths[i]),
                Align::Right => format!("  {:>1$}", cell, widths[i]),
            };
            let line: String = cells.iter().enumerate().map(cell).collect();
            format!("{}\n", line.trim_end())
        };
        lines.iter().map(set).collect()
    }
}

/// A text of at most `width` characters: what is too long loses its middle.
pub(super) fn shortened(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1) - tail;
    text.chars().take(head).chain(iter::once('…')).chain(text.chars().skip(count - tail)).collect()
}

/// Verdicts stand out.
fn marked(cell: &str) -> String {
    match cell {
        "PASS" | "FAIL" | "INVALID" | "INCONCLUSIVE" => {
            format!("<b class=\"{}\">{cell}</b>", cell.to_lowercase())
        }
        _ => escape(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        table.row(vec!["a|b <i>".into(), "1/s".into()]);
        table
    }

    #[test]
    fn markup_in_cells_is_escaped() {
        assert!(table().html().contains("<th scope=\"row\">a|b &lt;i&gt;</th><td class=\"n\">1/s</td>"));
        assert_eq!(table().markdown(), "| group | rate |\n| --- | ---: |\n| a\\|b &lt;i> | 1/s |\n");
    }

    #[test]
    fn texts_are_shortened_before_numbers_longest_first() {
        let mut table = Table::new("t", &[("a", Align::Left), ("n", Align::Right), ("b", Align::Left)]);
        table.row(vec!["short".into(), "12345".into(), "a text that is long".into()]);
        assert_eq!(table.text(30), "  a          n  b\n  short  12345  a text …s long\n");
        assert!(table.text(30).lines().all(|line| line.chars().count() <= 30));
        // Numbers are never cut.
        assert!(table.text(5).contains("12345"));
    }

    #[test]
    fn the_name_of_a_section_may_use_the_whole_line() {
        let mut table = table();
        table.part("a point of a sweep");
        table.row(vec!["b".into(), "2/s".into()]);
        assert_eq!(
            table.text(80),
            "  group    rate\n  a|b <i>   1/s\n  a point of a sweep\n  b         2/s\n"
        );
        assert_eq!(table.text(12).lines().nth(2), Some("  a poi…weep"));
    }

    #[test]
    fn a_long_name_is_shortened() {
        assert_eq!(table().text(80), "  group    rate\n  a|b <i>   1/s\n");
        assert_eq!(shortened("a very long name", 9), "a ve…name");
        assert_eq!(shortened("short", 9), "short");
    }
}
