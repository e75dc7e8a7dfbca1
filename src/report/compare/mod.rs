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
    if a.badpeer != b.badpeer {
        found.push(format!("the versions of badpeer differ: {} and {}", a.badpeer, b.badpeer));
    }
    if comparison.points.iter().any(|point| !point.has_equal_windows) {
        let (a, b) = (a.profile.measure, b.profile.measure);
        found.push(format!(
            "the measured windows differ ({a} and {b} were asked for), so totals are left out"
        ));
    }
    found
}

/// The first keys of the profile that differ.
fn changed_keys(a: &Record, b: &Record) -> String {
    let keys = |record: &Record| {
        let mut keys = BTreeMap::new();
        flatten("", &json!(record.profile), &mut keys);
        keys
    };
    let (a, b) = (keys(a), keys(b));
    let all: IndexSet<&String> = a.keys().chain(b.keys()).collect();
    let changed: Vec<&str> =
        all.into_iter().filter(|key| a.get(*key) != b.get(*key)).map(String::as_str).collect();
    let more = if changed.len() > 5 { format!(" and {} more", changed.len() - 5) } else { String::new() };
    format!("{}{more}", changed.iter().take(5).copied().collect::<Vec<_>>().join(", "))
}

fn flatten(path: &str, value: &Value, out: &mut BTreeMap<String, String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| flatten(&below(key), value, out)),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, value)| flatten(&below(&i.to_string()), value, out));
        }
        _ => {
            out.insert(path.to_owned(), value.to_string());
        }
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
