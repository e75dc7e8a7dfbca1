//! Groups of good clients that were not served, which makes a run inconclusive.

use crate::{
    metric::{Key, Metric, Stat},
    profile::{Group, Profile},
    record::{ExpectationResult, Point, Repeat, Verdict},
    units::human_time,
};

/// Share of a group's time in the window in which none of its clients got an answer, beyond which most other figures were not
/// measured beside good clients that were served.
pub const MOST_SILENT: f64 = 0.5;

/// What a machine that is busy for a moment may add to a silence, in nanoseconds: in a short window it is no server that fell
/// silent.
const LEAST_SILENCE_NS: f64 = 250e6;

/// For each group of good clients that got no answer, or no proper one, in a whole repeat: that this makes the run
/// INCONCLUSIVE. Of a group of which an expectation says so, or fails, nothing more is said.
#[must_use]
pub fn unserved(profile: &Profile, point: &Point, verdicts: &[ExpectationResult]) -> Vec<ExpectationResult> {
    let good = profile.clients.iter().filter(|group| group.is_good());
    let unserved = good.filter_map(|group| {
        let why =
            point.repeats.iter().filter(|repeat| !repeat.cut_short).find_map(|repeat| why(repeat, group))?;
        let is_expected = verdicts.iter().any(|result| speaks_of_it(result, &group.name));
        (!is_expected).then(|| verdict(group, &why))
    });
    unserved.collect()
}

/// For each group of good clients that got no more answers for more than [`MOST_SILENT`] of its time in the window of a
/// whole repeat, and for more than twice as long as its answers took: the latencies show nothing of that if a closed
/// loop gets no more answers. It makes the run INCONCLUSIVE, unless an expectation covers it or fails.
#[must_use]
pub fn ran_dry(profile: &Profile, point: &Point, verdicts: &[ExpectationResult]) -> Vec<ExpectationResult> {
    let good = profile.clients.iter().filter(|group| group.is_good());
    let dry = good.filter_map(|group| {
        let whole = point.repeats.iter().filter(|repeat| !repeat.cut_short);
        let silent = whole.filter_map(|repeat| silence(repeat, group, profile));
        let (silent_ns, time_ns) = silent.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let is_expected = verdicts.iter().any(|result| speaks_of_silence(result, &group.name, silent_ns));
        (!is_expected).then(|| dry_verdict(group, silent_ns, time_ns))
    });
    dry.collect()
}

/// For how long the whole group got no answer, and its time in the window, in nanoseconds, where that is too much of it.
fn silence(repeat: &Repeat, group: &Group, profile: &Profile) -> Option<(f64, f64)> {
    let silent_ns = *repeat.summary.get(&number(group, Metric::LongestSilence))?;
    let late_ns = group.start.0.saturating_sub(profile.warmup.0).as_nanos() as f64;
    let end = profile.duration();
    let early_ns = group.stop.map_or(0.0, |stop| end.saturating_sub(stop.0).as_nanos() as f64);
    let time_ns = repeat.measured_ns() as f64 - late_ns - early_ns;
    // A server that takes so long for each answer is slow, and not silent.
    let usual_ns = repeat.summary.get(&number(group, Metric::ServiceP99)).copied().unwrap_or(0.0);
    let least_ns = (time_ns * MOST_SILENT).max(LEAST_SILENCE_NS).max(usual_ns * 2.0);
    let is_too_much = time_ns > 0.0 && silent_ns > least_ns;
    is_too_much.then_some((silent_ns, time_ns))
}

/// Whether an expectation of the group fails, asks for so many answers, or holds because of that silence or of what it came
/// from.
fn speaks_of_silence(result: &ExpectationResult, group: &str, silent_ns: f64) -> bool {
    use Metric::{
        Answered, ClosedAsAnnounced, ClosedIdle, Downloads, EndedShare, Evicted, EvictedFin, EvictedReset,
        FewestAnswers, LongestSilence, LongestWait, Lost, LostShare, Refused, ServerEnded, SilentConnections,
        SilentShare, Skipped, SkippedShare, TimedOut, Unanswered, UnansweredAge, UnansweredShare, Uploads,
    };
    let Some(metric) = metric_of(result, group) else { return false };
    if is_of_a_phase(&result.name) {
        return result.verdict == Verdict::Fail;
    }
    let measured = result.measured.unwrap_or(0.0);
    let holds = match metric {
        Answered | FewestAnswers | Downloads | Uploads | LongestSilence => true,
        LongestWait | UnansweredAge => measured >= silent_ns,
        Unanswered | UnansweredShare | SilentConnections | SilentShare | Lost | LostShare | Skipped
        | SkippedShare | Evicted | EvictedFin | EvictedReset | EndedShare | ServerEnded | Refused
        | TimedOut | ClosedAsAnnounced | ClosedIdle => measured > 0.0,
        _ => false,
    };
    result.verdict == Verdict::Fail || (result.verdict == Verdict::Pass && holds)
}

/// Why the group was not served in this repeat, if it was not: the first half of a sentence.
fn why(repeat: &Repeat, group: &Group) -> Option<String> {
    let result = repeat.group(&group.name)?;
    let (answered, errors) = (result.requests.answered, result.content.errors);
    let in_window = repeat.summary.get(&number(group, Metric::Answered));
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
fn speaks_of_it(result: &ExpectationResult, group: &str) -> bool {
    let Some(metric) = metric_of(result, group) else { return false };
    if is_of_a_phase(&result.name) {
        return result.verdict == Verdict::Fail;
    }
    let asks_for_answers =
        matches!(metric, Metric::Answered | Metric::FewestAnswers | Metric::Downloads | Metric::Uploads);
    let says_nothing = matches!(
        metric,
        Metric::Alive
            | Metric::Opened
            | Metric::Sent
            | Metric::Received
            | Metric::ReadPace
            | Metric::Due
            | Metric::Offered
    );
    match result.verdict {
        Verdict::Regression | Verdict::Fail => true,
        Verdict::Pass => {
            asks_for_answers || (!says_nothing && result.measured.is_some_and(|measured| measured > 0.0))
        }
        Verdict::Invalid | Verdict::Inconclusive => false,
    }
}

/// Whether an expectation is of a phase of the window: that it holds says nothing of the others.
fn is_of_a_phase(name: &str) -> bool {
    Key::parse(name).is_some_and(|key| key.phase.is_some())
}

/// What the verdict is about, if it is about this group.
fn metric_of(result: &ExpectationResult, group: &str) -> Option<Metric> {
    Key::parse(&result.name).filter(|key| key.group == Some(group)).map(|key| key.stat.metric)
}

fn number(group: &Group, metric: Metric) -> String {
    Key::new(Some(&group.name), Stat::once(metric)).to_string()
}

fn dry_verdict(group: &Group, silent_ns: f64, time_ns: f64) -> ExpectationResult {
    let name = number(group, Metric::LongestSilence);
    let reason = format!(
        "`{}` got no answer for {} of the {} in which it had open requests, and no expectation covers this: the \
         latencies are only those of the answers that arrived, and most of the other figures were not measured beside \
         good clients that were served. Add an expectation for `{name}`, or remove the group.",
        group.name,
        human_time(silent_ns),
        human_time(time_ns),
    );
    let condition = format!("<= {:.0} % of its time (implied)", MOST_SILENT * 100.0);
    ExpectationResult {
        reason: Some(reason),
        ..ExpectationResult::new(name, condition, Some(silent_ns), Verdict::Inconclusive)
    }
}

fn verdict(group: &Group, why: &str) -> ExpectationResult {
    let name = number(group, Metric::Answered);
    let reason = format!(
        "{}, and no expectation covers this: the other figures were not measured beside good clients that were \
         served. Add an expectation for `{name}`, or remove the group.",
        capitalized(why)
    );
    ExpectationResult {
        reason: Some(reason),
        ..ExpectationResult::new(name, "> 0 (implied)", Some(0.0), Verdict::Inconclusive)
    }
}

fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
