//! Metrics. One declaration here gives the CSV column, the chart line, the table row, the folds,
//! the name in `[expect]` and the direction of the gate; the probe that can see it calls `row.set` once.
//!
//! To add a metric: one entry in `table.rs`, one `row.set(Metric::Yours, value)` where it can be read.

mod declare;
mod table;
mod unit;

pub use self::{table::Metric, unit::Unit};

/// Which way is good; what gates and comparisons go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// A fact, neither good nor bad.
    Neither,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One for the whole run.
    Run,
    /// One for each client group; named `group.metric`.
    Group,
    /// One for a core experiment.
    Core,
}

/// Which values are a fault of the server whatever the load was. A busy machine excuses times, rates and memory; it
/// does not excuse a wrong byte or an eviction before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Definite {
    /// None: a busy machine can cause any value.
    Never,
    /// More than is expected.
    Above,
    /// Less than is expected.
    Below,
}

impl Definite {
    /// What an entry of the table says, if it says anything.
    const fn declared(said: &[Self]) -> Self {
        match said {
            [one, ..] => *one,
            [] => Self::Never,
        }
    }
}

/// The chart a sampled metric is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Answers per second.
    Throughput,
    /// Response time.
    Latency,
    /// Service time.
    Service,
    /// Where the bytes wait.
    BytesWait,
    /// CPU time.
    Cpu,
    /// Connections.
    Connections,
    /// In the tables only.
    None,
}

/// How samples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The value before the first client connects.
    Start,
    /// The largest value of the whole run.
    Peak,
    /// The last value of the measured window, while clients still run.
    Last,
    /// The value after the last client is gone.
    End,
    /// Peak minus start.
    Growth,
    /// End minus start: what did not come back.
    Residue,
    /// How much a counter grew while measuring.
    Total,
    /// The same, per second.
    Rate,
    /// How much a counter grew from start to end, warm-up included.
    Whole,
    /// Not sampled: set once, at the end of a repeat.
    Final,
}

impl Fold {
    /// What the fold adds to the metric's name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Start => "_start",
            Self::Peak => "_peak",
            Self::Last => "_last",
            Self::End => "_end",
            Self::Growth => "_growth",
            Self::Residue => "_residue",
            Self::Rate => "_rate",
            Self::Total | Self::Whole | Self::Final => "",
        }
    }
}

/// Everything that is known about a metric.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in files, charts and `[expect]`.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Which way is good.
    pub better: Better,
    /// Whose number it is.
    pub scope: Scope,
    /// How samples become one number; the first is the one shown first.
    pub folds: &'static [Fold],
    /// The chart it is drawn in.
    pub panel: Panel,
    /// Relative change below which two runs are called the same.
    pub noise: f64,
    /// Which of its numbers no load excuses.
    pub definite: Definite,
    /// What it is, in a line.
    pub help: &'static str,
}

/// One number of a summary: a metric and the fold that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What was measured.
    pub metric: Metric,
    /// How samples became one number.
    pub fold: Fold,
}

impl Stat {
    /// Every number that a summary can hold, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        Metric::ALL
            .iter()
            .flat_map(|&metric| metric.spec().folds.iter().map(move |&fold| Self { metric, fold }))
    }

    /// The number of that name (`server_rss_peak`, `latency_p99`), without a group in front.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|stat| stat.name() == name)
    }

    /// The name in files and in `[expect]`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{}", self.metric.spec().name, self.fold.suffix())
    }

    /// The unit of the folded number.
    #[must_use]
    pub fn unit(self) -> Unit {
        let unit = self.metric.spec().unit;
        if self.fold == Fold::Rate { unit.per_second() } else { unit }
    }

    /// The fold in words, for `badpeer list metrics`.
    #[must_use]
    pub fn help(self) -> String {
        let help = self.metric.spec().help;
        match self.fold {
            Fold::Start => format!("{help}: before the first client"),
            Fold::Peak => format!("{help}: the largest sample"),
            Fold::Last => format!("{help}: when the measured window ends"),
            Fold::End => format!("{help}: after the last client"),
            Fold::Growth => format!("{help}: peak minus start"),
            Fold::Residue => format!("{help}: end minus start"),
            Fold::Rate => format!("{help}: per second while measuring"),
            Fold::Total => format!("{help}: while measuring"),
            Fold::Whole => format!("{help}: in the whole run"),
            Fold::Final => help.to_owned(),
        }
    }
}

/// One instant, or one summary: a value for each metric that was read. What was not read is absent, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    values: Vec<f64>,
}

impl Default for Row {
    fn default() -> Self {
        Self { values: vec![f64::NAN; Metric::ALL.len()] }
    }
}

impl Row {
    /// Says what was read.
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.values[metric as usize] = value;
    }

    /// What was read, if it was.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        Some(self.values[metric as usize]).filter(|value| !value.is_nan())
    }

    /// How much more this has than `earlier`, where both were read.
    #[must_use]
    pub fn less(&self, earlier: &Self) -> Self {
        Self { values: self.values.iter().zip(&earlier.values).map(|(now, then)| now - then).collect() }
    }

    /// Adds what `other` has read to what was read of the same; what only one has is kept.
    pub fn add(&mut self, other: &Self) {
        for (mine, others) in self.values.iter_mut().zip(&other.values).filter(|(_, others)| !others.is_nan())
        {
            *mine = if mine.is_nan() { *others } else { *mine + others };
        }
    }

    /// Takes over everything that `other` has read.
    pub fn merge(&mut self, other: &Self) {
        for &metric in Metric::ALL {
            if let Some(value) = other.value(metric) {
                self.set(metric, value);
            }
        }
    }
}

/// The group that a number is of: `good` of `good.latency_p99`; `None` if it is of the whole run.
#[must_use]
pub fn group_of(number: &str) -> Option<&str> {
    number.rsplit_once('.').map(|(group, _)| group)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_unique_name() {
        let mut names: Vec<_> = Stat::all().map(Stat::name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "two numbers share a name");
    }

    #[test]
    fn a_name_is_parsed_back_to_its_number() {
        for stat in Stat::all() {
            assert_eq!(Stat::named(&stat.name()), Some(stat));
        }
        assert_eq!(Stat::named("server_rss_groth"), None);
    }

    #[test]
    fn an_unread_number_is_absent() {
        let mut row = Row::default();
        assert_eq!(row.value(Metric::ServerRss), None);
        row.set(Metric::ServerRss, 0.0);
        assert_eq!(row.value(Metric::ServerRss), Some(0.0));
        let mut other = Row::default();
        other.set(Metric::ServerPss, 2.0);
        row.merge(&other);
        assert_eq!((row.value(Metric::ServerRss), row.value(Metric::ServerPss)), (Some(0.0), Some(2.0)));
        other.add(&row);
        assert_eq!((other.value(Metric::ServerRss), other.value(Metric::ServerPss)), (Some(0.0), Some(4.0)));
    }
}
