//! Good clients that were not served at all: beside them nothing was measured.

use crate::{
    metric::{Metric, Stat},
    profile::{Group, Profile},
    record::{Outcome, Point, Trial, Verdict},
};

/// For each group of good clients that got no answer, or no proper one, in a whole trial: that this makes the run
/// INCONCLUSIVE. Of a group of which an expectation says so, or fails, nothing more is said.
#[must_use]
pub fn unserved(profile: &Profile, point: &Point, verdicts: &[Verdict]) -> Vec<Verdict> {
    let good = profile.clients.iter().filter(|group| group.is_steady() && !group.tx.is_idle());
    let unserved = good.filter_map(|group| {
        let why = point.trials.iter().filter(|trial| !trial.cut_short).find_map(|trial| why(trial, group))?;
        let is_expected = verdicts.iter().any(|verdict| speaks_of_it(verdict, &group.name));
        (!is_expected).then(|| verdict(group, &why))
    });
    unserved.collect()
}

/// Why the group was not served in this trial, if it was not: the first half of a sentence.
fn why(trial: &Trial, group: &Group) -> Option<String> {
    let result = trial.groups.iter().find(|result| result.name == group.name)?;
    let (answered, errors) = (result.requests.answered, result.content.errors);
    let in_window = trial.summary.get(&format!("{}.{}", group.name, Metric::Answered.spec().name));
    if answered == 0 || in_window.is_some_and(|count| *count < 0.5) {
        let started = result.requests.started;
        return Some(format!(
            "no request of `{}` was answered in the window ({started} were sent)",
            group.name
        ));
    }
    (errors >= answered).then(|| format!("all {answered} answers to `{}` were errors", group.name))
}

/// Whether an expectation of the group fails, asks for its answers in so many words, or holds because of what became of it
/// instead (it was evicted, refused, left unanswered).
fn speaks_of_it(verdict: &Verdict, group: &str) -> bool {
    let number = crate::record::number_of(&verdict.name);
    let Some((of, name)) = number.rsplit_once('.') else { return false };
    let Some(metric) = Stat::named(name).map(|stat| stat.metric).filter(|_| of == group) else {
        return false;
    };
    let asks_for_answers = matches!(metric, Metric::Answered | Metric::FewestAnswers | Metric::Downloads);
    let says_nothing = matches!(
        metric,
        Metric::Alive | Metric::Opened | Metric::Sent | Metric::Received | Metric::Due | Metric::Offered
    );
    match verdict.outcome {
        Outcome::Fail => true,
        Outcome::Pass => {
            asks_for_answers || (!says_nothing && verdict.measured.is_some_and(|measured| measured > 0.0))
        }
        Outcome::Invalid | Outcome::Inconclusive => false,
    }
}

fn verdict(group: &Group, why: &str) -> Verdict {
    let name = format!("{}.{}", group.name, Metric::Answered.spec().name);
    let reason = format!(
        "{}, and nothing is expected of it: what else was measured was not measured beside good clients. Expect something \
         of `{name}`, or leave the group out.",
        capitalized(why)
    );
    Verdict { reason: Some(reason), ..Verdict::new(name, "> 0 (implied)", Some(0.0), Outcome::Inconclusive) }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
