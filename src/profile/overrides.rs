//! Keys of a profile that a command line or a sweep sets.

use toml::{Table, Value};

use super::suggestion::meant;

/// Parts of a key, with dots between them: there are none with more than four.
const MOST_PARTS: usize = 16;

/// A value from a command line: TOML where it is TOML, else the text itself.
pub(super) fn literal(text: &str) -> Value {
    toml::from_str::<Table>(&format!("v = {text}"))
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Sets `clients.good.count`, `clients.0.count`, `clients.*.count` or `server.trigger`; a table on the way is made if it
/// is not there.
pub(super) fn set(table: &mut Table, key: &str, value: &Value) -> Result<(), String> {
    let mut parts: Vec<&str> = key.split('.').collect();
    // The names of numbers have dots of their own.
    if matches!(parts[0], "expect" | "gate") && parts.len() > 2 {
        parts = vec![parts[0], &key[parts[0].len() + 1..]];
    }
    if parts.len() > MOST_PARTS {
        return Err(format!("a key has at most {MOST_PARTS} parts"));
    }
    set_within(table, &parts, value)
}

fn set_within(table: &mut Table, parts: &[&str], value: &Value) -> Result<(), String> {
    let (first, rest) = parts.split_first().ok_or("the key is missing")?;
    if rest.is_empty() {
        table.insert((*first).to_owned(), value.clone());
        return Ok(());
    }
    match table.entry(*first).or_insert_with(|| Value::Table(Table::new())) {
        Value::Table(table) => set_within(table, rest, value),
        Value::Array(array) => match rest {
            [name, within @ ..] if !within.is_empty() => {
                elements(array, name)?.into_iter().try_for_each(|element| set_within(element, within, value))
            }
            _ => Err(format!("write {first}.NAME.{}", rest[0])),
        },
        _ => Err(format!("`{first}` is a value and has no keys")),
    }
}

/// The group of this name or number; all of them for `*`.
fn elements<'a>(array: &'a mut [Value], name: &str) -> Result<Vec<&'a mut Table>, String> {
    let own_name = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
    let names: Vec<String> = array.iter().filter_map(own_name).collect();
    let index = names.iter().position(|n| n == name).or_else(|| name.parse().ok());
    if index.is_none() && name == "*" {
        return Ok(array.iter_mut().filter_map(Value::as_table_mut).collect());
    }
    let one = index.and_then(|index: usize| array.get_mut(index)).and_then(Value::as_table_mut);
    one.map(|one| vec![one]).ok_or_else(|| {
        format!("there is no client group `{name}`{}", meant(name, names.iter().map(String::as_str)))
    })
}

/// Whether setting the key `of`, which may be of all groups, sets this key.
#[must_use]
pub fn is_set_by(of: &str, key: &str) -> bool {
    match of.split_once('*') {
        Some((before, after)) => key
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|group| !group.is_empty() && !group.contains('.')),
        None => key == of,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_all_groups_sets_that_of_each() {
        for (of, key, is) in [
            ("clients.slow.count", "clients.slow.count", true),
            ("clients.slow.count", "clients.good.count", false),
            ("clients.*.count", "clients.good.count", true),
            ("clients.*.count", "clients.*.count", true),
            ("clients.*.count", "clients.good.load.count", false),
            ("clients.*.load.rate", "clients.good.load.rate", true),
            // What is set for all is still so in the other groups.
            ("clients.slow.count", "clients.*.count", false),
        ] {
            assert_eq!(is_set_by(of, key), is, "{of} {key}");
        }
    }
}
