//! Messages of the TOML parser in the words of a profile: keys and values, no types of the program.

use super::suggestion::meant;

/// Names that a message lists although it has found the one that was probably meant.
const MOST_NAMES: usize = 20;

/// What the parser says, for people: what is wrong, what is allowed, and what may have been meant. A message that begins
/// with `must be` can stand behind the key that it is about.
pub(super) fn explained(message: &str) -> String {
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("key", rest);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("value", rest);
    }
    if let Some(key) = message.strip_prefix("missing field ") {
        return format!("the key {key} is missing");
    }
    let of_type = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    if let Some((found, wanted)) = of_type.and_then(|rest| rest.rsplit_once(", expected ")) {
        return mismatch(found, wanted);
    }
    match message {
        "wanted string or table" => "must be text in quotes".to_owned(),
        "duplicate key" => "this key or section is there twice: remove one of them".to_owned(),
        "invalid basic string, expected `\"`" => "a text must end with a quote in the same line".to_owned(),
        _ if message.starts_with("string values must be quoted") => "a text must be in quotes".to_owned(),
        _ => message.to_owned(),
    }
}

/// An unknown name: serde quotes it first, and then all names that are known.
fn unknown(what: &str, rest: &str) -> String {
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let wrong = quoted.next().unwrap_or_default();
    let known: Vec<&str> = quoted.collect();
    let hint = meant(wrong, known.iter().copied());
    if known.is_empty() {
        return format!("unknown {what} `{wrong}`: remove it");
    }
    if known.len() > MOST_NAMES && !hint.is_empty() {
        return format!("unknown {what} `{wrong}`{hint}");
    }
    format!("unknown {what} {rest}{hint}")
}

/// A value of another type, or beyond the type's range.
fn mismatch(found: &str, wanted: &str) -> String {
    if (found, wanted) == ("map", "a sequence") {
        return "must be a list: a section of a list has two brackets, as in [[clients]]".to_owned();
    }
    match written(found) {
        Some(written) => format!("must be {}, not {written}", allowed(wanted)),
        None => format!("must be {}", allowed(wanted)),
    }
}

/// What stands in the profile, if the parser says.
fn written(found: &str) -> Option<String> {
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    match kind {
        "string" => Some(format!("the text {value}")),
        "integer" | "boolean" => Some(value.replace('`', "")),
        "floating" => Some(value.trim_start_matches("point ").replace('`', "")),
        "sequence" => Some("a list".to_owned()),
        "map" => Some("a table".to_owned()),
        _ => None,
    }
}

/// What the parser expects.
fn allowed(wanted: &str) -> String {
    let whole = |least: u8, most: u64| format!("a whole number from {least} to {most}");
    let text = match wanted {
        "u8" => return whole(0, u8::MAX.into()),
        "u16" => return whole(0, u16::MAX.into()),
        "u32" => return whole(0, u32::MAX.into()),
        "a nonzero u8" => return whole(1, u8::MAX.into()),
        "a nonzero u16" => return whole(1, u16::MAX.into()),
        "a nonzero u32" => return whole(1, u32::MAX.into()),
        // TOML has no larger ones.
        "u64" | "usize" => return whole(0, i64::MAX as u64),
        "i64" | "i32" => "a whole number",
        "f64" | "f32" => "a number",
        "a boolean" => "true or false",
        "a string" | "string only" => "text in quotes",
        "a sequence" => "a list, as in [\"a\", \"b\"]",
        "struct Load" => "a table such as { depth = 1 } or { rate = \"500/s\" }",
        "struct RequestSpec" => "a table such as { path = \"/\" }",
        "struct Command" => "a table such as { command = \"PING\" }",
        "struct Exchange" => "a table such as { send = 'PING\\r\\n', until = '\\n' }",
        "struct Reconnect" => "a table such as { at_most = \"10/s\" }",
        "a map" => "a table, as in { NAME = \"VALUE\" }",
        _ if wanted.starts_with("struct ") || wanted.starts_with("enum ") => "a table, as in { KEY = VALUE }",
        _ if wanted.starts_with("internally tagged enum") => "a section of its own",
        _ => wanted,
    };
    text.to_owned()
}

/// The key of what stands at this byte of a profile: the key right before it, or that of its line.
pub(super) fn key_at(text: &str, at: usize) -> Option<&str> {
    key_before(text, at).or_else(|| {
        let start = text.get(..at)?.rfind('\n').map_or(0, |end| end + 1);
        let key = text[start..].lines().next()?.split_once('=')?.0.trim();
        let is_bare = key.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        (is_bare && !key.is_empty()).then_some(key)
    })
}

/// The key of the value that starts at this byte, if it stands before it in the same line.
fn key_before(text: &str, at: usize) -> Option<&str> {
    let line = text.get(..at)?.rsplit('\n').next()?;
    let before = line.trim_end().strip_suffix('=')?.trim_end();
    let key = match before.strip_suffix('"') {
        Some(quoted) => quoted.rsplit('"').next()?,
        None => before.rsplit(|c: char| c.is_whitespace() || "{,".contains(c)).next()?,
    };
    (!key.is_empty()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_before_a_value_is_found() {
        for (text, value, key) in [
            ("a = 1\ncount = 2", "2", Some("count")),
            ("load = { depth = 1, payload = [] }", "[", Some("payload")),
            ("load = { depth=1 }", "1", Some("depth")),
            ("\"server.buffer\" = 7", "7", Some("server.buffer")),
            ("a = 1\ncommand = [7]", "7", Some("command")),
            ("buffer = 7", "buffer", Some("buffer")),
            ("load={depth=1,payload=[]}", "[", Some("payload")),
            ("load={depth=1}", "1", Some("depth")),
            ("a b = 7", "a", None),
            ("[[clients]]", "[", None),
        ] {
            assert_eq!(key_at(text, text.find(value).expect(value)), key, "{text}");
        }
        assert_eq!(key_at("a", 9), None);
    }

    #[test]
    fn no_type_of_the_program_is_named() {
        for (message, wanted) in [
            (
                "invalid type: string \"two\", expected u32",
                "must be a whole number from 0 to 4294967295, not the text \"two\"",
            ),
            (
                "invalid value: integer `-2`, expected u32",
                "must be a whole number from 0 to 4294967295, not -2",
            ),
            (
                "invalid value: integer `0`, expected a nonzero u32",
                "must be a whole number from 1 to 4294967295, not 0",
            ),
            (
                "invalid type: floating point `1.5`, expected u64",
                "must be a whole number from 0 to 9223372036854775807, not 1.5",
            ),
            ("invalid type: boolean `true`, expected a string", "must be text in quotes, not true"),
            ("invalid type: unit variant, expected string only", "must be text in quotes"),
            (
                "invalid type: integer `5`, expected struct Load",
                "must be a table such as { depth = 1 } or { rate = \"500/s\" }, not 5",
            ),
            (
                "invalid type: map, expected a sequence",
                "must be a list: a section of a list has two brackets, as in [[clients]]",
            ),
            (
                "invalid type: string \"x, expected y\", expected a map",
                "must be a table, as in { NAME = \"VALUE\" }, not the text \"x, expected y\"",
            ),
            ("missing field `count`", "the key `count` is missing"),
            (
                "unknown field `cuont`, expected `name` or `count`",
                "unknown key `cuont`, expected `name` or `count`; did you mean `count`?",
            ),
            (
                "unknown variant `get`, expected `GET` or `PUT`",
                "unknown value `get`, expected `GET` or `PUT`; did you mean `GET`?",
            ),
            ("unknown field `bytes`, there are no fields", "unknown key `bytes`: remove it"),
            ("`1 mile` is not a time", "`1 mile` is not a time"),
        ] {
            assert_eq!(explained(message), wanted);
        }
    }
}
