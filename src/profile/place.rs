//! Where in a profile a fault is: its line, and the keys that lead to it.

use toml::{Table, Value};

/// The keys that lead to a fault as `--set` takes them, with a group by its name; by its number where the name does not say
/// which group it is.
pub(super) fn shown_path(text: &str, path: &[String]) -> String {
    let group = match path {
        [clients, index, rest @ ..] if clients == "clients" => index.parse::<usize>().ok().zip(Some(rest)),
        _ => None,
    };
    let Some((index, rest)) = group else { return path.join(".") };
    let table: Table = toml::from_str(text).unwrap_or_default();
    let groups = table.get("clients").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<&str> =
        groups.map(|group| group.get("name").and_then(Value::as_str).unwrap_or_default()).collect();
    let rest = rest.join(".");
    match names.get(index) {
        Some(name) if is_clear(name) && names.iter().filter(|other| *other == name).count() == 1 => {
            format!("clients.{name}.{rest}")
        }
        _ => format!("{rest} of group {} in [[clients]]", index + 1),
    }
}

/// The keys that lead to the value at this byte of a profile.
pub(super) fn path_at(text: &str, at: usize) -> Option<Vec<String>> {
    let root = toml::de::DeTable::parse(text).ok()?;
    within(root.get_ref(), at)
}

fn within(table: &toml::de::DeTable<'_>, at: usize) -> Option<Vec<String>> {
    table.iter().find_map(|(key, value)| {
        let below = below(value, at);
        below.map(|below| [vec![key.get_ref().to_string()], below].concat())
    })
}

/// The keys below a value that lead to the innermost one at this byte; none where it is the value itself.
fn below(value: &toml::Spanned<toml::de::DeValue<'_>>, at: usize) -> Option<Vec<String>> {
    let deeper = match value.get_ref() {
        toml::de::DeValue::Table(table) => within(table, at),
        toml::de::DeValue::Array(list) => list.iter().enumerate().find_map(|(index, element)| {
            // A word in a list of words has no name.
            let is_table = element.get_ref().is_table();
            let number = if is_table { vec![index.to_string()] } else { Vec::new() };
            Some([number, below(element, at)?].concat())
        }),
        _ => None,
    };
    deeper.or_else(|| value.span().contains(&at).then(Vec::new))
}

/// Whether a message can name a group by its name.
fn is_clear(name: &str) -> bool {
    !name.is_empty() && !name.contains('.') && !name.chars().any(char::is_control)
}

/// serde reads a `[core]` section whole before it knows its keys, and reports faults at the section's first line: where in
/// the section is the word that the message quotes?
pub(super) fn within_section(text: &str, message: &str) -> usize {
    let section = text.split("\n[").next().unwrap_or_default();
    let quoted = message
        .split('`')
        .nth(1)
        .filter(|_| section.starts_with("[core]") && !message.starts_with("missing"));
    quoted.and_then(|word| section.find(word)).unwrap_or(0)
}

pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text[..offset.min(text.len())].matches('\n').count() + 1
}

/// The line of the key at the end of the path, or of the last key on the way that is there.
pub(super) fn locate(text: &str, path: &[String]) -> Option<usize> {
    let root = toml::de::DeTable::parse(text).ok()?;
    let mut table = Some(root.get_ref());
    let mut array: Option<&toml::de::DeArray<'_>> = None;
    let mut found = None;
    for part in path {
        let value = if let Some(elements) = array {
            let value = part.parse().ok().and_then(|index: usize| elements.get(index));
            found = value.map(toml::Spanned::span).or(found);
            value
        } else {
            let (key, value) = table?.iter().find(|(key, _)| key.get_ref() == part.as_str()).unzip();
            found = key.map(toml::Spanned::span).or(found);
            value
        };
        let Some(value) = value else { break };
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    found.map(|span| line_of(text, span.start))
}
