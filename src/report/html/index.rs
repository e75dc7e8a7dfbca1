//! `index.html` of all runs and comparisons in a folder, the newest first.

use super::page::{escape, page, section};
use crate::report::{ReportError, index::Entry};

/// The whole page; `broken`: files that could not be read, and why.
pub(in crate::report) fn render(entries: &[Entry], broken: &[String]) -> Result<String, ReportError> {
    let mut body =
        String::from("<header>\n<p class=\"kicker\">badpeer · reports</p>\n<h1>All runs</h1>\n</header>\n");
    if entries.is_empty() {
        body += "<p>There is nothing here yet: <code>badpeer run</code> makes the first report.</p>\n";
    } else {
        let cards: String = entries.iter().map(card).collect();
        body += &format!("<ol class=\"runs\">\n{cards}</ol>\n");
    }
    if !broken.is_empty() {
        let items: String = broken.iter().map(|text| format!("<li>{}</li>\n", escape(text))).collect();
        body += &section("", "What could not be read", &format!("<ul>\n{items}</ul>\n"));
    }
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
