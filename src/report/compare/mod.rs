//! Two records side by side: what changed, and whether for better or worse beyond each metric's noise.

mod largest;
mod pair;

use std::{collections::BTreeMap, iter};

use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};

pub(super) use self::largest::largest;
use self::pair::{ChangeKind, Compared, Pair, Side, judgment, pair, percent, shown};
use super::{
    table::{Align, Table},
    view::{axes, mean, values},
};
use crate::{
    gate::censored_by,
    metric::{Better, Fold, Key, Unit},
    record::{Point, Record},
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
    let metric = |pair: &Pair| {
        let judgment = if pair.change == ChangeKind::Fact { "fact" } else { pair.change.word() };
        let is_known = pair.a.censored.is_none() && pair.b.censored.is_none();
        let (a, b) = (pair.a.mean, pair.b.mean);
        let relative = (a != 0.0 && is_known).then(|| (b - a) / a.abs());
        let mut metric = json!({ "name": pair.name(), "unit": pair.unit.name(), "a": a, "b": b, "change": relative,
                                 "judgment": judgment });
        for (key, side) in [("a_censored", &pair.a), ("b_censored", &pair.b)] {
            if let Some(cause) = &side.censored {
                metric[key] = json!(cause);
            }
        }
        metric
    };
    let points = compared(a, b);
    let points = points.iter().map(|point| {
        json!({ "axes": point.axes, "metrics": point.pairs.iter().map(metric).collect::<Vec<_>>(),
                "only_a": point.only_a, "only_b": point.only_b })
    });
    json!({ "a": side(a), "b": side(b), "differing": differing(a, b), "points": points.collect::<Vec<_>>() })
}

/// What one of the records is of, in a line.
pub(super) fn origin(record: &Record) -> String {
    let commit = record.commit.as_deref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    let repeats: usize = record.points.iter().map(|point| point.repeats.len()).max().unwrap_or(0);
    format!("{}, {}{commit}, repeats: {repeats}, {}", record.name, record.started, record.verdict().word())
}

/// What makes the comparison less than fair, in words.
pub(super) fn differing(a: &Record, b: &Record) -> Vec<String> {
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
    if both(a, b).any(|(a, b)| !have_equal_windows(a, b)) {
        let (a, b) = (a.profile.measure, b.profile.measure);
        found.push(format!(
            "the measured windows differ ({a} and {b} were asked for), so totals are left out"
        ));
    }
    found
}

/// Whether as much time was measured of both, within a hundredth: else totals cannot be compared.
fn have_equal_windows(a: &Point, b: &Point) -> bool {
    let measured = |point: &Point| {
        mean(&point.repeats.iter().map(|repeat| repeat.measured_ns() as f64).collect::<Vec<_>>())
    };
    match (measured(a), measured(b)) {
        (Some(a), Some(b)) => (a - b).abs() <= 0.01 * a.abs().max(b.abs()),
        _ => true,
    }
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

/// The points that both have.
pub(super) fn compared(a: &Record, b: &Record) -> Vec<Compared> {
    both(a, b).map(|(a, b)| compare(a, b)).collect()
}

fn both<'a>(a: &'a Record, b: &'a Record) -> impl Iterator<Item = (&'a Point, &'a Point)> {
    a.points.iter().filter_map(move |point| Some((point, b.points.iter().find(|p| p.axes == point.axes)?)))
}

/// The points that only one of them has, with its letter.
pub(super) fn unmatched<'a>(a: &'a Record, b: &'a Record) -> Vec<(&'static str, String)> {
    let only = |name, here: &'a Record, there: &'a Record| {
        let missing = here.points.iter().filter(|point| there.points.iter().all(|p| p.axes != point.axes));
        missing.map(move |point| {
            (name, if point.axes.is_empty() { "without a sweep".to_owned() } else { axes(point) })
        })
    };
    only("A", a, b).chain(only("B", b, a)).collect()
}

fn compare(a: &Point, b: &Point) -> Compared {
    let means = |point: &Point| {
        let names: IndexSet<&str> =
            point.repeats.iter().flat_map(|repeat| repeat.summary.keys().map(String::as_str)).collect();
        let side = |name: &str| {
            let censored = censored_by(point, name).map(str::to_owned);
            Some((name.to_owned(), Side { mean: mean(&values(point, name))?, censored }))
        };
        names.into_iter().filter_map(side).collect::<IndexMap<String, Side>>()
    };
    let (in_a, in_b) = (means(a), means(b));
    let only = |here: &IndexMap<String, Side>, there: &IndexMap<String, Side>| {
        here.keys().filter(|name| !there.contains_key(*name)).cloned().collect()
    };
    let with_totals = have_equal_windows(a, b);
    let pairs = in_a.iter().filter(|(name, _)| with_totals || !is_total(name));
    Compared {
        axes: axes(a),
        pairs: pairs.filter_map(|(name, a)| pair(name, a, in_b.get(name)?)).collect(),
        only_a: only(&in_a, &in_b),
        only_b: only(&in_b, &in_a),
    }
}

/// Whether the number grows with the time that is measured.
fn is_total(name: &str) -> bool {
    Key::parse(name).is_some_and(|key| matches!(key.stat.fold, Fold::Total | Fold::Whole))
}

/// One table, so that its columns stand below each other: the whole run first, then each group under its name. What did not
/// change is in it with `all` only.
pub(super) fn table(point: &Compared, all: bool) -> Table {
    use Align::{Left, Right};
    let pairs: Vec<&Pair> = point.pairs.iter().filter(|pair| all || pair.has_changed()).collect();
    let groups: IndexSet<Option<&str>> = pairs.iter().map(|pair| pair.group.as_deref()).collect();
    let head = [("", Left), ("A", Right), ("B", Right), ("change", Right), ("", Left)];
    let mut table = Table::new("Comparison", &head);
    for group in groups {
        let title = group.map_or_else(|| "the whole run".to_owned(), |group| format!("group {group}"));
        table.part(&title);
        for pair in pairs.iter().filter(|pair| pair.group.as_deref() == group) {
            let cells = [shown(pair.unit, &pair.a), shown(pair.unit, &pair.b), percent(pair), judgment(pair)];
            table.row(iter::once(format!("  {}", pair.stat)).chain(cells).collect());
        }
    }
    table
}

/// How many metrics got better, got worse and did not change, in a sentence.
pub(super) fn tally(points: &[Compared]) -> String {
    let pairs: Vec<&Pair> = points.iter().flat_map(|point| &point.pairs).collect();
    let count = |change| pairs.iter().filter(|pair| pair.change == change).count();
    let judged = pairs.iter().filter(|pair| pair.better != Better::Neither).count();
    let (worse, better, same) =
        (count(ChangeKind::Worse), count(ChangeKind::Better), count(ChangeKind::Same));
    let unknown = match count(ChangeKind::Unknown) {
        0 => String::new(),
        unknown => format!(" {unknown} metrics have only lower bounds on both sides."),
    };
    let text = format!(
        "Of {judged} metrics with a direction, {worse} got worse, {better} got better and {same} did not \
            change."
    );
    text + &unknown
}
