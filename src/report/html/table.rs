//! A table of a page.

use crate::report::{
    medium::html as escape,
    table::{Align, Table},
    view::NOTHING,
};

/// Rows that are shown at once; the others are folded away.
const MOST_ROWS: usize = 20;
/// Of tables with more rows than these, those that are all zero are folded away.
const FEW_ROWS: usize = 8;

/// A `<table>`; of a long one, the rows behind the first and those that are zero are folded away.
pub(super) fn table(table: &Table) -> String {
    let is_long = table.rows().len() > FEW_ROWS;
    let (zero, some): (Vec<_>, Vec<_>) = table.rows().iter().partition(|cells| is_long && is_zero(cells));
    let (shown, behind) = some.split_at(some.len().min(MOST_ROWS));
    let folded: Vec<&Vec<String>> = behind.iter().chain(&zero).copied().collect();
    if folded.is_empty() || shown.is_empty() {
        return whole(table, &table.rows().iter().collect::<Vec<_>>());
    }
    let zeros = match zero.len() {
        0 => String::new(),
        count if count == folded.len() => ", all zero".to_owned(),
        count => format!(", {count} of them all zero"),
    };
    let rows = if folded.len() == 1 { "row" } else { "rows" };
    format!(
        "{}<details class=\"rows\">\n<summary>{} more {rows}{zeros}</summary>\n{}</details>\n",
        whole(table, shown),
        folded.len(),
        whole(table, &folded)
    )
}

/// Whether nothing was measured but zeros.
fn is_zero(cells: &[String]) -> bool {
    let is_none = |cell: &str| {
        let number = cell.split([' ', '/']).next().unwrap_or_default();
        number.parse::<f64>().is_ok_and(|number| number == 0.0)
    };
    let mut values = cells.iter().skip(1).filter(|cell| *cell != NOTHING).peekable();
    values.peek().is_some() && values.all(|cell| is_none(cell))
}

/// These rows under the table's head; it scrolls by itself where the page is too narrow.
fn whole(table: &Table, rows: &[&Vec<String>]) -> String {
    let class = |align| if align == Align::Right { " class=\"n\"" } else { "" };
    let head = |(title, align): &(String, Align)| {
        format!("<th scope=\"col\"{}>{}</th>", class(*align), escape(title))
    };
    let row = |cells: &&Vec<String>| {
        let cells = cells.iter().zip(table.head()).enumerate().map(|(i, (cell, (_, align)))| match i {
            // On a phone a long name is broken between its words.
            0 => format!("<th scope=\"row\">{}</th>", escape(cell).replace('_', "_<wbr/>")),
            _ => format!("<td{}>{}</td>", class(*align), marked(cell)),
        });
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    };
    let caption = escape(table.caption());
    format!(
        "<div class=\"scroll\" role=\"group\" aria-label=\"{caption}\" tabindex=\"0\"><table>\n\
         <thead><tr>{}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        table.head().iter().map(head).collect::<String>(),
        rows.iter().map(row).collect::<String>()
    )
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

    #[test]
    fn zeros_and_the_end_of_a_long_table_are_folded_away() {
        let mut long = Table::new("a test", &[("metric", Align::Left), ("rate", Align::Right)]);
        for row in 0..30 {
            let value = if row % 3 == 0 { "0 B".to_owned() } else { format!("{row}/s") };
            long.row(vec![format!("m{row}"), value]);
        }
        let html = table(&long);
        assert!(html.contains("<summary>10 more rows, all zero</summary>"), "{html}");
        assert_eq!(html.matches("<th scope=\"row\">").count(), 30);
        let (shown, _) = html.split_once("<details").expect("a fold");
        assert!(shown.contains(">m29<") && !shown.contains(">m0<"), "{shown}");
        let mut short = Table::new("a test", &[("metric", Align::Left), ("rate", Align::Right)]);
        short.row(vec!["m".to_owned(), "0/s".to_owned()]);
        assert!(!table(&short).contains("<details"));
        short.row(vec!["n".to_owned(), "1/s".to_owned()]);
        assert!(!table(&short).contains("<details"), "a short table is shown whole");
        let many = |value: fn(usize) -> String| {
            let mut many = Table::new("a test", &[("metric", Align::Left), ("rate", Align::Right)]);
            (0..30).for_each(|row| many.row(vec![format!("m{row}"), value(row)]));
            table(&many)
        };
        let end = many(|row| if row < 5 { "0/s".to_owned() } else { format!("{row}/s") });
        assert!(end.contains("<summary>10 more rows, 5 of them all zero</summary>"), "{end}");
        assert!(!many(|_| "0/s".to_owned()).contains("<details"), "of nothing but zeros nothing is folded");
    }

    #[test]
    fn markup_in_cells_is_escaped() {
        let mut planted = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        planted.row(vec!["a|b <i>".into(), "1/s".into()]);
        let html = table(&planted);
        assert!(html.contains("<th scope=\"row\">a|b &lt;i&gt;</th><td class=\"n\">1/s</td>"));
    }
}
