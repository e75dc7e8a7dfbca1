//! Whether two searches drove their servers alike: what of their profiles differs beside the server and the level.

use std::collections::BTreeMap;

use toml::Value;

use crate::profile::{Profile, is_set_by};

/// What may differ: the servers are compared, and texts and seeds are no load.
const FREE: [&str; 7] = ["server", "title", "about", "chart", "labels", "gate", "seed"];

/// The first key, and its values, in which two profiles differ beside what may: the servers, and the key that the levels are
/// of. A key that only one of them has is `not set` in the other.
pub(super) fn first_difference(base: &Profile, head: &Profile, of: &str) -> Option<(String, [String; 2])> {
    let (base, head) = (keys(base), keys(head));
    let of_either = base.keys().chain(head.keys()).filter(|key| !is_set_by(of, key));
    let differing = of_either.filter(|key| base.get(*key) != head.get(*key)).min()?;
    let shown = |keys: &BTreeMap<String, String>| {
        keys.get(differing).cloned().unwrap_or_else(|| "not set".to_owned())
    };
    Some((differing.clone(), [shown(&base), shown(&head)]))
}

/// Every key of a profile that says how the server is driven, as `--set` names it, and its value.
fn keys(profile: &Profile) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let table = toml::Table::try_from(profile).unwrap_or_default();
    for (key, value) in table.iter().filter(|(key, _)| !FREE.contains(&key.as_str())) {
        add(key, value, &mut found);
    }
    found
}

fn add(path: &str, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Table(table) => {
            table.iter().for_each(|(key, value)| add(&format!("{path}.{key}"), value, found));
        }
        Value::Array(list) if list.iter().all(Value::is_table) => {
            for (number, value) in list.iter().enumerate() {
                let name = value.get("name").and_then(Value::as_str);
                let name = name.map_or_else(|| number.to_string(), str::to_owned);
                add(&format!("{path}.{name}"), value, found);
            }
        }
        other => {
            found.insert(path.to_owned(), other.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(keys: &str, slow: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n{keys}\n[[clients]]\nname = \"good\"\ncount = 2\nload = {{ depth = 1, payload = 9 }}\n\
             [[clients]]\nname = \"slow\"\n{slow}\nload = {{ depth = 1, payload = 9 }}"
        );
        toml::from_str(&text).expect("a profile")
    }

    #[test]
    fn only_what_drives_the_server_must_be_the_same() {
        let base = profile("", "count = 10");
        let differs = |keys: &str, slow: &str, of: &str| first_difference(&base, &profile(keys, slow), of);
        let count = "clients.slow.count";
        for (keys, slow) in [
            ("", "count = 10"),
            ("", "count = 40"),
            ("seed = 7\nabout = \"x\"", "count = 10"),
            ("server = { send_limit = \"1MiB\" }", "count = 10"),
        ] {
            assert_eq!(differs(keys, slow, count), None, "{keys} {slow}");
        }
        for (keys, slow, of, wanted) in [
            ("", "count = 40", "clients.good.count", ("clients.slow.count", "10", "40")),
            ("client_threads = 2", "count = 10", count, ("client_threads", "1", "2")),
            (
                "",
                "count = 10\nrecv_buffer = \"4KiB\"",
                count,
                ("clients.slow.recv_buffer", "not set", "\"4KiB\""),
            ),
            ("", "count = 10\nrx = \"stall\"", count, ("clients.slow.rx", "", "")),
            (
                "",
                "count = 10\n[[clients]]\nname = \"c\"\ncount = 1",
                count,
                ("clients.c.count", "not set", "1"),
            ),
        ] {
            let (key, [a, b]) = differs(keys, slow, of).unwrap_or_else(|| panic!("{keys} {slow}"));
            assert!(key.starts_with(wanted.0), "{key}");
            if !wanted.1.is_empty() {
                assert_eq!((a.as_str(), b.as_str()), (wanted.1, wanted.2), "{key}");
            }
        }
        assert_eq!(differs("", "count = 40", "clients.*.count"), None, "the level is of all groups");
    }
}
