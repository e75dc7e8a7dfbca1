//! Whether a server grows over a long run.

use serde::{Deserialize, Serialize};

use super::verdict::Verdict;
use crate::metric::{Column, Metric};

/// What a long run showed of growth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Soak {
    /// Seconds of the measured window that are left out at its beginning, while the server warms up.
    pub settled_after: f64,
    /// Seconds in which growth was looked for.
    pub seconds: f64,
    /// Connections to the server that the clients opened per hour, beside the first one of each of them.
    pub connections_per_hour: f64,
    /// Bytes of memory per hour: if more growth than this is not excluded, the soak is INCONCLUSIVE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<f64>,
    /// What was looked at: memory, descriptors, response times.
    pub trends: Vec<Trend>,
    /// What was to be looked at and has no trend, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unmeasured: Vec<Unmeasured>,
}

/// A number that was to be looked at, and of which too little was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unmeasured {
    /// The column of the series.
    pub name: String,
    /// Why it has no trend.
    pub reason: String,
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
    /// The same of the second half alone, where it has enough blocks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<LateGrowth>,
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

/// Growth in the second half of the time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LateGrowth {
    /// Growth per hour, in the metric's unit.
    pub per_hour: f64,
    /// The interval of 99 %: lower end.
    pub low: f64,
    /// The interval of 99 %: upper end.
    pub high: f64,
}

/// Whether a number grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Growth {
    /// It grows: over the whole time and also in its second half, or in the second half alone.
    Grows,
    /// In the second half no growth is shown; before that, it grew or cannot be told.
    LevelsOff,
    /// No growth is shown.
    NotShown,
    /// No growth is shown, and more than may stay open is not excluded.
    Unclear,
    /// The figures are not the server's.
    Unknown,
}

impl Soak {
    /// FAIL if something grows; INCONCLUSIVE if of memory or descriptors it is not known, or was not measured; else PASS. Response
    /// times without a trend leave the verdict to the others: where others had the cores, they say nothing of the server.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let has_rss = self.trends.iter().any(|trend| trend.name == Metric::ServerRss.spec().name);
        if self.trends.iter().any(|trend| trend.finding == Growth::Grows) {
            Verdict::Fail
        } else if !has_rss || self.open_questions().next().is_some() {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }

    /// The names of memory and descriptors of which it is not known whether they grow.
    pub fn open_questions(&self) -> impl Iterator<Item = &str> {
        let unknown = self.trends.iter().filter(|trend| trend.is_open()).map(|trend| &trend.name);
        let names = self.unmeasured.iter().map(|unmeasured| &unmeasured.name).chain(unknown);
        names.map(String::as_str).filter(|name| !is_time(name))
    }
}

impl Trend {
    /// Whether it is not known if it grows.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.finding, Growth::Unclear | Growth::Unknown)
    }

    /// Whether it is of response times.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        is_time(&self.name)
    }

    /// Growth per hour as it went on: that of the second half if it was certainly slower than that of the whole time, or if the
    /// whole time alone shows none.
    #[must_use]
    pub fn lasting(&self) -> LateGrowth {
        let whole = LateGrowth { per_hour: self.per_hour, low: self.low, high: self.high };
        self.late.filter(|late| late.high < self.per_hour || self.low <= 0.0).unwrap_or(whole)
    }
}

fn is_time(name: &str) -> bool {
    Column::parse(name).is_some_and(|column| column.metric == Metric::IntervalP50)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trend(name: &str, finding: Growth) -> Trend {
        Trend {
            name: name.into(),
            finding,
            per_hour: 0.0,
            low: 0.0,
            high: 0.0,
            late: None,
            correlation: 0.0,
            ends: (1.0, 1.0),
            least: 1.0,
            reason: None,
        }
    }

    #[test]
    fn only_what_is_known_of_memory_and_descriptors_passes() {
        use Growth::{Grows, LevelsOff, NotShown, Unclear, Unknown};
        let verdict = |rss, kernel, time| {
            let trends = vec![
                trend("server_rss", rss),
                trend("kernel_memory", kernel),
                trend("good.response_p50", time),
            ];
            Soak { trends, ..Soak::default() }.verdict()
        };
        for (rss, kernel, time, wanted) in [
            (NotShown, NotShown, NotShown, Verdict::Pass),
            (LevelsOff, NotShown, NotShown, Verdict::Pass),
            (NotShown, Unclear, NotShown, Verdict::Inconclusive),
            (Unknown, NotShown, NotShown, Verdict::Inconclusive),
            (NotShown, NotShown, Unknown, Verdict::Pass),
            (NotShown, NotShown, Unclear, Verdict::Pass),
            (NotShown, NotShown, Grows, Verdict::Fail),
            (Unclear, Grows, NotShown, Verdict::Fail),
        ] {
            assert_eq!(verdict(rss, kernel, time), wanted, "{rss:?} {kernel:?} {time:?}");
        }
    }

    #[test]
    fn what_was_not_measured_does_not_pass() {
        let with = |name: &str| {
            let unmeasured = vec![Unmeasured { name: name.into(), reason: "hidden".into() }];
            let trends = vec![trend("server_rss", Growth::NotShown)];
            Soak { trends, unmeasured, ..Soak::default() }.verdict()
        };
        for (name, wanted) in [
            ("kernel_memory", Verdict::Inconclusive),
            ("server_descriptors", Verdict::Inconclusive),
            ("good.response_p50", Verdict::Pass),
        ] {
            assert_eq!(with(name), wanted, "{name}");
        }
        assert_eq!(Soak::default().verdict(), Verdict::Inconclusive);
    }
}
