//! The verdict of each expectation.

mod excuse;

use std::cmp::Ordering;

use indexmap::IndexMap;

use self::excuse::Failure;
use super::{
    MOST_OWN_SHARE, clients_were_late, clients_were_put_off, clients_were_starved, clients_were_the_limit,
    own_share,
};
use crate::{
    metric::{Definite, Kind, Metric},
    profile::{Axes, Condition, Expectation, Group, Known, Profile, Wanted},
    record::{ExpectationResult, Point, Repeat, Verdict, point_at},
    stats,
};

/// What each expectation that the profile writes comes to at the point of this number. Every repeat must meet it; where
/// nothing was measured, here or at the point that is compared with, it is INCONCLUSIVE. A number that no load excuses
/// ([`Definite`]) is FAIL in whatever repeat it is found.
#[must_use]
pub fn judge(profile: &Profile, points: &[Point], index: usize) -> Vec<ExpectationResult> {
    judge_each(&profile.expectations(), profile, points, index)
}

/// The verdicts of these expectations.
pub(super) fn judge_each(
    expectations: &[Expectation],
    profile: &Profile,
    points: &[Point],
    index: usize,
) -> Vec<ExpectationResult> {
    let here = Here { profile, points, point: &points[index] };
    let meant = expectations.iter().filter(|expectation| expectation.is_at(&points[index].axes));
    meant.map(|expectation| here.result(expectation)).collect()
}

/// What an expectation comes to at the point of this number where a repeat has what no load excuses, and FAILs whatever
/// the other repeats say; `None` where none has.
pub(super) fn fault(
    expectation: &Expectation,
    profile: &Profile,
    points: &[Point],
    index: usize,
) -> Option<ExpectationResult> {
    let here = Here { profile, points, point: &points[index] };
    here.fault(expectation).map(|_| here.result(expectation))
}

/// Whether a number misses what is expected on the side that nothing excuses ([`Definite`]): neither load nor how long was
/// measured.
pub(super) fn is_definite(expectation: &Expectation, figure: f64) -> bool {
    let side = match expectation.stat.metric.spec().definite {
        Definite::Never => return false,
        Definite::Above => Ordering::Greater,
        Definite::Below => Ordering::Less,
    };
    expectation.conditions.iter().any(|condition| condition.missed_by(figure) == Some(side))
}

/// The number of that name in every whole repeat of the point; `None` if one of them lacks it. Some may be lower bounds
/// ([`censored_by`]).
#[must_use]
pub fn measured(point: &Point, number: &str) -> Option<Vec<f64>> {
    let values: Option<Vec<f64>> = whole(point).map(|repeat| repeat.summary.get(number).copied()).collect();
    values.filter(|values| !values.is_empty())
}

/// Why the number of that name is a lower bound in one of the repeats of the point, if it is.
#[must_use]
pub fn censored_by<'a>(point: &'a Point, number: &str) -> Option<&'a str> {
    point.repeats.iter().find_map(|repeat| repeat.censored.get(number)).map(String::as_str)
}

fn whole(point: &Point) -> impl Iterator<Item = &Repeat> {
    point.repeats.iter().filter(|repeat| !repeat.cut_short)
}

/// The number of that name in a repeat, as far as it is known, and why it is a lower bound, if it is one.
fn known<'a>(repeat: &'a Repeat, expectation: &Expectation) -> Option<(Known, Option<&'a str>)> {
    let figure = *repeat.summary.get(&expectation.number)?;
    let cause = repeat.censored.get(&expectation.number).map(String::as_str);
    let known = match cause {
        None => Known::Exactly(figure),
        // What never comes is later than any share of the rest.
        Some(_) if matches!(expectation.stat.metric.spec().kind, Kind::Latency(_) | Kind::Download) => {
            Known::Infinite(figure)
        }
        Some(_) => Known::AtLeast(figure),
    };
    Some((known, cause))
}

/// Why a metric is a lower bound if requests were never started.
const SKIPPED: &str = "skipped";

/// A point of a sweep among the others.
struct Here<'a> {
    profile: &'a Profile,
    points: &'a [Point],
    point: &'a Point,
}

/// The number that an expectation is judged by, and why it is a lower bound, if it is one; `None` where none was measured.
type Shown<'a> = Option<(f64, Option<&'a str>)>;

/// The result of a condition in one repeat.
struct Weighed<'a> {
    figure: f64,
    cause: Option<&'a str>,
    /// Whether it holds, if that can be decided.
    holds: Option<bool>,
}

impl<'a> Here<'a> {
    fn result(&self, expectation: &Expectation) -> ExpectationResult {
        let (shown, verdict, reason) = match self.fault(expectation) {
            Some(figure) => (Some((figure, None)), Verdict::Fail, None),
            None => self.verdict(expectation),
        };
        let texts: Vec<&str> = expectation.conditions.iter().map(|c| c.text.as_str()).collect();
        let (measured, cause) = shown.unzip();
        ExpectationResult {
            censored: cause.flatten().map(str::to_owned),
            reason,
            ..ExpectationResult::new(expectation.name.clone(), texts.join(", "), measured, verdict)
        }
    }

    /// A number that breaks the expectation and that no load excuses, in any repeat: also in one that is invalid or was
    /// cut short. The worst of several.
    fn fault(&self, expectation: &Expectation) -> Option<f64> {
        let is_broken =
            |repeat: &&Repeat| inexcusable(repeat, expectation).is_some_and(|f| is_definite(expectation, f));
        let broken = self.point.repeats.iter().filter(is_broken);
        let broken = broken.filter_map(|repeat| repeat.summary.get(&expectation.number).copied());
        let is_below = expectation.stat.metric.spec().definite == Definite::Below;
        broken.reduce(if is_below { f64::min } else { f64::max })
    }

    /// The measured number that is hardest on the expectation, and what it comes to where repeats must be valid; why it
    /// is the clients' own, if it is.
    fn verdict(&self, expectation: &Expectation) -> (Shown<'a>, Verdict, Option<String>) {
        let (shown, verdict) = self.weigh(expectation);
        let is_invalid = |point: &Point| point.repeats.iter().any(|repeat| !repeat.invalid.is_empty());
        // Where others had the cores, of what holds a time proves nothing, and of what fails all that they explain.
        let is_spared = match verdict {
            Verdict::Fail => self.fails_anyhow(expectation),
            _ => !expectation.stat.depends_on_time(),
        };
        let is_disturbed = |point: &Point| point.repeats.iter().any(|repeat| !repeat.disturbed.is_empty());
        let is_doubtful = |point: &Point| is_invalid(point) || (is_disturbed(point) && !is_spared);
        let is_unproven = is_doubtful(self.point) || self.compared_with(expectation).any(is_doubtful);
        let own = self.the_clients_own(expectation, shown, verdict).filter(|_| !is_unproven);
        // What was not measured is not made worse by how it would have been.
        let is_invalid = (is_unproven || own.is_some()) && verdict != Verdict::Inconclusive;
        if is_invalid { (shown, Verdict::Invalid, own) } else { (shown, verdict, None) }
    }

    /// Whether the expectation fails in a repeat that was not disturbed, or by more than other programs explain.
    fn fails_anyhow(&self, expectation: &Expectation) -> bool {
        whole(self.point).any(|repeat| {
            let Some((known, _)) = known(repeat, expectation) else { return false };
            let holds = |condition: &Condition, known| {
                condition.holds(known, |wanted| self.limit(repeat, expectation, wanted))
            };
            let mut failed = expectation.conditions.iter().filter(|c| holds(c, known) == Some(false));
            failed.any(|condition| {
                repeat.disturbed.is_empty()
                    || self.group(expectation).is_some_and(|group| {
                        let (metric, figure) = (expectation.stat.metric, known.figure());
                        let failure = Failure { repeat, group, metric, figure };
                        !failure.is_excused(condition, |figure| holds(condition, Known::Exactly(figure)))
                    })
            })
        })
    }

    /// The group that the expectation is about, if it is about one.
    fn group(&self, expectation: &Expectation) -> Option<&'a Group> {
        let name = expectation.group()?;
        self.profile.clients.iter().find(|group| group.name == name)
    }

    /// The point with the given keys as given, and all others as they are here.
    fn other_point(&self, at: &Axes) -> Option<&'a Point> {
        let mut axes: IndexMap<String, String> = self.point.axes.clone();
        axes.extend(at.iter().cloned());
        point_at(self.points, &axes)
    }

    /// The other points that the expectation compares with.
    fn compared_with(&self, expectation: &Expectation) -> impl Iterator<Item = &'a Point> {
        let alternatives = expectation.conditions.iter().flat_map(|condition| &condition.alternatives);
        alternatives.filter_map(|alternative| match &alternative.wanted {
            Wanted::Share(_, at) => self.other_point(at),
            Wanted::Number(_) | Wanted::Times(..) => None,
        })
    }

    /// What an alternative compares the expectation's number of this repeat with, where that was measured and is known.
    fn limit(&self, repeat: &Repeat, expectation: &Expectation, wanted: &Wanted) -> Option<f64> {
        match wanted {
            Wanted::Number(limit) => Some(*limit),
            Wanted::Times(factor, number) if !repeat.censored.contains_key(number) => {
                repeat.summary.get(number).map(|other| other * factor)
            }
            Wanted::Times(..) => None,
            Wanted::Share(share, at) => {
                let other = self.other_point(at)?;
                let values = measured(other, &expectation.number)?;
                let typical = stats::quantile(&values, 0.5)?;
                censored_by(other, &expectation.number).is_none().then_some(typical * share)
            }
        }
    }

    /// Whether a latency stays below the limits even if all that the load generator may have added to those of other points
    /// is taken from them.
    fn is_below_shortest(&self, expectation: &Expectation, group: &Group) -> bool {
        let shortest = |repeat: &Repeat, wanted: &Wanted| {
            let limit = self.limit(repeat, expectation, wanted)?;
            match wanted {
                Wanted::Number(_) => Some(limit),
                Wanted::Times(..) => None,
                Wanted::Share(_, at) => {
                    let metric = expectation.stat.metric;
                    let own =
                        self.other_point(at)?.repeats.iter().map(|repeat| own_share(repeat, group, metric));
                    Some(limit * (1.0 - own.fold(0.0, f64::max)))
                }
            }
        };
        whole(self.point).all(|repeat| {
            let Some((known, _)) = known(repeat, expectation) else { return false };
            expectation.conditions.iter().all(|condition| {
                condition.bounds_from_above()
                    && condition.holds(known, |wanted| shortest(repeat, wanted)) == Some(true)
            })
        })
    }

    /// The measured number that is hardest on the expectation, and whether all conditions hold in all repeats.
    fn weigh(&self, expectation: &Expectation) -> (Shown<'a>, Verdict) {
        let whole: Vec<&Repeat> = whole(self.point).collect();
        let numbers: Vec<_> =
            whole.iter().filter_map(|repeat| Some((*repeat, known(repeat, expectation)?))).collect();
        if numbers.is_empty() {
            return (None, Verdict::Inconclusive);
        }
        // A repeat that lacks the number cannot hold, and does not hide another that fails.
        let is_complete = numbers.len() == whole.len();
        let (mut shown, mut verdict) =
            (None, if is_complete { Verdict::Pass } else { Verdict::Inconclusive });
        for condition in &expectation.conditions {
            let each = numbers.iter().map(|(repeat, (known, cause))| Weighed {
                figure: known.figure(),
                cause: *cause,
                holds: condition.holds(*known, |wanted| self.limit(repeat, expectation, wanted)),
            });
            let Some(hardest) = hardest(condition, each) else { continue };
            let figure = Some((hardest.figure, hardest.cause));
            match hardest.holds {
                Some(false) if verdict != Verdict::Fail => (shown, verdict) = (figure, Verdict::Fail),
                None if verdict == Verdict::Pass => (shown, verdict) = (figure, Verdict::Inconclusive),
                _ => shown = shown.or(figure),
            }
        }
        (shown, verdict)
    }

    /// Why what came out says more about the clients than about the server, here or at a point that is compared with, if it
    /// does.
    ///
    /// Clients that are too busy make rates smaller and latencies longer than they are: a rate that was reached all the
    /// same was reached, and an open loop's latency that stayed below its limit did, as did any longest wait; one that is
    /// longer than that at another point is longer still if that one is shorter than it seems. Only a closed loop's latency
    /// proves nothing either way, because the load was not what it should have been. A request that was started and never
    /// answered is none of their doing.
    fn the_clients_own(
        &self,
        expectation: &Expectation,
        shown: Shown<'_>,
        verdict: Verdict,
    ) -> Option<String> {
        let group = self.group(expectation)?;
        let cause = shown.and_then(|(_, cause)| cause);
        if cause.is_some_and(|cause| cause != SKIPPED) {
            return None;
        }
        let is_closed = group.load.is_closed_loop();
        let mut conditions = expectation.conditions.iter();
        let metric = expectation.stat.metric;
        let kind = metric.spec().kind;
        let (is_latency, is_wait) = (matches!(kind, Kind::Latency(_)), kind == Kind::Wait);
        let in_spite_of_it = if is_throughput(metric, group) {
            conditions.all(Condition::is_floor)
        } else if is_latency {
            !is_closed && conditions.all(Condition::is_ceiling)
        } else if is_wait {
            conditions.all(Condition::bounds_from_above)
        } else {
            return None;
        };
        if in_spite_of_it && verdict == Verdict::Pass {
            return None;
        }
        let limited = match is_closed {
            _ if is_wait => clients_were_starved,
            true => clients_were_the_limit,
            false => clients_were_late,
        };
        let is_longer_all_the_more = verdict == Verdict::Pass
            && is_latency
            && !is_closed
            && expectation.conditions.iter().all(Condition::bounds_from_below);
        let others = self.compared_with(expectation).filter(|_| !is_longer_all_the_more);
        let repeats: Vec<&Repeat> = others.chain([self.point]).flat_map(|point| &point.repeats).collect();
        let is_put_off = |repeat: &Repeat| !is_wait && clients_were_put_off(repeat, &group.name);
        if repeats.iter().any(|repeat| limited(repeat) || is_put_off(repeat)) {
            return Some("The load generator was the limit, not the server".to_owned());
        }
        // A latency that the load generator made up itself is as little the server's.
        if verdict == Verdict::Pass && is_latency && !is_closed && self.is_below_shortest(expectation, group)
        {
            return None;
        }
        let own = repeats.iter().map(|repeat| own_share(repeat, group, metric)).fold(0.0, f64::max);
        (own > MOST_OWN_SHARE).then(|| {
            format!(
                "{:.0} % of a latency of `{}` was caused by the load generator, not by the server: it started \
                 requests late, or was stalled while answers arrived",
                own * 100.0,
                group.name
            )
        })
    }
}

/// The repeat that is hardest on the condition: one that fails it, then one that is undecided, then one that meets it.
fn hardest<'a>(condition: &Condition, repeats: impl Iterator<Item = Weighed<'a>>) -> Option<Weighed<'a>> {
    let rank = |holds| match holds {
        Some(false) => 2,
        None => 1,
        Some(true) => 0,
    };
    let is_harder = |a: &Weighed<'_>, b: &Weighed<'_>| {
        rank(a.holds).cmp(&rank(b.holds)).then(condition.harder(a.figure, b.figure)).is_gt()
    };
    repeats.reduce(|hardest, next| if is_harder(&next, &hardest) { next } else { hardest })
}

/// The number of that name in a repeat, as far as no load excuses it: an answer that says that the server was
/// overloaded is an error that a busy machine makes.
fn inexcusable(repeat: &Repeat, expectation: &Expectation) -> Option<f64> {
    let figure = *repeat.summary.get(&expectation.number)?;
    let metric = expectation.stat.metric;
    if !matches!(metric, Metric::Errors | Metric::ErrorsShare) {
        return Some(figure);
    }
    let result = repeat.group(expectation.group()?);
    let [overloaded, errors] = result
        .map_or([0.0; 2], |result| [result.content.overloaded, result.content.errors].map(|n| n as f64));
    let excused = if metric == Metric::Errors { overloaded } else { figure * overloaded / errors.max(1.0) };
    Some(figure - excused)
}

fn is_throughput(metric: Metric, group: &Group) -> bool {
    let paced_by_behavior = !group.is_steady();
    match metric {
        Metric::Answered => true,
        Metric::Received | Metric::Sent => !paced_by_behavior,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
