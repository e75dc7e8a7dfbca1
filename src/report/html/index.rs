//! `index.html` of all runs and comparisons in a folder, the newest first.

use std::cmp::Reverse;

use super::{
    page::{Heading, page},
    pieces::remarks,
};
use crate::report::{ReportError, index::Entry, medium::html as escape};

/// The page of these, the newest first; `broken`: files that could not be read, and why.
///
/// # Errors
/// A page that cannot be made.
pub fn index_page(mut entries: Vec<Entry>, broken: &[String]) -> Result<String, ReportError> {
    // A folder's name has dashes where the time has colons: both sort alike.
    let key = |entry: &Entry| entry.started.replace(':', "-");
    entries.sort_by_key(|entry| Reverse(key(entry)));
    let list = if entries.is_empty() {
        "<p>No reports yet: <code>badpeer run</code> makes the first one.</p>\n".to_owned()
    } else {
        let cards: Vec<String> = entries.iter().map(card).collect();
        format!("<ol class=\"runs\">\n{}</ol>\n", cards.concat())
    };
    let head = "<header>\n<p class=\"kicker\">badpeer · reports</p>\n<h1>All runs</h1>\n</header>\n";
    let body = [head, &list, &remarks("Files that could not be read", broken, Heading::Part)].concat();
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
        entry.verdict.to_lowercase(),
        entry.verdict,
        escape(&entry.meaning),
    )
}
