//! What an expectation, or a run as a whole, comes to.

use serde::{Deserialize, Serialize};

/// What an expectation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// As expected, in every repeat.
    Pass,
    /// Not as expected, in at least one repeat.
    Fail,
    /// The run proves nothing: the harness was the limit.
    Invalid,
    /// Nothing was measured that could tell.
    Inconclusive,
}

impl Outcome {
    /// PASS, FAIL, INVALID or INCONCLUSIVE.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Invalid => "INVALID",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }
}
