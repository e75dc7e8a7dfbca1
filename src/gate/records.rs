//! The comparison of two records, metric by metric: what got better or worse by more than its noise.

use indexmap::IndexMap;

use super::{censored_by, gated::start};
use crate::{
    metric::{Better, Definite, Fold, Gate, Key, Stat},
    record::{Point, Record, names, point_at},
    stats::mean,
};

/// Two records, of which the second, `b`, is compared with the first, `a`. There is no verdict: the two were measured at
/// different times, and nothing confirms a change.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordComparison {
    /// The points of the sweep that both have, in the order of `a`.
    pub points: Vec<PointComparison>,
    /// The points that only `a` has: the keys that the sweep sets there, and their values.
    pub only_a: Vec<IndexMap<String, String>>,
    /// The points that only `b` has, likewise.
    pub only_b: Vec<IndexMap<String, String>>,
}

/// A point of both records.
#[derive(Clone, Debug, PartialEq)]
pub struct PointComparison {
    /// The keys that the sweep sets here, and their values; empty without a sweep.
    pub axes: IndexMap<String, String>,
    /// How long was measured of `a` and of `b`, in nanoseconds, as the mean over the repeats; 0 where nothing was.
    pub windows_ns: (f64, f64),
    /// The metrics that both have, in the order of `a`; of windows that differ without totals.
    pub changes: Vec<RecordChange>,
    /// The names of the metrics that only `a` has.
    pub only_a: Vec<String>,
    /// The names of the metrics that only `b` has.
    pub only_b: Vec<String>,
}

/// A metric of both records.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordChange {
    /// The client group; `None` where the metric is of the whole run, or of an experiment.
    pub group: Option<String>,
    /// What it is.
    pub stat: Stat,
    /// The phase of the measured window; `None` where the metric is of the whole window.
    pub phase: Option<String>,
    /// What it is in `a`.
    pub a: RecordFigure,
    /// What it is in `b`.
    pub b: RecordFigure,
    /// What the change amounts to.
    pub kind: ChangeKind,
}

/// A metric of one record.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordFigure {
    /// The mean over the repeats, in the metric's unit.
    pub mean: f64,
    /// Why it is a lower bound, if it is one.
    pub censored: Option<String>,
}

/// What a change amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// Worse by more than the metric's noise.
    Worse,
    /// Better by more than the metric's noise.
    Better,
    /// Within the metric's noise.
    Same,
    /// The metric may move in either direction: more is as good as less.
    Fact,
    /// Both are lower bounds.
    Unknown,
}

impl RecordComparison {
    /// Compares `b` with `a`. What both measured is compared at the points of the sweep that both have.
    #[must_use]
    pub fn of(a: &Record, b: &Record) -> Self {
        let only = |here: &Record, there: &Record| {
            let missing = here.points.iter().filter(|point| point_at(&there.points, &point.axes).is_none());
            missing.map(|point| point.axes.clone()).collect()
        };
        let both = a.points.iter().filter_map(|point| Some((point, point_at(&b.points, &point.axes)?)));
        Self {
            points: both.map(|(a, b)| PointComparison::of(a, b)).collect(),
            only_a: only(a, b),
            only_b: only(b, a),
        }
    }

    /// How many metrics changed in this way, over all points.
    #[must_use]
    pub fn count(&self, kind: ChangeKind) -> usize {
        let changes = self.points.iter().flat_map(|point| &point.changes);
        changes.filter(|change| change.kind == kind).count()
    }
}

impl PointComparison {
    /// Whether as much time was measured of both, within a hundredth. Else totals cannot be compared.
    #[must_use]
    pub fn has_equal_windows(&self) -> bool {
        are_equal(self.windows_ns)
    }

    fn of(a: &Point, b: &Point) -> Self {
        let (in_a, in_b) = (figures(a), figures(b));
        let only = |here: &IndexMap<String, RecordFigure>, there: &IndexMap<String, RecordFigure>| {
            here.keys().filter(|name| !there.contains_key(*name)).cloned().collect()
        };
        let windows_ns = (window_ns(a), window_ns(b));
        let has_equal_windows = are_equal(windows_ns);
        let changes = in_a.iter().filter_map(|(name, a)| RecordChange::of(name, a, in_b.get(name)?));
        Self {
            axes: a.axes.clone(),
            windows_ns,
            changes: changes.filter(|change| has_equal_windows || !is_total(change.stat)).collect(),
            only_a: only(&in_a, &in_b),
            only_b: only(&in_b, &in_a),
        }
    }
}

/// How long was measured at a point, in nanoseconds, as the mean over its repeats.
fn window_ns(point: &Point) -> f64 {
    let measured: Vec<f64> = point.repeats.iter().map(|repeat| repeat.measured_ns() as f64).collect();
    mean(&measured).unwrap_or(0.0)
}

/// Whether two windows are as long, within a hundredth; nothing is known of one that was not measured.
fn are_equal((a, b): (f64, f64)) -> bool {
    a <= 0.0 || b <= 0.0 || (a - b).abs() <= 0.01 * a.max(b)
}

/// Whether the number grows with the time that is measured.
const fn is_total(stat: Stat) -> bool {
    matches!(stat.fold, Fold::Total | Fold::Whole)
}

/// All metrics of a point by name.
fn figures(point: &Point) -> IndexMap<String, RecordFigure> {
    let figure = |name: &str| Some((name.to_owned(), RecordFigure::of(point, name)?));
    names(&point.repeats).into_iter().filter_map(figure).collect()
}

impl RecordFigure {
    fn of(point: &Point, name: &str) -> Option<Self> {
        let mean = mean(&point.values(name))?;
        Some(Self { mean, censored: censored_by(point, name).map(str::to_owned) })
    }
}

impl RecordChange {
    /// The metric of this name in both records; `None` if there is no such metric.
    fn of(name: &str, a: &RecordFigure, b: &RecordFigure) -> Option<Self> {
        let Key { group, stat, phase } = Key::parse(name)?;
        let spec = stat.metric.spec();
        let kind = ChangeKind::of(spec.better, spec.noise, a, b);
        let [group, phase] = [group, phase].map(|name| name.map(str::to_owned));
        Some(Self { group, stat, phase, a: a.clone(), b: b.clone(), kind })
    }

    /// How large it is, in either direction: half is as much as double. Where both are small, the difference counts. Infinite
    /// where one side is known to be larger than any number, and where something that no load excuses came or went.
    #[must_use]
    pub fn size(&self) -> f64 {
        let is_definite = self.stat.metric.spec().definite != Definite::Never;
        let came_or_went = (self.a.mean == 0.0) != (self.b.mean == 0.0);
        if self.a.censored.is_some() || self.b.censored.is_some() || (is_definite && came_or_went) {
            return f64::INFINITY;
        }
        let least = start(self.stat);
        let [a, b] = [&self.a, &self.b].map(|figure| figure.mean.abs() + least);
        (b / a).ln().abs()
    }

    /// Whether it is of a number that two builds are compared by.
    #[must_use]
    pub fn is_gated(&self) -> bool {
        self.phase.is_none() && self.stat.metric.spec().gate != Gate::Never
    }

    /// The metric's name in a summary.
    #[must_use]
    pub fn name(&self) -> String {
        Key { group: self.group.as_deref(), stat: self.stat, phase: self.phase.as_deref() }.to_string()
    }

    /// The same without the group.
    #[must_use]
    pub fn name_in_group(&self) -> String {
        Key { group: None, stat: self.stat, phase: self.phase.as_deref() }.to_string()
    }
}

impl ChangeKind {
    /// Whether `b` is better than `a` by more than the share `noise` of `a`. A lower bound is taken for more than any
    /// number: it may be infinite.
    fn of(better: Better, noise: f64, a: &RecordFigure, b: &RecordFigure) -> Self {
        let of = |side: &RecordFigure| if side.censored.is_some() { f64::INFINITY } else { side.mean };
        let (a, b) = (of(a), of(b));
        let beyond = a.is_infinite() || (b - a).abs() > noise * a.abs() + 1e-9;
        match better {
            Better::Neither => Self::Fact,
            _ if a.is_infinite() && b.is_infinite() => Self::Unknown,
            _ if !beyond => Self::Same,
            Better::Lower if b < a => Self::Better,
            Better::Higher if b > a => Self::Better,
            _ => Self::Worse,
        }
    }

    /// worse, better, same, fact or not known.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
            Self::Same => "same",
            Self::Fact => "fact",
            Self::Unknown => "not known",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(better: Better, noise: f64, a: f64, b: f64) -> ChangeKind {
        let figure = |mean| RecordFigure { mean, censored: None };
        ChangeKind::of(better, noise, &figure(a), &figure(b))
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
        let known = RecordFigure { mean: 9e9, censored: None };
        let bound = RecordFigure { mean: 1e6, censored: Some("unanswered".to_owned()) };
        let judged = |a, b| RecordChange::of("good.latency_p99", a, b).expect("a metric").kind;
        assert_eq!(judged(&known, &bound), ChangeKind::Worse);
        assert_eq!(judged(&bound, &known), ChangeKind::Better);
        assert_eq!(judged(&bound, &bound), ChangeKind::Unknown);
    }
}
