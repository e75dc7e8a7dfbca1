//! What a declaration says of a metric: its unit, whose it is, how its samples become one number, and which way is good.

use super::unit::Unit;

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

/// What an entry of the table says, if it says anything.
pub(super) const fn given<T: Copy>(declared: &[T]) -> Option<T> {
    match declared {
        [one, ..] => Some(*one),
        [] => None,
    }
}

/// What sort of number it is, where that decides how it is trusted, and what excuses it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// A quantile of how long requests took: this share of them took longer; 0 for the longest.
    Latency(f64),
    /// How long downloads or uploads over several connections took.
    Download,
    /// The longest time in which something did not come.
    Wait,
    /// Answers, which come as fast as the slower of clients and server is.
    Answers,
    /// How late the server evicted.
    Lateness,
    /// How late evictions were seen by the clients.
    EvictionSeen,
    /// How long connections of a group were held without progress.
    Held,
    /// Any other.
    Other,
}

/// Of whom a comparison of two servers gates a metric, unless the profile's `[gate]` says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Of none.
    Never,
    /// Of each steady group, before all others: whether it got proper answers.
    Answers,
    /// Of each group that misbehaves.
    Misbehaving,
    /// Of the whole run.
    Run,
    /// Of each steady group in a closed loop.
    ClosedLoop,
    /// Of each steady group in an open loop.
    OpenLoop,
    /// Of each steady group.
    Steady,
}

/// How a metric is gated that does not move unless something is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Still {
    /// A change is a regression only if it is surely larger than this share.
    pub floor: f64,
    /// A change is a pass only if it is surely smaller than this share.
    pub budget: f64,
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
    /// Where the bytes wait that the server has to send.
    BytesWait,
    /// Where requests wait that the server has not taken.
    RequestsWait,
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
    /// The label in reports, if it is not the name with spaces.
    pub label: Option<&'static str>,
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
    /// Relative change below which two runs are called the same: 0.05 is 5 %.
    pub noise: f64,
    /// Which of its numbers no load excuses.
    pub definite: Definite,
    /// What sort of number it is.
    pub kind: Kind,
    /// Of whom it is gated without being asked for.
    pub gate: Gate,
    /// The fold that is gated.
    pub gated_fold: Fold,
    /// How it is gated, if it does not move unless something is wrong.
    pub still: Option<Still>,
    /// What a gate adds to both sides before their ratio is taken, in the metric's unit; by the unit unless given.
    pub added: Option<f64>,
    /// What it is, in a line.
    pub help: &'static str,
}

impl Spec {
    /// The label in reports.
    #[must_use]
    pub fn label(&self) -> String {
        let from_name = || {
            self.name
                .replace('_', " ")
                .replace("harness", "load generator")
                .replace("cpu", "CPU")
                .replace("rss", "RSS")
        };
        self.label.map_or_else(from_name, str::to_owned)
    }
}
