//! A number of two records: what it is in each, and whether that is for better or worse beyond its noise.

use indexmap::IndexSet;

use crate::{
    metric::{Better, Key, Unit},
    report::view::{NOTHING, show},
};

/// What a change amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ChangeKind {
    Worse,
    Better,
    Same,
    /// Neither good nor bad.
    Fact,
    /// Both are lower bounds.
    Unknown,
}

impl ChangeKind {
    pub(super) const fn word(self) -> &'static str {
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
pub(super) struct Pair {
    pub(super) group: Option<String>,
    /// Without the group.
    pub(super) stat: String,
    pub(super) unit: Unit,
    pub(super) better: Better,
    pub(super) a: Side,
    pub(super) b: Side,
    pub(super) change: ChangeKind,
}

impl Pair {
    /// With the group.
    pub(super) fn name(&self) -> String {
        self.group.as_ref().map_or_else(|| self.stat.clone(), |group| format!("{group}.{}", self.stat))
    }

    /// Whether there is anything to tell.
    pub(super) fn has_changed(&self) -> bool {
        match self.change {
            ChangeKind::Worse | ChangeKind::Better | ChangeKind::Unknown => true,
            ChangeKind::Fact => percent(self) != SAME,
            ChangeKind::Same => false,
        }
    }
}

/// A number of one record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Side {
    pub(super) mean: f64,
    /// Why it is a lower bound, if it is one.
    pub(super) censored: Option<String>,
}

/// A point of both records.
pub(in crate::report) struct Compared {
    pub(in crate::report) axes: String,
    pub(super) pairs: Vec<Pair>,
    pub(in crate::report) only_a: Vec<String>,
    pub(in crate::report) only_b: Vec<String>,
}

/// The number of that name in both; `None`: there is no such number.
pub(super) fn pair(name: &str, a: &Side, b: &Side) -> Option<Pair> {
    let Key { group, stat } = Key::parse(name)?;
    let spec = stat.metric.spec();
    let group = group.map(str::to_owned);
    let change = judge(spec.better, spec.noise, a, b);
    let (a, b) = (a.clone(), b.clone());
    Some(Pair { group, stat: stat.name(), unit: stat.unit(), better: spec.better, a, b, change })
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

/// What is said of a change of less than a two-thousandth.
const SAME: &str = "=";

/// A lower bound stands behind a `>`; why it is one, where there is more room: in the last column.
pub(super) fn shown(unit: Unit, side: &Side) -> String {
    format!("{}{}", if side.censored.is_some() { "> " } else { "" }, show(unit, side.mean))
}

/// What the change amounts to, and why a side is a lower bound.
pub(super) fn judgment(pair: &Pair) -> String {
    let causes: IndexSet<&str> =
        [&pair.a, &pair.b].into_iter().filter_map(|side| side.censored.as_deref()).collect();
    let causes: Vec<&str> = causes.into_iter().collect();
    let why = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join(", ")) };
    format!("{}{why}", pair.change.word()).trim_start().to_owned()
}

/// The change relative to `a`.
pub(super) fn percent(pair: &Pair) -> String {
    if pair.a.censored.is_some() || pair.b.censored.is_some() {
        return NOTHING.to_owned();
    }
    let (a, b) = (pair.a.mean, pair.b.mean);
    let change = (b - a) / a.abs() * 100.0;
    match change {
        c if c.is_nan() || c.abs() < 0.05 => SAME.to_owned(),
        c if c.is_infinite() => "from 0".to_owned(),
        c if c.abs() >= 999.5 => format!("×{:.0}", b / a),
        c if c.abs() >= 9.95 => format!("{c:+.0} %"),
        c => format!("{c:+.1} %"),
    }
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
