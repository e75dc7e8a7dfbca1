//! The numbers of a summary: a metric and the fold that made it, by name.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    spec::{Definite, Fold, Kind, Scope},
    table::Metric,
    unit::Unit,
};

/// One number of a summary: a metric and the fold that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What was measured.
    pub metric: Metric,
    /// How samples became one number.
    pub fold: Fold,
}

/// Of the metrics that are set once, those that are set for each phase of the measured window, too, beside times of requests.
const PER_PHASE: [Metric; 26] = [
    Metric::Opened,
    Metric::Evicted,
    Metric::EvictedReset,
    Metric::EvictedFin,
    Metric::Closed,
    Metric::ClosedAsAnnounced,
    Metric::ClosedIdle,
    Metric::Reset,
    Metric::Vanished,
    Metric::Refused,
    Metric::TimedOut,
    Metric::UnansweredShare,
    Metric::LostShare,
    Metric::SkippedShare,
    Metric::ErrorsShare,
    Metric::ServerCpuPerRequest,
    Metric::ServerCpuUserPerRequest,
    Metric::ServerCpuSystemPerRequest,
    Metric::ServerInstructionsPerRequest,
    Metric::ServerKernelShare,
    Metric::BytesPerWakeup,
    Metric::ServerCallsPerRequest,
    Metric::ServerReadsPerRequest,
    Metric::ServerWritesPerRequest,
    Metric::ServerControlsPerRequest,
    Metric::ServerWaitsPerRequest,
];

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
        static BY_NAME: LazyLock<HashMap<String, Stat>> =
            LazyLock::new(|| Stat::all().map(|stat| (stat.name(), stat)).collect());
        BY_NAME.get(name).copied()
    }

    /// The number of a metric that is not sampled.
    #[must_use]
    pub const fn once(metric: Metric) -> Self {
        Self { metric, fold: Fold::Final }
    }

    /// Whether a busy host changes the number: a time, a rate or a cost. What no load excuses ([`Definite`]) is none of
    /// these.
    #[must_use]
    pub fn depends_on_time(self) -> bool {
        let is_time =
            matches!(self.unit(), Unit::Nanoseconds | Unit::PerSecond | Unit::BytesPerSecond | Unit::Cores);
        is_time && self.metric.spec().definite == Definite::Never
    }

    /// Whether it is measured of each phase of the measured window, too: what is sampled, times of requests, shares of them,
    /// costs of each, and what became of connections.
    #[must_use]
    pub fn exists_per_phase(self) -> bool {
        let spec = self.metric.spec();
        let is_of_requests = matches!(spec.kind, Kind::Latency(_) | Kind::Wait);
        spec.scope != Scope::Core
            && (self.fold != Fold::Final || is_of_requests || PER_PHASE.contains(&self.metric))
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
}
