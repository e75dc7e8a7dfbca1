//! Errors and unanswered requests, because of which a run is neither kept as a baseline nor passes against one.

use crate::{
    metric::{Key, Metric, Stat},
    profile::{Group, Profile},
    record::{ExpectationResult, Point, Record, Repeat, Requests, Verdict, named_at},
};

/// Why a run is none to compare with, a sentence for each reason: an expectation that failed, wrong bytes, and of its groups
/// that behave well requests that were lost, unanswered or answered with an error, and connections that got no answer. What
/// the profile expects something of is its question, and is judged by that.
#[must_use]
pub fn unfit(record: &Record) -> Vec<String> {
    record.points.iter().flat_map(|point| unfit_at(&record.profile, point)).collect()
}

fn unfit_at(profile: &Profile, point: &Point) -> Vec<String> {
    let failed = point.verdicts.iter().filter(|result| result.verdict == Verdict::Fail);
    let mut all: Vec<String> =
        failed.map(|verdict| format!("`{} {}` failed", verdict.name, verdict.condition)).collect();
    let corrupt = Metric::CorruptBytes.spec().name;
    let wrong: f64 = point.values(corrupt).iter().sum();
    if wrong > 0.0 && !is_expected(&point.verdicts, corrupt) {
        all.push(format!("{wrong} bytes were wrong"));
    }
    for (index, group) in profile.clients.iter().enumerate().filter(|(_, group)| group.is_steady()) {
        all.extend(unfit_group(point, index, group));
    }
    all.into_iter().map(|reason| named_at(&reason, &point.axes)).collect()
}

fn unfit_group(point: &Point, index: usize, group: &Group) -> Vec<String> {
    let name = |metric: Metric| Key::new(Some(&group.name), Stat::once(metric)).to_string();
    let requests = |of: fn(Requests) -> u64| {
        move |repeat: &Repeat| repeat.groups.get(index).map(|group| of(group.requests) as f64)
    };
    let summed = |metric| {
        let number = name(metric);
        move |repeat: &Repeat| repeat.summary.get(&number).copied()
    };
    let none_at_all = |repeat: &Repeat| {
        let requests = repeat.groups.get(index)?.requests;
        Some(f64::from(requests.answered == 0))
    };
    // Who closes a connection whatever is under way on it loses that by intent.
    let loses = group.lifetime.is_some() || group.stop.is_some();
    let asks = group.load.depth.is_some() || group.load.rate.is_some();
    let in_group = |what: &str| format!("{what} in `{}`", group.name);
    let any = |metric: Metric, what: &str| counted(point, &summed(metric), &in_group(what));
    let found: [(Metric, Metric, Option<String>); 9] = [
        (Metric::Errors, Metric::ErrorsShare, any(Metric::Errors, "errors")),
        (
            Metric::Unanswered,
            Metric::UnansweredShare,
            counted(point, &requests(|requests| requests.unanswered), &in_group("requests unanswered")),
        ),
        (
            Metric::Lost,
            Metric::LostShare,
            counted(point, &requests(|requests| requests.lost), &in_group("requests lost"))
                .filter(|_| !loses),
        ),
        (Metric::Skipped, Metric::SkippedShare, any(Metric::Skipped, "requests never started")),
        (Metric::Refused, Metric::EndedShare, any(Metric::Refused, "connections refused")),
        (Metric::TimedOut, Metric::EndedShare, any(Metric::TimedOut, "connections not established in time")),
        (Metric::Evicted, Metric::EndedShare, any(Metric::Evicted, "connections evicted")),
        (
            Metric::SilentConnections,
            Metric::SilentShare,
            any(Metric::SilentConnections, "connections without an answer"),
        ),
        (
            Metric::Answered,
            Metric::Answered,
            counted(point, &none_at_all, "").filter(|_| asks).map(|_| in_group("no answer at all")),
        ),
    ];
    let is_expected = |metric| is_expected(&point.verdicts, &name(metric));
    let unasked = found.into_iter().filter(|(count, share, _)| !is_expected(*count) && !is_expected(*share));
    unasked.filter_map(|(.., reason)| reason).collect()
}

/// Whether the profile expects something of the number, and that holds.
fn is_expected(verdicts: &[ExpectationResult], number: &str) -> bool {
    let is_met = |result: &&ExpectationResult| result.verdict == Verdict::Pass;
    verdicts
        .iter()
        .filter(is_met)
        .any(|verdict| Key::parse(&verdict.name).is_some_and(|key| key.to_string() == number))
}

/// How many there were in all, and in how many repeats, if there were any. A repeat that proves nothing shows only
/// whether bytes were wrong: the machine may have caused everything else.
fn counted(point: &Point, of: &dyn Fn(&Repeat) -> Option<f64>, words: &str) -> Option<String> {
    let repeats = point.repeats.iter().filter(|repeat| repeat.is_sound());
    let counts: Vec<f64> = repeats.filter_map(of).filter(|count| *count > 0.0).collect();
    let (all, total) = (counts.len(), counts.iter().sum::<f64>());
    (all > 0).then(|| format!("{total} {words} in {all} of {} repeats", point.repeats.len()))
}
