//! Two records side by side: what changed, and whether for better or worse beyond each metric's noise.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};

use super::{
    table::{Align, Table},
    view::{NOTHING, axes, mean, show, values},
};
use crate::{
    gate::censored_by,
    metric::{Better, Key, Stat, Unit},
    record::{Point, Record},
};

/// What a change amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ChangeKind {
    Worse,
    Better,
    Same,
    /// Neither good nor bad.
    Fact,
    /// Both are lower bounds.
    Unknown,
}

impl ChangeKind {
    const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::Fact => "",
            Self::Unknown => "not known",
        }
    }
}

/// A number of both records.
struct Pair {
    group: Option<String>,
    stat: Stat,
    unit: Unit,
    better: Better,
    a: Side,
    b: Side,
    change: ChangeKind,
}

/// A number of one record.
#[derive(Clone, Debug, PartialEq)]
struct Side {
    mean: f64,
    /// Why it is a lower bound, if it is one.
    censored: Option<String>,
}

/// A point of both records.
pub(super) struct Compared {
    pub(super) axes: String,
    pairs: Vec<Pair>,
    pub(super) only_a: Vec<String>,
    pub(super) only_b: Vec<String>,
}

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
        let name = Key::new(pair.group.as_deref(), pair.stat).to_string();
        let judgment = if pair.change == ChangeKind::Fact { "fact" } else { pair.change.word() };
        let is_known = pair.a.censored.is_none() && pair.b.censored.is_none();
        let (a, b) = (pair.a.mean, pair.b.mean);
        let relative = (a != 0.0 && is_known).then(|| (b - a) / a.abs());
        let mut metric = json!({ "name": name, "unit": pair.unit.name(), "a": a, "b": b, "change": relative,
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

/// The points that both have.
pub(super) fn compared(a: &Record, b: &Record) -> Vec<Compared> {
    let both =
        a.points.iter().filter_map(|point| Some((point, b.points.iter().find(|p| p.axes == point.axes)?)));
    both.map(|(a, b)| compare(a, b)).collect()
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
    Compared {
        axes: axes(a),
        pairs: in_a.iter().filter_map(|(name, a)| pair(name, a, in_b.get(name)?)).collect(),
        only_a: only(&in_a, &in_b),
        only_b: only(&in_b, &in_a),
    }
}

fn pair(name: &str, a: &Side, b: &Side) -> Option<Pair> {
    let Key { group, stat } = Key::parse(name)?;
    let spec = stat.metric.spec();
    let group = group.map(str::to_owned);
    let change = judge(spec.better, spec.noise, a, b);
    let (a, b) = (a.clone(), b.clone());
    Some(Pair { group, stat, unit: stat.unit(), better: spec.better, a, b, change })
}

/// Whether `b` is better than `a` by more than the share `noise` of `a`. A lower bound is taken for more than any number: it
/// may be infinite.
fn judge(better: Better, noise: f64, a: &Side, b: &Side) -> ChangeKind {
    let of = |side: &Side| if side.censored.is_some() { f64::INFINITY } else { side.mean };
    let (a, b) = (of(a), of(b));
    let beyond = a.is_infinite() || (b - a).abs() > noise * a.abs() + 1e-9;
    match better {
        Better::Neither => ChangeKind::Fact,
        _ if a.is_infinite() && b.is_infinite() => ChangeKind::Unknown,
        _ if !beyond => ChangeKind::Same,
        Better::Lower if b < a => ChangeKind::Better,
        Better::Higher if b > a => ChangeKind::Better,
        _ => ChangeKind::Worse,
    }
}

/// One table, so that its columns stand below each other: the whole run first, then each group under its name.
pub(super) fn table(point: &Compared) -> Table {
    use Align::{Left, Right};
    let groups: IndexSet<Option<&str>> = point.pairs.iter().map(|pair| pair.group.as_deref()).collect();
    let head = [("", Left), ("A", Right), ("B", Right), ("change", Right), ("", Left)];
    let mut table = Table::new("Comparison", &head);
    for group in groups {
        let title = group.map_or_else(|| "the whole run".to_owned(), |group| format!("group {group}"));
        table.part(&title);
        for pair in point.pairs.iter().filter(|pair| pair.group.as_deref() == group) {
            let cells = [shown(pair.unit, &pair.a), shown(pair.unit, &pair.b), percent(pair), judgment(pair)];
            table.row(std::iter::once(format!("  {}", pair.stat.name())).chain(cells).collect());
        }
    }
    table
}

/// A lower bound stands behind a `>`; why it is one, where there is more room: in the last column.
fn shown(unit: Unit, side: &Side) -> String {
    format!("{}{}", if side.censored.is_some() { "> " } else { "" }, show(unit, side.mean))
}

fn judgment(pair: &Pair) -> String {
    let causes: IndexSet<&str> =
        [&pair.a, &pair.b].into_iter().filter_map(|side| side.censored.as_deref()).collect();
    let causes: Vec<&str> = causes.into_iter().collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    format!("{}{why}", pair.change.word()).trim_start().to_owned()
}

fn percent(pair: &Pair) -> String {
    if pair.a.censored.is_some() || pair.b.censored.is_some() {
        return NOTHING.to_owned();
    }
    let (a, b) = (pair.a.mean, pair.b.mean);
    let change = (b - a) / a.abs() * 100.0;
    match change {
        c if c.is_nan() || c.abs() < 0.05 => "=".to_owned(),
        c if c.is_infinite() => "from 0".to_owned(),
        c if c.abs() >= 999.5 => format!("×{:.0}", b / a),
        c if c.abs() >= 9.95 => format!("{c:+.0} %"),
        c => format!("{c:+.1} %"),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(better: Better, noise: f64, a: f64, b: f64) -> ChangeKind {
        let side = |mean| Side { mean, censored: None };
        judge(better, noise, &side(a), &side(b))
    }

    #[test]
    fn only_changes_beyond_the_noise_count() {
        assert_eq!(judged(Better::Lower, 0.1, 100.0, 109.0), ChangeKind::Same);
        assert_eq!(judged(Better::Lower, 0.1, 100.0, 111.0), ChangeKind::Worse);
        assert_eq!(judged(Better::Lower, 0.1, 100.0, 80.0), ChangeKind::Better);
        assert_eq!(judged(Better::Higher, 0.1, 100.0, 80.0), ChangeKind::Worse);
        assert_eq!(judged(Better::Neither, 0.1, 100.0, 80.0), ChangeKind::Fact);
        assert_eq!(judged(Better::Lower, 0.0, 0.0, 0.0), ChangeKind::Same);
        assert_eq!(judged(Better::Lower, 0.0, 0.0, 1.0), ChangeKind::Worse);
    }

    #[test]
    fn a_lower_bound_is_worse_than_any_number() {
        let known = Side { mean: 9e9, censored: None };
        let bound = Side { mean: 1e6, censored: Some("unanswered".to_owned()) };
        assert_eq!(judge(Better::Lower, 0.2, &known, &bound), ChangeKind::Worse);
        assert_eq!(judge(Better::Lower, 0.2, &bound, &known), ChangeKind::Better);
        assert_eq!(judge(Better::Lower, 0.2, &bound, &bound), ChangeKind::Unknown);
        let pair = pair("good.latency_p99", &known, &bound).expect("a number");
        assert_eq!(percent(&pair), NOTHING);
    }
}
