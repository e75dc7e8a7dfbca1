//! What was lost on the way to a figure: evictions that the server no longer lists, connections that no look saw. Where it is
//! more than a little, the figure that is made of the rest is none.

use crate::{metric::Metric, profile::Profile, record::Trial};

/// Share of the events that may be missing in a figure.
pub const MOST_LOST: f64 = 0.01;

/// Why the trial proves nothing, and what a reader must know: too much is missing of what an expected figure is made of, or
/// of one that nobody expects anything of.
#[must_use]
pub fn lost(profile: &Profile, trial: &Trial) -> super::Findings {
    use Metric::{
        EvictionSeenP50, LatenessMin, LatenessP50, LatenessP99, StalledForMax, StalledForMin, StalledForP50,
    };
    let mut findings = super::Findings::default();
    let expectations = profile.expectations();
    let mut tell = |sentence: String, is_expected: bool| {
        if is_expected { findings.invalid.push(sentence) } else { findings.notes.push(sentence) }
    };
    let number = |name: &str| trial.summary.get(name).copied().unwrap_or(0.0);
    let of = |metric: Metric| number(metric.spec().name);
    let (gone, strange) = (of(Metric::EvictionsLost), of(Metric::EvictionsUnmatched));
    if is_much(gone + strange, trial.evictions.len() as f64 + gone) {
        let lateness = [LatenessMin, LatenessP50, LatenessP99, EvictionSeenP50];
        let is_expected = expectations.iter().any(|e| lateness.contains(&e.stat.metric));
        let sentence = format!(
            "the server's list of evictions lacks {gone} of {}, and {strange} belong to no connection of the clients: how late \
             evictions came is not known. Make the run shorter, or evict fewer",
            trial.evictions.len() as f64 + gone,
        );
        tell(sentence, is_expected);
    }
    for group in &profile.clients {
        let of = |metric: Metric| number(&format!("{}.{}", group.name, metric.spec().name));
        let (unseen, ended) = (of(Metric::EndedUnseen), of(Metric::ServerEnded));
        if is_much(unseen, ended) {
            let stalled = [StalledForMin, StalledForP50, StalledForMax];
            let prefix = format!("{}.", group.name);
            let is_expected = expectations
                .iter()
                .any(|e| stalled.contains(&e.stat.metric) && e.number.strip_prefix(&prefix).is_some());
            let sentence = format!(
                "{unseen} of the {ended} connections of `{}` that the server ended were over before a look at its sockets saw \
                 them: how long they were held without progress is not known. Sample more often (sample_every)",
                group.name
            );
            tell(sentence, is_expected);
        }
    }
    findings
}

fn is_much(lost: f64, all: f64) -> bool {
    lost > all * MOST_LOST
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{profile::Source, record::Eviction};

    fn profile(expect: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"bad\"\ncount = 1\nload = {{ depth = 1, payload = 9, answer = \"8MiB\" }}\n\
             rx = \"stall\"\n[expect]\n{expect}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    fn found(expect: &str, evictions: usize, numbers: &[(&str, f64)]) -> (usize, usize) {
        let trial = Trial { evictions: vec![Eviction::default(); evictions], ..super::super::trial(numbers) };
        let findings = lost(&profile(expect), &trial);
        (findings.invalid.len(), findings.notes.len())
    }

    #[test]
    fn lateness_of_a_list_with_holes_is_none() {
        let late = "eviction_lateness_p99 = \"< 1s\"";
        assert_eq!(found(late, 99, &[("evictions_lost", 1.0)]), (0, 0), "one of a hundred");
        assert_eq!(found(late, 98, &[("evictions_lost", 2.0)]), (1, 0));
        assert_eq!(found(late, 100, &[("evictions_unmatched", 2.0)]), (1, 0));
        assert_eq!(found("evictions = \"> 1\"", 98, &[("evictions_lost", 2.0)]), (0, 1), "nobody asked");
        assert_eq!(found(late, 0, &[("evictions_lost", 7.0)]), (1, 0), "the server did not answer");
    }

    #[test]
    fn the_time_that_was_held_needs_connections_that_were_seen() {
        let held = "\"bad.stalled_for_min\" = \"> 1s\"";
        let numbers = |unseen| [("bad.server_ended", 50.0), ("bad.server_ended_unseen", unseen)];
        assert_eq!(found(held, 0, &numbers(0.0)), (0, 0));
        assert_eq!(found(held, 0, &numbers(1.0)), (1, 0));
        assert_eq!(found("\"bad.server_ended\" = \"= 50\"", 0, &numbers(1.0)), (0, 1));
    }
}
