//! What a run leaves behind: everything that reports, comparisons and gates are made from. Nothing else is needed, and
//! nothing here is made from anything else.

mod accounts;
mod buckets;
mod cause;
mod expectation_result;
mod resource_exhaustion;
mod series;
mod server_endings;
mod verdict;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

pub(crate) use self::verdict::OfExpectation;
pub use self::{
    accounts::{Ledger, PutOff, Requests},
    buckets::Buckets,
    cause::Cause,
    expectation_result::{ExpectationResult, lower_bound},
    resource_exhaustion::ResourceExhaustion,
    series::{Clock, Series},
    server_endings::ServerEndings,
    verdict::Verdict,
};
use crate::{behavior::Spec, codec::Tally, profile::Profile};

/// The version of the format of `record.json`; raised when a reader of the old one would be misled.
pub const FORMAT: u32 = 1;

/// A run of one profile.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of badpeer that made it.
    pub badpeer: String,
    /// The command line that made it.
    pub command: Vec<String>,
    /// The profile's name: its file's stem.
    pub name: String,
    /// When it was started, in UTC (RFC 3339).
    pub started: String,
    /// Where it ran.
    pub machine: Machine,
    /// The commit of the working directory, where there is one.
    pub commit: Option<String>,
    /// What was asked.
    pub profile: Profile,
    /// The files that the server was given, by name, as they are beside the profile.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub files: IndexMap<String, String>,
    /// What was found: one for each point of the sweep, one in all without a sweep.
    pub points: Vec<Point>,
    /// The run was cut short; what is here was measured before.
    pub interrupted: bool,
}

/// The machine that a run ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Machine {
    /// Kernel release.
    pub kernel: String,
    /// Processor, as it calls itself.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Instruction set.
    pub arch: String,
}

/// One point of a sweep: the same question with some keys set.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Point {
    /// The keys that the sweep sets here, and their values.
    pub axes: IndexMap<String, String>,
    /// One for each repeat.
    pub trials: Vec<Trial>,
    /// What became of each expectation, over all repeats.
    pub verdicts: Vec<ExpectationResult>,
}

/// One measurement with a fresh server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Trial {
    /// The seed of everything random in it.
    pub seed: u64,
    /// When the measured window began and ended, in nanoseconds since the first client started.
    pub window_ns: (i64, i64),
    /// It was interrupted, or its server died: what is here was measured before, and proves no more than a fault that no load
    /// excuses.
    pub cut_short: bool,
    /// How the server ended by itself while it was driven, and its last words, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<String>,
    /// What was used in fact.
    pub effective: Effective,
    /// A row for each sample.
    pub series: Series,
    /// What became of each client group, in the profile's order.
    pub groups: Vec<GroupResult>,
    /// Every eviction that the reference server reports.
    pub evictions: Vec<Eviction>,
    /// The one number for each stat; a group's are named `group.stat`.
    pub summary: IndexMap<String, f64>,
    /// The numbers of the summary that are lower bounds, because requests without a proper answer lie there, and why:
    /// `unanswered`, `lost`, `skipped` or `errors`. The true value is at least the number in the summary, and may be
    /// infinite.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub censored: IndexMap<String, String>,
    /// Why this trial proves nothing, if it does not.
    pub invalid: Vec<String>,
    /// Why its times, rates and costs are not the server's, if they are not; what does not depend on time stands.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disturbed: Vec<String>,
    /// Why what was meant to be shown was not, though nothing is invalid: a fault that had no effect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unproven: Vec<String>,
    /// What a reader should know about the figures.
    pub notes: Vec<String>,
}

/// What was used in fact, read back rather than believed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Effective {
    /// The cores that the server, or the core experiment, was kept on; empty: any.
    pub server_cores: Vec<usize>,
    /// The cores that the clients were kept on; empty: any.
    pub client_cores: Vec<usize>,
    /// The physical cores that badpeer may use, the hardware threads of each, and how they were shared out, in words.
    #[serde(default)]
    pub cores: String,
    /// The server's address.
    pub address: String,
    /// Kernel receive buffer of a client of each group, in bytes.
    pub client_receive_buffer: Vec<u64>,
    /// Kernel send buffer of a client of each group, in bytes.
    pub client_send_buffer: Vec<u64>,
    /// Which instructions of the server were counted, or why none were.
    #[serde(default)]
    pub instructions: String,
    /// How the server ended: its exit code or signal, in words; `left running` if it was not started by us.
    pub server_exit: String,
    /// What the clients ran out of, which ended the trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortage: Option<ResourceExhaustion>,
}

/// What became of a client group.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GroupResult {
    /// Its name in the profile.
    pub name: String,
    /// How its connections ended.
    pub ledger: Ledger,
    /// What became of its requests.
    pub requests: Requests,
    /// What checking the answers found.
    pub content: Tally,
    /// Nanoseconds from when a request was due to its answer, in the measured window.
    pub response_ns: Buckets,
    /// Nanoseconds from when a request was sent to its answer, in the measured window.
    pub service_ns: Buckets,
    /// How long requests of the measured window were seen to wait that got no proper answer, in nanoseconds since they
    /// were due.
    #[serde(default)]
    pub censored_ns: Buckets,
    /// Of an open loop: response times without what the harness itself was late by.
    #[serde(default)]
    pub undelayed_ns: Buckets,
    /// How much its clients lost because they open connections again no faster than they may.
    #[serde(default)]
    pub put_off: PutOff,
    /// When its open loop started, in nanoseconds since the first client started; `None` for a closed loop, and where it
    /// never did.
    #[serde(default)]
    pub loop_started_ns: Option<i64>,
    /// Which connections the server ended, and what stayed behind.
    #[serde(default)]
    pub server_endings: ServerEndings,
    /// How its clients receive.
    #[serde(default, skip_serializing_if = "Spec::is_steady")]
    pub rx: Spec,
}

/// An eviction, as the reference server reports it. Times are nanoseconds since the first client started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Eviction {
    /// When the server ended the connection.
    pub at_ns: i64,
    /// The one reason: `send_timeout`, `send_limit`, `receive_limit` or `protocol`.
    pub reason: String,
    /// The group of the client, where its port is known.
    pub group: Option<String>,
    /// For a timeout: how long after its end the eviction came; negative is too early. The timeout is the profile's. It is
    /// counted from the last progress; of this and of the eviction itself, the server's word is taken as far as it fits
    /// what was seen from outside, and else what was seen and is nearest.
    pub lateness_ns: Option<i64>,
    /// The same as the server alone tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_lateness_ns: Option<i64>,
    /// The same as seen from outside alone: at least, and at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_lateness_ns: Option<(i64, i64)>,
    /// How far what the server tells lies from everything that is possible after what was seen from outside; 0 if it fits.
    #[serde(default)]
    pub disagreement_ns: u64,
    /// How long after it the client's side saw it.
    pub seen_after_ns: Option<i64>,
    /// Bytes that waited in the server's send buffer.
    pub send_buffered: u64,
    /// Bytes that waited in the kernel's send queue.
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

impl Trial {
    /// What came of the group of this name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&GroupResult> {
        self.groups.iter().find(|result| result.name == name)
    }

    /// How long was measured, in nanoseconds; a record that was tampered with may say anything.
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

    /// Every trial of every point.
    pub fn trials(&self) -> impl Iterator<Item = &Trial> {
        self.points.iter().flat_map(|point| &point.trials)
    }

    /// How a server ended by itself, if one did.
    #[must_use]
    pub fn died(&self) -> Option<&str> {
        self.trials().find_map(|trial| trial.died.as_deref())
    }

    /// Whether some trial did not show what it was meant to show.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        self.trials().any(|trial| !trial.unproven.is_empty())
    }

    /// Why some or all figures of the first trial in doubt are not the server's.
    #[must_use]
    pub fn doubt(&self) -> Option<&str> {
        self.trials().flat_map(Trial::doubts).next()
    }

    /// What the whole run comes to: the worst of its verdicts, and a server that died is one. What fails is not hidden by
    /// what proves nothing: an expectation is FAIL beside an invalid trial only where no load excuses it. Where a fault had no
    /// effect, nothing is proven.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let has = |verdict| self.verdicts().any(|result| result.verdict == verdict);
        let invalid = self.trials().any(|t| !t.invalid.is_empty());
        if self.died().is_some() || has(Verdict::Fail) {
            Verdict::Fail
        } else if invalid || has(Verdict::Invalid) {
            Verdict::Invalid
        } else if self.interrupted
            || has(Verdict::Inconclusive)
            || self.points.is_empty()
            || self.is_unproven()
        {
            Verdict::Inconclusive
        } else {
            Verdict::Pass
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(verdicts: &[Verdict], spoil: impl Fn(&mut Trial)) -> Record {
        let text = "title = \"t\"\n[[clients]]\nname = \"g\"\ncount = 1\nload = { depth = 1, payload = 9 }";
        let mut trial = Trial::default();
        spoil(&mut trial);
        let result = |verdict: &Verdict| ExpectationResult::new("evictions", "= 0", Some(0.0), *verdict);
        let verdicts = verdicts.iter().map(result).collect();
        Record {
            format: FORMAT,
            badpeer: String::new(),
            command: Vec::new(),
            name: String::new(),
            started: String::new(),
            machine: Machine::default(),
            commit: None,
            profile: toml::from_str(text).expect("a profile"),
            files: IndexMap::new(),
            points: vec![Point { axes: IndexMap::new(), trials: vec![trial], verdicts }],
            interrupted: false,
        }
    }

    #[test]
    fn a_failure_outranks_an_invalid_verdict() {
        use Verdict::{Fail, Inconclusive, Invalid, Pass};
        let invalid = |trial: &mut Trial| trial.invalid.push("the host was busy".to_owned());
        assert_eq!(record(&[Pass, Fail, Invalid], invalid).verdict(), Fail);
        assert_eq!(record(&[Pass, Invalid, Inconclusive], |_| ()).verdict(), Invalid);
        assert_eq!(record(&[Pass], invalid).verdict(), Invalid);
        let disturbed = |trial: &mut Trial| trial.disturbed.push("the host was busy".to_owned());
        assert_eq!(record(&[Pass], disturbed).verdict(), Pass, "what does not depend on time stands");
        assert_eq!(record(&[Pass, Inconclusive], |_| ()).verdict(), Inconclusive);
        assert_eq!(record(&[Pass], |_| ()).verdict(), Pass);
        let died = |trial: &mut Trial| trial.died = Some("signal 11".to_owned());
        assert_eq!(record(&[Inconclusive], died).verdict(), Fail, "a crash is one, whatever was measured");
    }
}
