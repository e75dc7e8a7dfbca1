//! Matches on the enums of some modules that have an arm for all the rest: one that is new would fall into it unseen.

use crate::tokens::{behind, tokens, without_tests};

/// The enums that a file defines.
pub(crate) fn enums(text: &str) -> Vec<String> {
    let all = tokens(text);
    all.windows(2).filter(|pair| pair[0] == "enum").map(|pair| pair[1].to_owned()).collect()
}

/// The names of these enums that a file matches on with an arm for all the rest, or with `matches!`, which has one.
pub(crate) fn with_a_rest(text: &str, enums: &[String]) -> Vec<String> {
    let all = tokens(text);
    let (code, _) = without_tests(&all);
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        if *token == "matches" && code.get(at + 1) == Some(&"!") {
            let within = &code[at + 2..behind(&code, at + 2)];
            found.extend(
                within
                    .iter()
                    .position(|token| *token == ",")
                    .and_then(|at| begins_with(&within[at + 1..], enums)),
            );
        }
        if *token == "match" {
            let Some(open) = body(&code, at + 1) else { continue };
            let patterns = patterns(&code[open + 1..behind(&code, open) - 1]);
            if patterns.iter().any(|pattern| pattern.first() == Some(&"_")) {
                found.extend(patterns.iter().find_map(|pattern| begins_with(pattern, enums)));
            }
        }
    }
    found
}

/// The enum of these that a pattern is of, alone or as the first within others.
fn begins_with(pattern: &[&str], enums: &[String]) -> Option<String> {
    let wrapped = ["&", "|", "(", "Some", "Ok"];
    let mut own = pattern.iter().skip_while(|token| wrapped.contains(token));
    let name = own.next().filter(|name| enums.iter().any(|one| one == *name))?;
    own.next().filter(|sign| **sign == "::").map(|_| (*name).to_owned())
}

/// Where the braces of a match begin whose expression begins at `at`.
fn body(code: &[&str], mut at: usize) -> Option<usize> {
    while let Some(token) = code.get(at) {
        match *token {
            "{" => return Some(at),
            "(" | "[" => at = behind(code, at),
            _ => at += 1,
        }
    }
    None
}

/// The patterns of the arms of a match, with their conditions.
fn patterns<'a, 'b>(arms: &'b [&'a str]) -> Vec<&'b [&'a str]> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < arms.len() {
        let begins = at;
        while at < arms.len() && arms[at] != "=>" {
            at = if matches!(arms[at], "(" | "[" | "{") { behind(arms, at) } else { at + 1 };
        }
        found.push(&arms[begins..at]);
        at += 1;
        if arms.get(at) == Some(&"{") {
            at = behind(arms, at);
            at += usize::from(arms.get(at) == Some(&","));
            continue;
        }
        while at < arms.len() && arms[at] != "," {
            at = if matches!(arms[at], "(" | "[" | "{") { behind(arms, at) } else { at + 1 };
        }
        at += 1;
    }
    found
}
