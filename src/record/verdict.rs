//! The verdict of an expectation, of a metric, of a run, or of a comparison.

use serde::{Deserialize, Serialize};

/// The verdict of the gate on a metric, and on a comparison as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Verdict {
    /// It got worse by more than the floor, and fresh pairs confirmed it.
    Regression,
    /// An expectation of the profile is not met, the head sent wrong data, or a run has errors; only for a comparison
    /// as a whole.
    Fail,
    /// It did not get worse by as much as the budget.
    Pass,
    /// Neither could be shown.
    Inconclusive,
    /// Too few valid pairs.
    Invalid,
}

impl Verdict {
    /// Whether a build must fail because of it.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Regression | Self::Fail)
    }

    /// REGRESSION, FAIL, PASS, INCONCLUSIVE or INVALID.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Regression => "REGRESSION",
            Self::Fail => "FAIL",
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Invalid => "INVALID",
        }
    }
}

/// Verdict of an expectation.
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[expect(dead_code, reason = "the schema of a verdict on an expectation, which is never a REGRESSION")]
pub(crate) enum ExpectationVerdict {
    /// As expected, in every repeat.
    Pass,
    /// Not as expected, in at least one repeat.
    Fail,
    /// The run is not valid: the load generator or the host was the limit.
    Invalid,
    /// It could not be measured.
    Inconclusive,
}
