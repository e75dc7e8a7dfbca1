//! Escaping of text from outside: text of a profile, a server, a process or a record never becomes markup or a command.

use std::{fmt::Write, os::unix::ffi::OsStrExt, path::Path};

/// Text that HTML and XML take for nothing but text, in elements and in quoted attributes. Control characters cannot stand in
/// XML 1.0, not even as references.
pub(super) fn html(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ if is_xml(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
        out
    })
}

/// A document in XML without the characters that none may have.
pub(super) fn xml_document(mut text: String) -> String {
    if !text.chars().all(is_xml) {
        text = text.chars().map(|c| if is_xml(c) { c } else { '\u{fffd}' }).collect();
    }
    text
}

const fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Text that Markdown takes for nothing but text. Within a word, GitHub leaves an underscore alone.
pub(super) fn markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    let mut within = false;
    while let Some(c) = letters.next() {
        let word_goes_on = within && letters.peek().is_some_and(|next| next.is_alphanumeric());
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '_' if word_goes_on => out.push(c),
            '|' | '*' | '_' | '`' | '\\' | '[' | ']' | '#' | '~' => out.extend(['\\', c]),
            _ if is_xml(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
        within = c.is_alphanumeric();
    }
    out
}

/// A path from where a page lies, as what its links lead to, in HTML and in Markdown: all but plain letters is encoded, so that
/// a name is neither markup nor a scheme, a query or an anchor.
pub(super) fn link(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().fold(String::new(), |mut out, byte| {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(*byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// A cell of a CSV file that no spreadsheet takes for a formula.
pub(super) fn csv(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err();
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

/// Text for a terminal, or for the log of a CI job: a control character is shown and does nothing, and no line is a workflow
/// command of GitHub's (`::error::`, `##[error]`). Where `colored`, the sequences of [`painted`](super::terminal) stay.
#[must_use]
pub fn terminal(text: &str, colored: bool) -> String {
    let mut out = String::with_capacity(text.len());
    // The runner looks for the older kind of command anywhere in a line.
    for line in text.replace("##[", "##\\[").split_inclusive('\n') {
        let begins = line.len() - line.trim_start().len();
        let (indent, rest) = line.split_at(begins);
        // A carriage return is white space as well.
        visible(indent, colored, &mut out);
        out.push_str(if rest.starts_with("::") { "\\" } else { "" });
        visible(rest, colored, &mut out);
    }
    out
}

fn visible(mut text: &str, colored: bool, out: &mut String) {
    while let Some(c) = text.chars().next() {
        if let Some(length) = color(text).filter(|_| colored) {
            out.push_str(&text[..length]);
            text = &text[length..];
            continue;
        }
        match c {
            '\n' | '\t' => out.push(c),
            // Also those that turn the direction of what follows.
            _ if c.is_control()
                || matches!(c, '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.extend(c.escape_default());
            }
            _ => out.push(c),
        }
        text = &text[c.len_utf8()..];
    }
}

/// How long the sequence is that this begins with, if it is one of our own.
fn color(text: &str) -> Option<usize> {
    ["\x1b[0m", "\x1b[1;31m", "\x1b[1;32m", "\x1b[1;33m"]
        .iter()
        .find(|code| text.starts_with(**code))
        .map(|code| code.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_in_html_and_markdown_is_escaped() {
        assert_eq!(html("<a b='c'>&\"\x1b[31m"), "&lt;a b=&#39;c&#39;&gt;&amp;&quot;\u{fffd}[31m");
        assert_eq!(xml_document("<text>a\x1bb</text>".to_owned()), "<text>a\u{fffd}b</text>");
        assert_eq!(markdown("send_timeout _was_ *it*\n<b>"), "send_timeout \\_was\\_ \\*it\\* &lt;b>");
    }

    #[test]
    fn links_are_percent_encoded() {
        for (path, expected) in [
            ("control/2026-01-01T00-00-00Z/index.html", "control/2026-01-01T00-00-00Z/index.html"),
            ("javascript:alert(1)<!--/a", "javascript%3Aalert%281%29%3C%21--/a"),
            ("a#b?c d%e/ü.svg", "a%23b%3Fc%20d%25e/%C3%BC.svg"),
            ("x)<[y](z.png", "x%29%3C%5By%5D%28z.png"),
        ] {
            assert_eq!(link(Path::new(path)), expected);
        }
    }

    #[test]
    fn csv_cells_are_no_formulas_and_numbers_stay_numbers() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("@SUM(1)", "'@SUM(1)"),
            ("-1", "-1"),
            ("-x", "'-x"),
            ("good", "good"),
        ] {
            assert_eq!(csv(text), cell);
        }
    }

    #[test]
    fn control_characters_are_removed_for_terminals() {
        assert_eq!(terminal("a\x1b]0;title\x07b\tc\n", false), "a\\u{1b}]0;title\\u{7}b\tc\n");
        assert_eq!(terminal("\x1b[1;31mFAIL\x1b[0m  x\x1b[2J", true), "\x1b[1;31mFAIL\x1b[0m  x\\u{1b}[2J");
        assert_eq!(terminal("\x1b[1;31mFAIL\x1b[0m", false), "\\u{1b}[1;31mFAIL\\u{1b}[0m");
        assert_eq!(
            terminal("one\r\n  ::error::two\n##[error]x ###[group]y", true),
            "one\\r\n  \\::error::two\n##\\[error]x ###\\[group]y"
        );
        assert_eq!(terminal("a\u{202e}b", true), "a\\u{202e}b");
        assert_eq!(terminal("a\n\r \u{b}b", true), "a\n\\r \\u{b}b", "white space is no text, either");
    }
}
