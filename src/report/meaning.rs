//! What the verdict of a run means, in a sentence.

use super::{capacity, soak};
use crate::record::{ExpectationResult, Record, Verdict};

/// What the verdict of a run means, in a sentence.
#[must_use]
pub fn meaning(record: &Record) -> String {
    if let Some(found) = &record.capacity {
        return format!("{}.", capacity::sentence(found));
    }
    let Some(found) = &record.soak else { return of_run(record) };
    let text = soak::sentence(found);
    let fails_anyway =
        record.died().is_some() || record.verdicts().any(|result| result.verdict == Verdict::Fail);
    if record.verdict() == found.verdict() && !fails_anyway {
        return text;
    }
    format!("{text} {}", of_run(record))
}

/// What the expectations and the validity of a run come to.
fn of_run(record: &Record) -> String {
    let total = record.verdicts().count();
    let with = |verdict| record.verdicts().filter(move |result| result.verdict == verdict);
    match record.verdict() {
        Verdict::Pass if total == 0 => {
            "The profile has no expectations, so the figures have no verdict.".to_owned()
        }
        Verdict::Pass if record.verdicts().all(ExpectationResult::is_implied) => {
            "No answer was wrong. There are no other expectations, so the figures have no verdict.".to_owned()
        }
        Verdict::Pass => {
            let held = "All expectations met in every repeat.".to_owned();
            let doubt = record
                .doubt()
                .map(|why| format!(" Times and rates are not valid: {}.", why.trim_end_matches('.')));
            held + &doubt.unwrap_or_default()
        }
        Verdict::Regression | Verdict::Fail => {
            let died = record.died().map(|how| format!("Under load, {}.", how.trim_end_matches('.')));
            let failed = with(Verdict::Fail).next().map(|first| {
                let failed = with(Verdict::Fail).count();
                let (name, condition, fact) = (&first.name, &first.condition, first.fact());
                let were = if failed == 1 { "was" } else { "were" };
                format!(
                    "{failed} of {total} expectations {were} not met; the first: {name} {condition}, {fact}."
                )
            });
            let invalid = record.doubt().map(|why| {
                format!(
                    "High load does not excuse this. Times and rates are not valid: {}.",
                    why.trim_end_matches('.')
                )
            });
            // The last output of the server has lines of its own.
            let gap = if died.as_ref().is_some_and(|died| died.contains('\n')) { "\n" } else { " " };
            let rest = [failed, invalid].into_iter().flatten().collect::<Vec<_>>().join(" ");
            match died {
                Some(died) if rest.is_empty() => died,
                Some(died) => format!("{died}{gap}{rest}"),
                None => rest,
            }
        }
        Verdict::Invalid => invalid(record, with(Verdict::Invalid).next()),
        Verdict::Inconclusive if record.interrupted => {
            "The run was interrupted; these figures were measured before.".to_owned()
        }
        Verdict::Inconclusive if with(Verdict::Inconclusive).next().is_none() && record.is_unproven() => {
            let why = record.repeats().find_map(|t| t.unproven.first());
            format!("The fault had no effect: {}.", why.map_or("", |why| why.trim_end_matches('.')))
        }
        Verdict::Inconclusive => match with(Verdict::Inconclusive).next() {
            Some(ExpectationResult { reason: Some(reason), .. }) => reason.clone(),
            Some(first) => {
                format!("Not measured: {} {} could not be checked.", first.name, first.condition)
            }
            None => "Nothing was measured.".to_owned(),
        },
    }
}

/// Why nothing is proven; `first` is the first expectation of which that is so.
fn invalid(record: &Record, first: Option<&ExpectationResult>) -> String {
    match (record.doubt(), first) {
        (None, Some(first)) => format!(
            "{}: {} {} has no verdict. Give the load generator more or faster cores, use an open loop (rate), or \
             expect counts and CPU time instead.",
            first.reason.as_deref().unwrap_or("The load generator was the limit, not the server"),
            first.name,
            first.condition
        ),
        (why, _) => {
            let why = why.unwrap_or("the load generator was the limit");
            let mut repeats = record.repeats();
            let is_all = repeats.any(|repeat| !repeat.invalid.is_empty());
            let what = if is_all { "Not valid" } else { "Times, rates and costs are not valid" };
            format!("{what}: {}.", why.trim_end_matches('.'))
        }
    }
}
