//! Whether a server grows over a long run.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;

/// What a long run showed of growth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Soak {
    /// Seconds of the measured window that are left out at its beginning, while the server warms up.
    pub settled_after: f64,
    /// Seconds in which growth was looked for.
    pub seconds: f64,
    /// Connections that the clients opened per hour.
    pub connections_per_hour: f64,
    /// What was looked at: memory, descriptors, response times.
    pub trends: Vec<Trend>,
}

/// The growth of one number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trend {
    /// The column of the series.
    pub name: String,
    /// What it comes to.
    pub finding: Growth,
    /// Growth per hour, in the metric's unit: the median of the slopes between all pairs of blocks.
    pub per_hour: f64,
    /// The interval of 99 %: lower end.
    pub low: f64,
    /// The interval of 99 %: upper end.
    pub high: f64,
    /// The correlation of neighboring blocks that the interval was widened for, from 0 to 0.9.
    pub correlation: f64,
    /// The median of the first block and of the last.
    pub ends: (f64, f64),
    /// The smallest growth over the whole time that is called one.
    pub least: f64,
    /// Why it has no verdict, if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether a number grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// It grows, over the whole time and also in its second half.
    Grows,
    /// It grew at first, and in the second half no longer.
    LevelsOff,
    /// No growth is shown.
    NotShown,
    /// The figures are not the server's.
    Unknown,
}

impl Soak {
    /// FAIL if something grows, INCONCLUSIVE if memory could not be looked at, else PASS.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.trends.iter().any(|trend| trend.finding == Growth::Grows) {
            Verdict::Fail
        } else if self.trends.iter().any(|trend| trend.name == "server_rss") {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        }
    }
}
