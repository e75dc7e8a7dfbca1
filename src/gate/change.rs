//! A gated metric of two sides: what is known of its change, and the verdict on it.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::gated::Gated;
use crate::record::{Verdict, place};

/// What a comparison knows of the change of a metric.
pub trait Evidence {
    /// The changes that show whether the metric changed, as logarithms; positive is worse.
    fn changes(&self) -> impl Iterator<Item = f64>;
}

/// A metric of both sides, and its verdict. Shares are relative to the base; positive is worse: 0.1 is 10 % worse.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[schemars(rename = "MetricChange")]
pub struct MetricChange<E, V = Verdict> {
    /// What was gated, and how.
    #[serde(flatten)]
    pub gated: Gated,
    /// The point of the sweep.
    pub axes: IndexMap<String, String>,
    /// What was measured on both sides, and how the two differ.
    #[serde(flatten)]
    pub evidence: E,
    /// The verdict.
    #[serde(rename = "call")]
    pub verdict: V,
}

impl<E: Evidence, V: Copy + Into<Option<Verdict>>> MetricChange<E, V> {
    /// The point of the sweep in words; empty without a sweep.
    #[must_use]
    pub fn here(&self) -> String {
        place(&self.axes, " ")
    }

    /// Whether it is a metric that does not move unless something is wrong, and did not move.
    #[must_use]
    pub fn stood_still(&self) -> bool {
        self.gated.only_beyond && self.evidence.changes().all(|change| self.gated.beyond(change) == 0.0)
    }

    /// Whether reports list it: they list all metrics except those that did not move, as they should.
    #[must_use]
    pub fn is_telling(&self) -> bool {
        self.verdict.into() != Some(Verdict::Pass) || !self.stood_still()
    }
}
