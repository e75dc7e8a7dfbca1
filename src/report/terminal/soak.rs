//! Whether a server grew over a long run, for a terminal.

use super::{super::soak, columns, style::Style};
use crate::record::Record;

/// The trends and how they were looked for; nothing where that was not done.
pub(super) fn text(record: &Record, style: Style) -> String {
    let Some(found) = &record.soak else { return String::new() };
    let table = columns::table(&soak::table(found), style.width);
    format!("\n{table}{}", style.hanging("", &soak::manner(found), 0))
}
