//! Plain text in lines of a width: words are wrapped, and what is too long is shortened.

use std::iter;

/// The words of a text in lines of at most `width` characters, of which the first line has `used` taken already and the others
/// are set in by `indent`, which is left out here. A word that is longer than a line has one of its own.
#[must_use]
pub fn lines(text: &str, used: usize, indent: usize, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut column = used;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        let is_first = lines.last().is_none_or(String::is_empty);
        if !is_first && column + 1 + length > width {
            lines.push(word.to_owned());
            column = indent + length;
        } else if let Some(line) = lines.last_mut() {
            line.push_str(if is_first { "" } else { " " });
            line.push_str(word);
            column += length + usize::from(!is_first);
        }
    }
    lines
}

/// A text behind `first`, with a line break at its end; all lines but the first are set in.
#[must_use]
pub fn hanging(first: &str, text: &str, indent: usize, width: usize) -> String {
    let lines = lines(text, first.chars().count(), indent, width);
    format!("{first}{}\n", lines.join(&format!("\n{}", " ".repeat(indent))))
}

/// A text of at most `width` characters: what is too long loses its middle.
#[must_use]
pub fn shortened(text: &str, width: usize) -> String {
    let count = text.chars().count();
    if count <= width {
        return text.to_owned();
    }
    let tail = width.saturating_sub(1) / 2;
    let head = width.saturating_sub(1) - tail;
    text.chars().take(head).chain(iter::once('…')).chain(text.chars().skip(count - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_wraps_with_a_hanging_indent() {
        let text = hanging("note: ", &"word ".repeat(20), 4, 80);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].starts_with("note: word") && lines[1].starts_with("    word"));
        assert!(lines.iter().all(|line| line.len() <= 80));
        assert_eq!(hanging("", "a  b\nc", 2, 80), "a b c\n");
        assert_eq!(hanging("x ", "", 2, 80), "x \n");
        assert_eq!(hanging("abc ", "defgh ij", 1, 5), "abc defgh\n ij\n", "a word is never cut");
    }

    #[test]
    fn a_long_name_is_shortened() {
        assert_eq!(shortened("a very long name", 9), "a ve…name");
        assert_eq!(shortened("short", 9), "short");
    }
}
