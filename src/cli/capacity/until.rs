//! The conditions of `--until`, in the grammar of `[expect]`.

use indexmap::IndexMap;

/// A name and its condition: `good.latency_p99 @ with < 50ms`.
pub(super) fn condition(text: &str) -> Result<(String, String), String> {
    let start = text.find(['<', '>', '=', '!']).filter(|start| *start > 0);
    let (name, condition) =
        text.split_at(start.ok_or("write NAME CONDITION, as in 'good.latency_p99 < 50ms'")?);
    if name.trim().is_empty() {
        return Err("the name is missing: write it as in 'good.latency_p99 < 50ms'".to_owned());
    }
    Ok((name.trim().to_owned(), condition.trim().to_owned()))
}

/// The conditions as the value of `expect`, in place of what the profile expects. Several of one number must all hold.
pub(super) fn expect(conditions: &[(String, String)]) -> String {
    let mut joined: IndexMap<&str, Vec<&str>> = IndexMap::new();
    for (name, condition) in conditions {
        joined.entry(name).or_default().push(condition);
    }
    let table: toml::Table = joined
        .into_iter()
        .map(|(name, conditions)| (name.to_owned(), toml::Value::String(conditions.join(", "))))
        .collect();
    toml::Value::Table(table).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_begins_at_its_sign() {
        let of = |text: &str| condition(text).map(|(name, condition)| format!("{name}|{condition}"));
        assert_eq!(of("good.latency_p99 < 50ms"), Ok("good.latency_p99|< 50ms".to_owned()));
        assert_eq!(of("good.latency_p99 @ with<=50ms"), Ok("good.latency_p99 @ with|<=50ms".to_owned()));
        assert_eq!(of("slow reader.evicted != 0"), Ok("slow reader.evicted|!= 0".to_owned()));
        for wrong in ["good.latency_p99", "< 50ms", " < 50ms", ""] {
            assert!(condition(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn conditions_of_one_number_are_joined() {
        let conditions = [("a.b @ with", "< 2"), ("c", "= 0"), ("a.b @ with", "> 1")];
        let conditions = conditions.map(|(name, condition)| (name.to_owned(), condition.to_owned()));
        assert_eq!(expect(&conditions), "{ \"a.b @ with\" = \"< 2, > 1\", c = \"= 0\" }");
    }
}
