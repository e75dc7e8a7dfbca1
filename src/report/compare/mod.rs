//! Two records side by side: what changed, and whether for better or worse beyond each metric's noise.

mod largest;
mod words;

use std::{collections::BTreeMap, iter};

use indexmap::IndexSet;
use serde_json::{Value, json};

pub(super) use self::largest::largest;
use self::words::{SAME, judgment, percent, shown};
use super::{
    table::{Align, Table},
    view::in_words,
};
use crate::{
    gate::{ChangeKind, PointComparison, RecordChange, RecordComparison},
    metric::Unit,
    record::Record,
    units::human_time,
};

/// The comparison for other programs. Values are means over the repeats, and `b` is judged against `a`; `change` is
/// relative to `a`, and null where `a` is zero or either is a lower bound, which `a_censored` and `b_censored` say,
/// with the cause.
#[must_use]
pub fn to_json(a: &Record, b: &Record) -> Value {
    let side = |record: &Record| {
        json!({ "name": record.name, "started": record.started, "commit": record.commit,
                "outcome": record.verdict().word() })
    };
    let metric = |change: &RecordChange| {
        let is_known = change.a.censored.is_none() && change.b.censored.is_none();
        let (a, b) = (change.a.mean, change.b.mean);
        let relative = (a != 0.0 && is_known).then(|| (b - a) / a.abs());
        let mut metric = json!({ "name": change.name(), "unit": change.stat.unit().name(), "a": a, "b": b,
                                 "change": relative, "judgment": change.kind.word() });
        for (key, side) in [("a_censored", &change.a), ("b_censored", &change.b)] {
            if let Some(cause) = &side.censored {
                metric[key] = json!(cause);
            }
        }
        metric
    };
    let comparison = RecordComparison::of(a, b);
    let points = comparison.points.iter().map(|point| {
        let metrics = point.changes.iter().map(metric).collect::<Vec<_>>();
        json!({ "axes": in_words(&point.axes), "metrics": metrics,
                "only_a": point.only_a, "only_b": point.only_b })
    });
    json!({ "a": side(a), "b": side(b), "differing": differing(a, b, &comparison),
            "points": points.collect::<Vec<_>>() })
}

/// What one of the records is of, in a line.
pub(super) fn origin(record: &Record) -> String {
    let commit = record.commit.as_deref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    let repeats: usize = record.points.iter().map(|point| point.repeats.len()).max().unwrap_or(0);
    format!("{}, {}{commit}, repeats: {repeats}, {}", record.name, record.started, record.verdict().word())
}

/// What makes the comparison less than fair, in words.
pub(super) fn differing(a: &Record, b: &Record, comparison: &RecordComparison) -> Vec<String> {
    let mut found = Vec::new();
    if a.name != b.name {
        found.push(format!("the profiles differ: {} and {}", a.name, b.name));
    } else if a.profile != b.profile {
        found.push(format!("the two versions of the profile {} differ: {}", a.name, changed_keys(a, b)));
    }
    let (here, there) = (&a.machine, &b.machine);
    let machine = |m: &crate::record::Machine| {
        let memory = Unit::Bytes.show(m.memory_bytes as f64);
        format!("{}, {} cores, {memory}, {}", m.cpu, m.cores, m.arch)
    };
    if machine(here) != machine(there) {
        found.push(format!("the machines differ: {} and {}", machine(here), machine(there)));
    }
    if here.kernel != there.kernel {
        found.push(format!("the kernels differ: {} and {}", here.kernel, there.kernel));
    }
    if let Some([here, there]) = here.other_loopback(there) {
        found.push(format!("the loopback interfaces differ: {here} and {there}"));
    }
    if a.badpeer != b.badpeer {
        found.push(format!("the versions of badpeer differ: {} and {}", a.badpeer, b.badpeer));
    }
    if let Some(point) = comparison.points.iter().find(|point| !point.has_equal_windows()) {
        // They differ by more than a hundredth, which three digits show.
        let (a, b) = point.windows_ns;
        let (a, b) = (human_time(a), human_time(b));
        found.push(format!("the measured windows differ ({a} and {b}), so totals are left out"));
    }
    found
}

/// The first keys of the profile that differ, as `--set` takes them.
fn changed_keys(a: &Record, b: &Record) -> String {
    let mut changed = Vec::new();
    differences("", &json!(a.profile), &json!(b.profile), &mut changed);
    if changed.is_empty() {
        return "the order of the groups".to_owned();
    }
    let more = if changed.len() > 5 { format!(" and {} more", changed.len() - 5) } else { String::new() };
    changed.truncate(5);
    format!("{}{more}", changed.join(", "))
}

/// The keys below `path` whose values differ. A group is named by its name; any other list differs as a whole.
fn differences(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    if let (Some(a), Some(b)) = (parts(a), parts(b)) {
        let keys: IndexSet<&str> = a.keys().chain(b.keys()).copied().collect();
        for key in keys {
            let below = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            let of = |parts: &BTreeMap<&str, &Value>| parts.get(key).copied().cloned().unwrap_or_default();
            differences(&below, &of(&a), &of(&b), out);
        }
    } else if a != b {
        out.push(path.to_owned());
    }
}

/// The values of a table by their keys, or the groups of a list by their names.
fn parts(value: &Value) -> Option<BTreeMap<&str, &Value>> {
    match value {
        Value::Object(map) => Some(map.iter().map(|(key, value)| (key.as_str(), value)).collect()),
        Value::Array(list) if !list.is_empty() => {
            list.iter().map(|value| Some((value.get("name")?.as_str()?, value))).collect()
        }
        _ => None,
    }
}

/// The points that only one of them has, with its letter.
pub(super) fn unmatched(comparison: &RecordComparison) -> Vec<(&'static str, String)> {
    let each = [("A", &comparison.only_a), ("B", &comparison.only_b)];
    let each = each.into_iter().flat_map(|(name, points)| points.iter().map(move |axes| (name, axes)));
    each.map(|(name, axes)| {
        (name, if axes.is_empty() { "without a sweep".to_owned() } else { in_words(axes) })
    })
    .collect()
}

/// One table, so that its columns stand below each other: the whole run first, then each group under its name. What did not
/// change is in it with `all` only.
pub(super) fn table(point: &PointComparison, all: bool) -> Table {
    use Align::{Left, Right};
    let changes: Vec<&RecordChange> =
        point.changes.iter().filter(|change| all || is_telling(change)).collect();
    let groups: IndexSet<Option<&str>> = changes.iter().map(|change| change.group.as_deref()).collect();
    let head = [("", Left), ("A", Right), ("B", Right), ("change", Right), ("", Left)];
    let mut table = Table::new("Comparison", &head);
    for group in groups {
        let title = group.map_or_else(|| "the whole run".to_owned(), |group| format!("group {group}"));
        table.part(&title);
        for change in changes.iter().filter(|change| change.group.as_deref() == group) {
            let unit = change.stat.unit();
            let cells = [shown(unit, &change.a), shown(unit, &change.b), percent(change), judgment(change)];
            table.row(iter::once(format!("  {}", change.name_in_group())).chain(cells).collect());
        }
    }
    table
}

/// Whether the metric changed, whatever that amounts to.
fn is_telling(change: &RecordChange) -> bool {
    match change.kind {
        ChangeKind::Worse | ChangeKind::Better | ChangeKind::Unknown => true,
        ChangeKind::Fact => percent(change) != SAME,
        ChangeKind::Same => false,
    }
}

/// How many metrics got better, got worse and did not change, in a sentence.
pub(super) fn tally(comparison: &RecordComparison) -> String {
    let kinds = [ChangeKind::Worse, ChangeKind::Better, ChangeKind::Same, ChangeKind::Unknown];
    let [worse, better, same, unknown] = kinds.map(|kind| comparison.count(kind));
    let judged = worse + better + same + unknown;
    let unknown = match unknown {
        0 => String::new(),
        unknown => format!(" {unknown} metrics have only lower bounds on both sides."),
    };
    let text = format!(
        "Of {judged} metrics with a direction, {worse} got worse, {better} got better and {same} did not \
            change."
    );
    text + &unknown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(a: &Value, b: &Value) -> Vec<String> {
        let mut changed = Vec::new();
        differences("", a, b, &mut changed);
        changed
    }

    #[test]
    fn a_difference_names_the_group_and_a_list_as_a_whole() {
        let profile = |slow: &Value, command: &[&str]| {
            json!({ "measure": "2s", "server": { "command": command },
                    "clients": [{ "name": "good", "count": 1 }, slow] })
        };
        let before = profile(&json!({ "name": "slow", "count": 2 }), &["a", "b", "c"]);
        for (after, wanted) in [
            (profile(&json!({ "name": "slow", "count": 3 }), &["a", "b", "c"]), &["clients.slow.count"][..]),
            (profile(&json!({ "name": "slow", "count": 2 }), &["a", "x", "y"]), &["server.command"]),
            (profile(&json!({ "name": "slow", "count": 2 }), &["a"]), &["server.command"]),
            (
                profile(&json!({ "name": "idle", "count": 2 }), &["a", "b", "c"]),
                &["clients.slow", "clients.idle"],
            ),
            (
                profile(&json!({ "name": "slow", "count": 2, "rx": "stall" }), &["a", "b", "c"]),
                &["clients.slow.rx"],
            ),
        ] {
            assert_eq!(changed(&before, &after), wanted);
        }
        assert_eq!(changed(&before, &before), Vec::<String>::new());
    }
}
