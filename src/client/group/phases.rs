//! What a group's requests came to in each phase of the measured window.
//!
//! A request counts in the phase in which it waited longest: one that becomes due just before bad peers come, and that they
//! hold up, is a cost of theirs. A wait is cut at the borders of a phase.

use serde::{Deserialize, Serialize};

use super::judged::Judged;
use crate::{
    client::{request::Request, results::PhaseNumbers},
    metric::Row,
    record::Cause,
};

/// The phases of the measured window; most runs have none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Phases(Vec<Phase>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Phase {
    /// From when until when, in nanoseconds; needed only while requests are counted.
    #[serde(skip)]
    span: (u64, u64),
    judged: Judged,
}

impl Phases {
    pub(super) fn new(spans: &[(u64, u64)]) -> Self {
        Self(spans.iter().map(|span| Phase { span: *span, judged: Judged::new() }).collect())
    }

    /// A request that was due then was answered, in so many nanoseconds since it was due and since it was sent.
    pub(super) fn answered(&mut self, due_ns: u64, now_ns: u64, response_ns: u64, service_ns: u64) {
        if let Some(judged) = self.of(due_ns, now_ns) {
            judged.answered(response_ns, service_ns);
        }
    }

    /// A request got no proper answer until now.
    pub(super) fn censor(&mut self, cause: Cause, request: &Request, now_ns: u64) {
        if let Some(judged) = self.of(request.due_ns, now_ns) {
            let since = |ns: u64| if ns == 0 { 0 } else { now_ns.saturating_sub(ns) };
            judged.censor(cause, since(request.due_ns), since(request.sent_ns));
            // Also where it was left waiting after the phase: then those without a connection waited for it.
            judged.waited(0, Some(cause));
        }
    }

    /// A request that was due then has waited until now; nothing came if a cause is given.
    pub(super) fn waited(&mut self, due_ns: u64, now_ns: u64, cause: Option<Cause>) {
        for phase in &mut self.0 {
            // How long it waited in a phase that was over is known.
            phase
                .judged
                .waited(overlap(phase.span, due_ns, now_ns), cause.filter(|_| now_ns <= phase.span.1));
        }
    }

    /// The phase in which a request waited longest that was due then and waited until now, if it waited in one.
    fn of(&mut self, due_ns: u64, now_ns: u64) -> Option<&mut Judged> {
        let until_ns = now_ns.max(due_ns + 1);
        let waited = |phase: &Phase| overlap(phase.span, due_ns, until_ns);
        let longest = self.0.iter_mut().max_by_key(|phase| waited(phase))?;
        (waited(longest) > 0).then_some(&mut longest.judged)
    }

    /// What they came to in each phase, as numbers; and those of them that are lower bounds, with the reason. An `idle` group
    /// has none.
    pub(super) fn summarize(&self, is_idle: bool) -> Vec<PhaseNumbers> {
        let of = |phase: &Phase| {
            let (mut row, judged) = (Row::default(), &phase.judged);
            if is_idle {
                return (row, Vec::new());
            }
            let mut censored = judged.summarize(&mut row);
            let all = judged.response.answered.len() + judged.response.censored.len();
            if all > 0 {
                judged.summarize_shares(all, &mut row);
                censored.extend(judged.summarize_longest_wait(&mut row));
            }
            (row, censored)
        };
        self.0.iter().map(of).collect()
    }

    /// How many there are.
    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }

    /// Takes over what another thread knows of the same group.
    pub(super) fn add(&mut self, other: &Self) {
        for (mine, others) in self.0.iter_mut().zip(&other.0) {
            mine.judged.add(&others.judged);
        }
    }
}

/// How much of the time from the one instant to the other lies in a span.
pub(super) fn overlap(span: (u64, u64), from_ns: u64, until_ns: u64) -> u64 {
    until_ns.min(span.1).saturating_sub(from_ns.max(span.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    /// Numbers of each of two phases, from 100 to 200 and from 200 to 400 ns.
    fn numbers(phases: &Phases, metric: Metric) -> Vec<Option<f64>> {
        phases.summarize(false).iter().map(|(row, _)| row.value(metric)).collect()
    }

    fn phases() -> Phases {
        Phases::new(&[(100, 200), (200, 400)])
    }

    #[test]
    fn a_request_counts_in_the_phase_in_which_it_waited_longest() {
        for (due_ns, now_ns, medians) in [
            (110, 120, [Some(10.0), None]),
            (150, 150, [Some(0.0), None]),
            (190, 260, [None, Some(70.0)]),
            (120, 250, [Some(130.0), None]),
            (390, 900, [None, Some(510.0)]),
            (40, 90, [None, None]),
            (400, 500, [None, None]),
        ] {
            let mut phases = phases();
            phases.answered(due_ns, now_ns, now_ns - due_ns, 1);
            // The histogram counts from 1 ns on.
            let found: Vec<_> = numbers(&phases, Metric::LatencyP50);
            let is_near = |(found, wanted): (&Option<f64>, &Option<f64>)| match (found, wanted) {
                (Some(found), Some(wanted)) => (found - wanted).abs() <= 1.0,
                (None, None) => true,
                _ => false,
            };
            assert!(found.iter().zip(&medians).all(is_near), "{due_ns} {now_ns}: {found:?}");
        }
    }

    #[test]
    fn a_wait_is_cut_at_the_borders_of_a_phase() {
        let mut phases = phases();
        phases.answered(150, 170, 20, 20);
        phases.answered(250, 270, 20, 20);
        phases.waited(190, 350, Some(Cause::Unanswered));
        let waits: Vec<_> = phases.summarize(false);
        let longest: Vec<_> = waits.iter().map(|(row, _)| row.value(Metric::LongestWait)).collect();
        assert_eq!(longest, [Some(10.0), Some(150.0)]);
        let bounds =
            |censored: &Vec<(Metric, Cause)>| censored.iter().any(|(m, _)| *m == Metric::LongestWait);
        assert_eq!(waits.iter().map(|(_, c)| bounds(c)).collect::<Vec<_>>(), [false, true]);
    }

    #[test]
    fn a_request_that_outlasts_its_phase_is_unanswered_and_not_skipped() {
        let mut phases = phases();
        let request = Request { sent_ns: 150, ..Request::due(150) };
        phases.waited(150, 500, Some(Cause::Unanswered));
        phases.censor(Cause::Unanswered, &request, 500);
        let of = |index: usize| phases.summarize(false)[index].1.clone();
        assert!(of(0).is_empty(), "it waited longest in the other");
        assert!(of(1).contains(&(Metric::LatencyP50, Cause::Unanswered)), "{:?}", of(1));
    }

    #[test]
    fn shares_are_of_the_requests_of_the_phase() {
        let mut phases = phases();
        (0..3).for_each(|_| phases.answered(210, 220, 10, 10));
        phases.censor(Cause::Lost, &Request::due(230), 240);
        assert_eq!(numbers(&phases, Metric::LostShare), [None, Some(0.25)]);
        let mut other = self::phases();
        other.add(&phases);
        assert_eq!(numbers(&other, Metric::LostShare), [None, Some(0.25)]);
    }
}
