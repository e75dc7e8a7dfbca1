//! A table of a page.

use crate::report::{
    medium::html as escape,
    table::{Align, Table},
};

/// A `<table>` that scrolls by itself where the page is too narrow.
pub(super) fn table(table: &Table) -> String {
    let class = |align| if align == Align::Right { " class=\"n\"" } else { "" };
    let head = |(title, align): &(String, Align)| {
        format!("<th scope=\"col\"{}>{}</th>", class(*align), escape(title))
    };
    let row = |cells: &Vec<String>| {
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
        table.rows().iter().map(row).collect::<String>()
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
    fn markup_in_cells_is_escaped() {
        let mut planted = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        planted.row(vec!["a|b <i>".into(), "1/s".into()]);
        let html = table(&planted);
        assert!(html.contains("<th scope=\"row\">a|b &lt;i&gt;</th><td class=\"n\">1/s</td>"));
    }
}
