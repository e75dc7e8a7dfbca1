//! Rust source as words and signs: without comments, without what is in strings, and without tests.

/// The words and signs of a file. A string is `""`, a lifetime is left out, and `::`, `=>` and `->` are one sign each.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |at| at + 2),
            '\'' => quote(rest),
            _ if string(rest).is_some() => {
                found.push("\"\"");
                string(rest).unwrap_or(1)
            }
            _ if is_word(first) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                found.push(&rest[..length]);
                length
            }
            _ if first.is_whitespace() => first.len_utf8(),
            _ => {
                let is_pair = ["::", "=>", "->"].iter().any(|pair| rest.starts_with(pair));
                let length = if is_pair { 2 } else { first.len_utf8() };
                found.push(&rest[..length]);
                length
            }
        };
        rest = &rest[length..];
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// How long the character or the lifetime is that this begins with.
fn quote(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => text[3..].find('\'').map_or(text.len(), |at| at + 4),
        Some((_, c)) if text[1 + c.len_utf8()..].starts_with('\'') => 2 + c.len_utf8(),
        _ => text[1..].find(|c| !is_word(c)).map_or(text.len(), |at| at + 1),
    }
}

/// How long the string is that this begins with, if it begins with one.
fn string(text: &str) -> Option<usize> {
    let raw =
        text.strip_prefix("br").or(text.strip_prefix('r')).map(|rest| (rest, rest.trim_start_matches('#')));
    if let Some((rest, inside)) = raw.filter(|(_, inside)| inside.starts_with('"')) {
        let end = format!("\"{}", "#".repeat(rest.len() - inside.len()));
        let begins = text.len() - inside.len() + 1;
        return Some(text[begins..].find(&end).map_or(text.len(), |at| begins + at + end.len()));
    }
    let inside = text.strip_prefix('b').unwrap_or(text).strip_prefix('"')?;
    let mut is_escaped = false;
    let end = inside.char_indices().find(|(_, c)| {
        let is_end = *c == '"' && !is_escaped;
        is_escaped = *c == '\\' && !is_escaped;
        is_end
    });
    Some(end.map_or(text.len(), |(at, _)| text.len() - inside.len() + at + 1))
}

/// The place behind the bracket that closes the one at `open`.
pub(crate) fn behind(tokens: &[&str], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The tokens that are built into the program, and the modules that are for tests alone.
pub(crate) fn without_tests<'a>(tokens: &[&'a str]) -> (Vec<&'a str>, Vec<&'a str>) {
    const TEST: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let (mut kept, mut modules, mut at) = (Vec::new(), Vec::new(), 0);
    while at < tokens.len() {
        if !tokens[at..].starts_with(&TEST) {
            kept.push(tokens[at]);
            at += 1;
            continue;
        }
        at += TEST.len();
        let begins = at;
        let is_use = tokens[at..].iter().take(2).any(|token| *token == "use");
        while at < tokens.len() && tokens[at] != ";" && (is_use || tokens[at] != "{") {
            at = if matches!(tokens[at], "(" | "[" | "{") { behind(tokens, at) } else { at + 1 };
        }
        let item = &tokens[begins..at];
        if let Some(name) = item.iter().position(|token| *token == "mod") {
            modules.extend(item.get(name + 1));
        }
        at = if tokens.get(at) == Some(&"{") { behind(tokens, at) } else { at + 1 };
    }
    (kept, modules)
}

#[test]
fn strings_comments_lifetimes_and_characters_hold_no_words() {
    let text = "fn f<'a>(x: &'a str) { // g\n \"a \\\" b\"; r#\"c \" d\"#; b'\\''; '{'; /* h */ x::y => 1 }";
    let expected = "fn f < > ( x : & str ) { \"\" ; \"\" ; b ; ; x :: y => 1 }";
    assert_eq!(tokens(text), expected.split(' ').collect::<Vec<_>>());
}

#[test]
fn items_for_tests_are_left_out() {
    let text = "mod a;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nfn f() { g() }\n#[cfg(test)]\nuse b::{c, d};\nfn h() {}";
    let (kept, modules) = without_tests(&tokens(text));
    assert_eq!(kept, "mod a ; fn h ( ) { }".split(' ').collect::<Vec<_>>());
    assert_eq!(modules, ["tests"]);
}
