//! Two records side by side: what changed, and whether for better or worse beyond each metric's noise.

use std::collections::BTreeMap;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Value, json};

use super::{
    table::{Align, Table},
    terminal::{WIDTH, hanging},
    view::{axes, mean, show, values},
};
use crate::{
    metric::{Better, Unit},
    record::{Point, Record, stat_of},
};

/// What a change amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Change {
    Worse,
    Better,
    Same,
    /// Neither good nor bad.
    Fact,
}

impl Change {
    const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::Fact => "",
        }
    }
}

/// A number of both records.
struct Pair {
    group: Option<String>,
    /// Without the group.
    stat: String,
    unit: Unit,
    better: Better,
    a: f64,
    b: f64,
    change: Change,
}

/// A point of both records.
struct Compared {
    axes: String,
    pairs: Vec<Pair>,
    only_a: Vec<String>,
    only_b: Vec<String>,
}

/// The comparison as text of 80 columns. Numbers are means over the repeats; `b` is judged against `a`.
#[must_use]
pub fn render(a: &Record, b: &Record) -> String {
    let mut out = vec![hanging("A: ", &origin(a), 3), hanging("B: ", &origin(b), 3)];
    out.extend(differing(a, b).iter().map(|difference| hanging("! ", difference, 2)));
    let points = compared(a, b);
    for point in &points {
        if !point.axes.is_empty() {
            out.push(format!("\n{}", hanging("── ", &point.axes, 3)));
        }
        out.push(tables(point));
        for (name, only) in [("A", &point.only_a), ("B", &point.only_b)] {
            if !only.is_empty() {
                out.push(format!("\n{}", hanging(&format!("only in {name}: "), &only.join(", "), 2)));
            }
        }
    }
    for (name, only) in unmatched(a, b) {
        out.push(format!("\n{}", hanging(&format!("only {name} has the point "), &only, 2)));
    }
    out.push(format!("\n{}", tally(&points)));
    out.concat()
}

/// The same, for other programs; `change` is relative to `a`, and null where `a` is zero.
#[must_use]
pub fn to_json(a: &Record, b: &Record) -> Value {
    let side = |record: &Record| {
        json!({ "name": record.name, "started": record.started, "commit": record.commit,
                "outcome": record.outcome().word() })
    };
    let metric = |pair: &Pair| {
        let name =
            pair.group.as_ref().map_or_else(|| pair.stat.clone(), |group| format!("{group}.{}", pair.stat));
        let judgment = if pair.change == Change::Fact { "fact" } else { pair.change.word() };
        let relative = (pair.a != 0.0).then(|| (pair.b - pair.a) / pair.a.abs());
        json!({ "name": name, "unit": pair.unit.name(), "a": pair.a, "b": pair.b, "change": relative,
                "judgment": judgment })
    };
    let points = compared(a, b);
    let points = points.iter().map(|point| {
        json!({ "axes": point.axes, "metrics": point.pairs.iter().map(metric).collect::<Vec<_>>(),
                "only_a": point.only_a, "only_b": point.only_b })
    });
    json!({ "a": side(a), "b": side(b), "differing": differing(a, b), "points": points.collect::<Vec<_>>() })
}

fn origin(record: &Record) -> String {
    let commit = record.commit.as_deref().map_or_else(String::new, |commit| format!(", commit {commit}"));
    let repeats: usize = record.points.iter().map(|point| point.trials.len()).max().unwrap_or(0);
    format!("{}, {}{commit}, repeats: {repeats}, {}", record.name, record.started, record.outcome().word())
}

/// What makes the comparison less than fair, in words.
fn differing(a: &Record, b: &Record) -> Vec<String> {
    let mut found = Vec::new();
    if a.name != b.name {
        found.push(format!("different profiles: {} and {}", a.name, b.name));
    } else if a.profile != b.profile {
        found.push(format!("the profile {} was not the same: {}", a.name, changed_keys(a, b)));
    }
    let (here, there) = (&a.machine, &b.machine);
    let machine = |m: &crate::record::Machine| {
        let memory = Unit::Bytes.show(m.memory_bytes as f64);
        format!("{}, {} cores, {memory}, {}", m.cpu, m.cores, m.arch)
    };
    if machine(here) != machine(there) {
        found.push(format!("different machines: {} and {}", machine(here), machine(there)));
    }
    if here.kernel != there.kernel {
        found.push(format!("different kernels: {} and {}", here.kernel, there.kernel));
    }
    if a.badpeer != b.badpeer {
        found.push(format!("different versions of badpeer: {} and {}", a.badpeer, b.badpeer));
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
fn compared(a: &Record, b: &Record) -> Vec<Compared> {
    let both =
        a.points.iter().filter_map(|point| Some((point, b.points.iter().find(|p| p.axes == point.axes)?)));
    both.map(|(a, b)| compare(a, b)).collect()
}

fn unmatched<'a>(a: &'a Record, b: &'a Record) -> Vec<(&'static str, String)> {
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
            point.trials.iter().flat_map(|trial| trial.summary.keys().map(String::as_str)).collect();
        let mean = |name: &str| Some((name.to_owned(), mean(&values(point, name))?));
        names.into_iter().filter_map(mean).collect::<IndexMap<String, f64>>()
    };
    let (in_a, in_b) = (means(a), means(b));
    let only = |here: &IndexMap<String, f64>, there: &IndexMap<String, f64>| {
        here.keys().filter(|name| !there.contains_key(*name)).cloned().collect()
    };
    Compared {
        axes: axes(a),
        pairs: in_a.iter().filter_map(|(name, a)| pair(name, *a, *in_b.get(name)?)).collect(),
        only_a: only(&in_a, &in_b),
        only_b: only(&in_b, &in_a),
    }
}

fn pair(name: &str, a: f64, b: f64) -> Option<Pair> {
    let stat = stat_of(name)?;
    let spec = stat.metric.spec();
    let group = name.rsplit_once('.').map(|(group, _)| group.to_owned());
    let change = judge(spec.better, spec.noise, a, b);
    Some(Pair { group, stat: stat.name(), unit: stat.unit(), better: spec.better, a, b, change })
}

/// Whether `b` is better than `a` by more than the share `noise` of `a`.
fn judge(better: Better, noise: f64, a: f64, b: f64) -> Change {
    let beyond = (b - a).abs() > noise * a.abs() + 1e-9;
    match better {
        Better::Neither => Change::Fact,
        _ if !beyond => Change::Same,
        Better::Lower if b < a => Change::Better,
        Better::Higher if b > a => Change::Better,
        _ => Change::Worse,
    }
}

/// One table, so that its columns stand below each other: the whole run first, then each group under its name.
fn tables(point: &Compared) -> String {
    use Align::{Left, Right};
    let groups: IndexSet<Option<&str>> = point.pairs.iter().map(|pair| pair.group.as_deref()).collect();
    let head = [("", Left), ("A", Right), ("B", Right), ("change", Right), ("", Left)];
    let mut table = Table::new("Comparison", &head);
    for group in groups {
        let title = group.map_or_else(|| "the whole run".to_owned(), |group| format!("group {group}"));
        table.part(&title);
        for pair in point.pairs.iter().filter(|pair| pair.group.as_deref() == group) {
            let shown = |value| show(pair.unit, value);
            let cells = [shown(pair.a), shown(pair.b), percent(pair), pair.change.word().to_owned()];
            table.row(std::iter::once(format!("  {}", pair.stat)).chain(cells).collect());
        }
    }
    format!("\n{}", table.text(WIDTH))
}

fn percent(pair: &Pair) -> String {
    let change = (pair.b - pair.a) / pair.a.abs() * 100.0;
    match change {
        c if c.is_nan() || c.abs() < 0.05 => "=".to_owned(),
        c if c.is_infinite() => "from 0".to_owned(),
        c if c.abs() >= 999.5 => format!("×{:.0}", pair.b / pair.a),
        c if c.abs() >= 9.95 => format!("{c:+.0} %"),
        c => format!("{c:+.1} %"),
    }
}

fn tally(points: &[Compared]) -> String {
    let pairs: Vec<&Pair> = points.iter().flat_map(|point| &point.pairs).collect();
    let count = |change| pairs.iter().filter(|pair| pair.change == change).count();
    let judged = pairs.iter().filter(|pair| pair.better != Better::Neither).count();
    let (worse, better, same) = (count(Change::Worse), count(Change::Better), count(Change::Same));
    hanging(
        "",
        &format!("Of {judged} numbers with a direction {worse} are worse, {better} better, {same} the same."),
        2,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_beyond_the_noise_counts() {
        assert_eq!(judge(Better::Lower, 0.1, 100.0, 109.0), Change::Same);
        assert_eq!(judge(Better::Lower, 0.1, 100.0, 111.0), Change::Worse);
        assert_eq!(judge(Better::Lower, 0.1, 100.0, 80.0), Change::Better);
        assert_eq!(judge(Better::Higher, 0.1, 100.0, 80.0), Change::Worse);
        assert_eq!(judge(Better::Neither, 0.1, 100.0, 80.0), Change::Fact);
        assert_eq!(judge(Better::Lower, 0.0, 0.0, 0.0), Change::Same);
        assert_eq!(judge(Better::Lower, 0.0, 0.0, 1.0), Change::Worse);
    }
}
