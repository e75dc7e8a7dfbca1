//! Why a request has no latency.

use serde::{Deserialize, Serialize};

/// Why a request got no proper answer: its latency is no less than it was seen to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// It was open when the clients stopped.
    Unanswered,
    /// It was open on a connection that ended, and not by the client's doing.
    Lost,
    /// It became due and was never started: no connection was free.
    Skipped,
    /// Its answer was an error.
    Errors,
}

impl Cause {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unanswered, Self::Lost, Self::Skipped, Self::Errors];

    /// The word behind a lower bound: `> 1.9 s (unanswered)`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unanswered => "unanswered",
            Self::Lost => "lost",
            Self::Skipped => "skipped",
            Self::Errors => "errors",
        }
    }
}
