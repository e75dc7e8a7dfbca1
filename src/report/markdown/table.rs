//! A table in Markdown as GitHub has it.

use std::iter;

use crate::report::{
    medium::markdown as plain,
    table::{Align, Table},
};

/// A GitHub-flavored table.
pub(super) fn table(table: &Table) -> String {
    let line =
        |cells: &mut dyn Iterator<Item = String>| format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "));
    let rule = |(_, align): &(String, Align)| match align {
        Align::Left => "---".to_owned(),
        Align::Right => "---:".to_owned(),
    };
    let head = line(&mut table.head().iter().map(|(title, _)| plain(title)));
    let rule = line(&mut table.head().iter().map(rule));
    let rows = table.rows().iter().map(|cells| line(&mut cells.iter().map(|cell| plain(cell))));
    iter::once(head).chain(iter::once(rule)).chain(rows).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_in_cells_is_escaped() {
        let mut planted = Table::new("a test", &[("group", Align::Left), ("rate", Align::Right)]);
        planted.row(vec!["a|b <i>".into(), "1/s".into()]);
        assert_eq!(table(&planted), "| group | rate |\n| --- | ---: |\n| a\\|b &lt;i> | 1/s |\n");
    }
}
