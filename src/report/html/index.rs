//! `index.html` of all runs and comparisons in a folder, the newest first.

use super::{escape, page::page, remarks};
use crate::report::{ReportError, index::Entry};

/// The whole page; `broken`: files that could not be read, and why.
pub(in crate::report) fn render(entries: &[Entry], broken: &[String]) -> Result<String, ReportError> {
    let list = if entries.is_empty() {
        "<p>No reports yet: <code>badpeer run</code> makes the first one.</p>\n".to_owned()
    } else {
        let cards: Vec<String> = entries.iter().map(card).collect();
        format!("<ol class=\"runs\">\n{}</ol>\n", cards.concat())
    };
    let head = "<header>\n<p class=\"kicker\">badpeer · reports</p>\n<h1>All runs</h1>\n</header>\n";
    let body = [head, &list, &remarks("Files that could not be read", broken)].concat();
    page("badpeer: all runs", &body, &[])
}

fn card(entry: &Entry) -> String {
    let picture = entry.picture.as_ref().map_or_else(String::new, |picture| {
        format!("<img src=\"{}\" alt=\"\" loading=\"lazy\">\n", escape(picture))
    });
    let commit = entry.commit.as_ref().map(|commit| format!(" · {}", escape(commit))).unwrap_or_default();
    let title = escape(&entry.title);
    let title = entry
        .page
        .as_ref()
        .map_or_else(|| title.clone(), |page| format!("<a href=\"{}\">{title}</a>", escape(page)));
    format!(
        "<li>\n{picture}<div>\n<p class=\"kicker\">{} · {}{commit}</p>\n<h2>{title}</h2>\n\
         <p><b class=\"{}\">{}</b> {}</p>\n</div>\n</li>\n",
        escape(&entry.name),
        escape(&entry.started),
        entry.outcome.to_lowercase(),
        entry.outcome,
        escape(&entry.meaning),
    )
}
