//! Which failures a busy host can explain: a server that waits for its cores answers late, but it answers.

use super::super::validity::number;
use crate::{
    metric::{Fold, Key, Kind, Metric, Stat},
    profile::{Condition, Group},
    record::Repeat,
};

/// What a scheduler may add to a single wait beyond the share of time in which tasks waited for a core, in nanoseconds: a
/// few turns of others.
const TURNS_NS: f64 = 100e6;
/// A wait that is longer than so many medians is none of an answer that is only late.
const MEDIANS: f64 = 20.0;

/// A number of a group that fails a condition in a disturbed repeat.
pub(super) struct Failure<'a> {
    pub(super) repeat: &'a Repeat,
    pub(super) group: &'a Group,
    pub(super) metric: Metric,
    pub(super) figure: f64,
}

impl Failure<'_> {
    /// Whether the host alone may have caused it. `holds` says whether a condition holds for a figure.
    pub(super) fn is_excused(&self, condition: &Condition, holds: impl Fn(f64) -> Option<bool>) -> bool {
        use Metric::{
            EndedShare, Evicted, EvictedFin, EvictedReset, FewestAnswers, Lost, LostShare, Refused,
            SilentConnections, SilentShare, Skipped, SkippedShare, Unanswered, UnansweredShare,
        };
        match self.metric {
            metric if matches!(metric.spec().kind, Kind::Latency(_) | Kind::Download | Kind::Wait) => {
                !condition.bounds_from_above() || holds(self.unexplained_ns(self.figure)) != Some(false)
            }
            Unanswered | UnansweredShare | SilentConnections | SilentShare | Skipped | SkippedShare
            | FewestAnswers => self.are_answers_late(),
            Lost | LostShare | Evicted | EvictedFin | EvictedReset => !self.are_most_lost(),
            EndedShare => !self.are_most_lost() && !self.was_refused(),
            Refused => false,
            _ => true,
        }
    }

    /// What is left of a wait without what the host may have added to it.
    fn unexplained_ns(&self, wait_ns: f64) -> f64 {
        (wait_ns * self.running_share() - TURNS_NS).max(0.0)
    }

    /// Share of a wait, from 0 to 1, in which server, clients and the machine itself ran when they had something to do.
    fn running_share(&self) -> f64 {
        let of = |metric, fold| number(self.repeat, metric, fold);
        // What was not measured of the server may have been all of it.
        let server = of(Metric::ServerRunDelayShare, Fold::Final).unwrap_or(1.0);
        let clients = of(Metric::HarnessRunDelay, Fold::Final).unwrap_or(0.0);
        let steal = of(Metric::HostSteal, Fold::Rate).unwrap_or(0.0);
        [server, clients, steal].into_iter().map(|waiting| 1.0 - waiting.clamp(0.0, 1.0)).product()
    }

    /// Whether what was not answered may only have been late: it did not wait for much longer than others.
    fn are_answers_late(&self) -> bool {
        let name = |metric| Key::new(Some(&self.group.name), Stat::once(metric)).to_string();
        let of = |metric: Metric| self.repeat.summary.get(&name(metric)).copied();
        let Some(longest) = of(Metric::LongestWait) else { return true };
        let is_known = !self.repeat.censored.contains_key(&name(Metric::LatencyP50));
        let median = of(Metric::LatencyP50).filter(|_| is_known).unwrap_or(0.0);
        self.unexplained_ns(longest) <= MEDIANS * median
    }

    /// Whether the server refused connections, which no load makes it do.
    fn was_refused(&self) -> bool {
        self.repeat.group(&self.group.name).is_some_and(|result| result.ledger.refused > 0)
    }

    /// Whether the server ended connections rather than answered.
    fn are_most_lost(&self) -> bool {
        self.repeat.group(&self.group.name).is_some_and(|result| {
            let ended = result.ledger.evicted_fin + result.ledger.evicted_rst;
            result.requests.lost * 2 > result.requests.started || ended * 2 > u64::from(self.group.count)
        })
    }
}
