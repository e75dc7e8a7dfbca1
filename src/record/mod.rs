//! The record of a run: all data that reports, comparisons and gates are made from.

mod accounts;
mod buckets;
mod capacity;
mod cause;
mod effective;
mod expectation_result;
mod headline;
mod machine;
mod phase;
mod price;
mod resource_exhaustion;
mod series;
mod server_endings;
mod soak;
mod verdict;

use indexmap::{IndexMap, IndexSet};
use serde::{Deserialize, Serialize};

pub(crate) use self::verdict::ExpectationVerdict;
pub use self::{
    accounts::{Ledger, PutOff, Requests},
    buckets::Buckets,
    capacity::{Border, Bracket, Capacity, Finding, Level, LevelRepeat, LevelUnit, SearchEnd},
    cause::Cause,
    effective::Effective,
    expectation_result::{ExpectationResult, lower_bound},
    machine::{Loopback, Machine},
    phase::Phase,
    price::{GoodClients, Phased, Price},
    resource_exhaustion::ResourceExhaustion,
    series::{Clock, Series},
    server_endings::ServerEndings,
    soak::{Growth, LateGrowth, Soak, Trend, Unmeasured},
    verdict::Verdict,
};
use crate::{behavior::Spec, codec::Tally, profile::Profile};

/// The version of the format of `record.json`; raised when a reader of the old one would be misled.
pub const FORMAT: u32 = 1;

/// A run of one profile.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Record {
    /// The version of the format: [`FORMAT`].
    pub format: u32,
    /// The version of badpeer.
    pub badpeer: String,
    /// The command line.
    pub command: Vec<String>,
    /// The profile's name: its file's stem.
    pub name: String,
    /// When it was started, in UTC (RFC 3339).
    pub started: String,
    /// The machine.
    pub machine: Machine,
    /// The commit of the working directory, if there is one.
    pub commit: Option<String>,
    /// The profile.
    pub profile: Profile,
    /// The server's files from beside the profile, by name.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub files: IndexMap<String, String>,
    /// The results: one for each point of the sweep, or a single one without a sweep.
    pub points: Vec<Point>,
    /// The search that the points are the levels of, if they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Capacity>,
    /// Whether the server grew, if that was looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Soak>,
    /// The run was interrupted; the results were measured before.
    pub interrupted: bool,
}

/// One point of a sweep: the same profile with some keys set.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Point {
    /// The keys that the sweep sets here, and their values.
    pub axes: IndexMap<String, String>,
    /// One for each repeat, in the order of measurement.
    #[serde(rename = "trials")]
    pub repeats: Vec<Repeat>,
    /// The verdict of each expectation, over all repeats.
    pub verdicts: Vec<ExpectationResult>,
}

/// One repeat: a measurement with a fresh server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Repeat {
    /// The seed of all random choices in it.
    pub seed: u64,
    /// When the measured window began and ended, in nanoseconds since the first client started.
    pub window_ns: (i64, i64),
    /// The phases of the measured window that were measured to their end, one after the other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// It was interrupted, or its server died: the results were measured before, and only faults that no load excuses
    /// count.
    pub cut_short: bool,
    /// How the server exited by itself under load, and its last output, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
    /// The settings in effect.
    pub effective: Effective,
    /// A row for each sample.
    pub series: Series,
    /// The result of each client group, in the profile's order.
    pub groups: Vec<GroupResult>,
    /// Every eviction that the reference server reports.
    pub evictions: Vec<Eviction>,
    /// One value for each metric, in the metric's unit: bytes, nanoseconds, a number, a share from 0 to 1, or one of
    /// these per second (nanoseconds per second are cores). Those of a group are named `group.metric`, those of a phase
    /// `metric @ phase` or `group.metric @ phase`. A metric that was not measured is absent.
    pub summary: IndexMap<String, f64>,
    /// The values of the summary that are lower bounds, because requests without a valid answer lie there, and why:
    /// `unanswered`, `lost`, `skipped` or `errors`. The true value is at least the value in the summary, and may be
    /// infinite.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub censored: IndexMap<String, String>,
    /// What bad peers cost, where the profile has the phases `before` and `with`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Why this repeat is not valid; empty if it is.
    pub invalid: Vec<String>,
    /// Why its times, rates and costs are not valid; empty if they are. Values that do not depend on time remain valid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<String>,
    /// Why a fault had no effect, so that this valid repeat proves nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<String>,
    /// What a reader should know about the figures.
    pub notes: Vec<String>,
}

/// The result of a client group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupResult {
    /// Its name in the profile.
    pub name: String,
    /// How its connections ended.
    pub ledger: Ledger,
    /// How its requests ended.
    pub requests: Requests,
    /// Results of checking the answers.
    pub content: Tally,
    /// Nanoseconds from when a request was due to its answer, in the measured window.
    pub response_ns: Buckets,
    /// Nanoseconds from when a request was sent to its answer, in the measured window.
    pub service_ns: Buckets,
    /// How long requests of the measured window without a valid answer waited, in nanoseconds since they were due.
    #[serde(default)]
    pub censored_ns: Buckets,
    /// Response times of an open loop, in nanoseconds, minus the delay of the load generator.
    #[serde(default)]
    pub undelayed_ns: Buckets,
    /// How much its clients lost because of the limit on reconnecting.
    #[serde(default)]
    pub put_off: PutOff,
    /// Connections that count as opened and were not, because the server's accept queue was full and it accepted none of
    /// those that waited, for 5 s or until the clients stopped.
    #[serde(default)]
    pub not_accepted: u64,
    /// When its open loop started, in nanoseconds since the first client started; `None` for a closed loop, and if it
    /// never started.
    #[serde(default)]
    pub loop_started_ns: Option<i64>,
    /// The connections that the server ended, and the bytes that they left in the kernel.
    #[serde(default)]
    pub server_endings: ServerEndings,
    /// The behavior of its clients in receiving.
    #[serde(default, skip_serializing_if = "Spec::is_steady")]
    pub rx: Spec,
}

/// An eviction, as the reference server reports it. Times are nanoseconds since the first client started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Eviction {
    /// When the server ended the connection.
    pub at_ns: i64,
    /// The one reason: `send_timeout`, `send_limit`, `receive_limit`, `protocol`, `soft_limit`, `min_rate`, `deadline`,
    /// `message_timeout`, `idle_timeout` or `user_timeout`. The limits and timeouts are the server's keys of the same
    /// name; `protocol` means bytes that are not a valid message.
    pub reason: String,
    /// The group of the client, if its port is known.
    pub group: Option<String>,
    /// For a timeout: how long after its end the eviction came, in nanoseconds; negative is too early. The timeout is the profile's and
    /// counts from the last progress. The server's times of the progress and of the eviction are used if they agree
    /// with the observation from outside, otherwise the nearest times that agree.
    pub lateness_ns: Option<i64>,
    /// The same according to the server alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_lateness_ns: Option<i64>,
    /// The same according to the observation from outside alone: lower and upper bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_lateness_ns: Option<(i64, i64)>,
    /// Difference between the server's times and the nearest times that agree with the observation from outside; 0 if
    /// they agree.
    #[serde(default)]
    pub disagreement_ns: u64,
    /// How long after it the client noticed it, in nanoseconds; `None` if the client did not, or is not known.
    pub seen_after_ns: Option<i64>,
    /// Bytes that waited in the server's send buffer at that time.
    pub send_buffered: u64,
    /// Bytes that waited in the kernel's send queue at that time: not yet sent, or not yet acknowledged.
    pub kernel_queued: u64,
}

/// A point of a sweep in words, each key as `key=value`; empty without a sweep.
#[must_use]
pub fn place(axes: &IndexMap<String, String>, between: &str) -> String {
    axes.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(between)
}

/// A name, and the point of the sweep behind it.
#[must_use]
pub fn named_at(name: &str, axes: &IndexMap<String, String>) -> String {
    if axes.is_empty() { name.to_owned() } else { format!("{name} {}", place(axes, " ")) }
}

/// The point at which the sweep sets the same keys to the same values.
#[must_use]
pub fn point_at<'a>(points: &'a [Point], axes: &IndexMap<String, String>) -> Option<&'a Point> {
    points.iter().find(|point| point.axes == *axes)
}

/// The names of all numbers that one of the repeats has, each once, in the order in which they occur.
pub fn names<'a>(repeats: impl IntoIterator<Item = &'a Repeat>) -> IndexSet<&'a str> {
    repeats.into_iter().flat_map(|repeat| repeat.summary.keys().map(String::as_str)).collect()
}

impl Point {
    /// The number of this name in each repeat that has it, in the metric's unit.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<f64> {
        self.repeats.iter().filter_map(|repeat| repeat.summary.get(name).copied()).collect()
    }
}

impl Repeat {
    /// The result of the group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupResult> {
        self.groups.iter().find(|result| result.name == name)
    }

    /// The measured time, in nanoseconds; a manipulated record may contain any value.
    #[must_use]
    pub const fn measured_ns(&self) -> i64 {
        self.window_ns.1.saturating_sub(self.window_ns.0)
    }

    /// Whether it is whole, and its figures are the server's.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.doubts().next().is_none() && !self.cut_short
    }

    /// Why some or all of its figures are not the server's.
    pub fn doubts(&self) -> impl Iterator<Item = &str> {
        self.invalid.iter().chain(&self.disturbed).map(String::as_str)
    }
}

impl Record {
    /// Every verdict of every point.
    pub fn verdicts(&self) -> impl Iterator<Item = &ExpectationResult> {
        self.points.iter().flat_map(|point| &point.verdicts)
    }

    /// Every repeat of every point.
    pub fn repeats(&self) -> impl Iterator<Item = &Repeat> {
        self.points.iter().flat_map(|point| &point.repeats)
    }

    /// How a server ended by itself, if one did.
    #[must_use]
    pub fn died(&self) -> Option<&str> {
        self.repeats().find_map(|repeat| repeat.died.as_deref())
    }

    /// Whether some repeat did not show what it was meant to show.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        self.repeats().any(|repeat| !repeat.unproven.is_empty())
    }

    /// Why some or all figures of the first repeat in doubt are not the server's.
    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        self.repeats().flat_map(Repeat::doubts).next()
    }

    /// The verdict on the whole run: the worst of its verdicts, including a server that died. An invalid repeat does
    /// not hide a failure: an expectation is FAIL beside an invalid repeat only if no load excuses it. If a fault had
    /// no effect, the run is inconclusive.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        // That a level fails is what a search is for.
        if let Some(capacity) = &self.capacity {
            return capacity.verdict();
        }
        let soak = self.soak.as_ref().map_or(Verdict::Pass, Soak::verdict);
        let has = |verdict| self.verdicts().any(|result| result.verdict == verdict);
        let invalid = self.repeats().any(|t| !t.invalid.is_empty());
        if self.died().is_some() || has(Verdict::Fail) || soak == Verdict::Fail {
            Verdict::Fail
        } else if invalid || has(Verdict::Invalid) {
            Verdict::Invalid
        } else if self.interrupted
            || has(Verdict::Inconclusive)
            || self.points.is_empty()
            || self.is_unproven()
            || soak == Verdict::Inconclusive
        {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
impl Record {
    /// A record of this profile, as TOML, with these points and nothing else.
    pub(crate) fn of_points(profile: &str, points: Vec<Point>) -> Self {
        Self {
            format: FORMAT,
            badpeer: String::new(),
            command: Vec::new(),
            name: String::new(),
            started: String::new(),
            machine: Machine::default(),
            commit: None,
            profile: toml::from_str(profile).expect("a profile"),
            files: IndexMap::new(),
            points,
            capacity: None,
            soak: None,
            interrupted: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdicts: &[Verdict], alter: impl Fn(&mut Repeat)) -> Record {
        let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
        let mut repeat = Repeat::default();
        alter(&mut repeat);
        let result = |verdict: &Verdict| ExpectationResult::new("evictions", "= 0", Some(0.0), *verdict);
        let verdicts = verdicts.iter().map(result).collect();
        let point = Point { axes: IndexMap::new(), repeats: vec![repeat], verdicts };
        Record::of_points(text, vec![point])
    }

    #[test]
    fn a_failure_outranks_an_invalid_verdict() {
        use Verdict::{Fail, Inconclusive, Invalid, Pass};
        let invalid = |repeat: &mut Repeat| repeat.invalid.push("the host was busy".to_owned());
        assert_eq!(record(&[Pass, Fail, Invalid], invalid).verdict(), Fail);
        assert_eq!(record(&[Pass, Invalid, Inconclusive], |_| ()).verdict(), Invalid);
        assert_eq!(record(&[Pass], invalid).verdict(), Invalid);
        let disturbed = |repeat: &mut Repeat| repeat.disturbed.push("the host was busy".to_owned());
        assert_eq!(record(&[Pass], disturbed).verdict(), Pass, "what does not depend on time stands");
        assert_eq!(record(&[Pass, Inconclusive], |_| ()).verdict(), Inconclusive);
        assert_eq!(record(&[Pass], |_| ()).verdict(), Pass);
        let died = |repeat: &mut Repeat| repeat.died = Some("signal 11".to_owned());
        assert_eq!(record(&[Inconclusive], died).verdict(), Fail, "a crash is one, whatever was measured");
    }
}
