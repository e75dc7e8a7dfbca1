//! What is said of an expectation, of a number, of a run and of a comparison.

use serde::{Deserialize, Serialize};

/// What a gate says of a number, and of a comparison as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Call")]
pub enum Verdict {
    /// It got worse, by more than the floor, and fresh pairs confirmed it.
    Regression,
    /// An expectation of the profile does not hold, the head does what it must not, or a run has errors: said as a whole
    /// only.
    Fail,
    /// It did not get worse by as much as the budget.
    Pass,
    /// Neither can be said.
    Inconclusive,
    /// Too few pairs stand for anything to be said.
    Invalid,
}

impl Verdict {
    /// Whether it is one that a build must not pass with.
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

/// What an expectation came to.
#[derive(schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "Outcome")]
#[expect(dead_code, reason = "the schema of a verdict on an expectation, which is never a REGRESSION")]
pub(crate) enum OfExpectation {
    /// As expected, in every repeat.
    Pass,
    /// Not as expected, in at least one repeat.
    Fail,
    /// The run proves nothing: the harness was the limit.
    Invalid,
    /// Nothing was measured that could tell.
    Inconclusive,
}
