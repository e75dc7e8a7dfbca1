//! A search for how much a server holds: one repeat after another, each with a fresh server at the level that comes next.

use std::time::{Duration, Instant};

use super::{
    Interrupt, Observer, RunError, cores::Cores, divided::run_repeat, drive::RepeatEnd, request::Request,
};
use crate::{
    capacity::{Next, Plan, borders, finding, is_count_of, most_repeats, next},
    gate,
    profile::{Axes, Group, Profile, Target},
    record::{
        Border, Bracket, Capacity, ExpectationResult, Finding, Level, LevelUnit, Point, Record, Repeat,
        SearchEnd, Verdict,
    },
};

/// What an attached server means for a search.
const ATTACHED: &str = "the server is attached, so badpeer cannot start it again: it is the same process at every level, and \
                        what one level leaves behind is there at the next";

/// What is searched for.
pub struct Search<'a> {
    /// The profile at the first level, its files, and the command line.
    pub request: &'a Request,
    /// The key that is set to each level.
    pub of: &'a str,
    /// What the levels are.
    pub unit: LevelUnit,
    /// Which levels are measured.
    pub plan: Plan,
    /// The time that the search may take, if it is limited.
    pub budget: Option<Duration>,
    /// The profile at a level, or why there is none.
    pub at: &'a dyn Fn(u64) -> Result<Profile, String>,
}

/// Runs the search. The record holds what was measured, also when it is cut short by the interrupt or by an error: its
/// points are the levels, from the lowest to the highest.
pub fn search(
    search: &Search<'_>,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> (Record, Result<(), RunError>) {
    let mut record = search.request.record();
    record.capacity = Some(Capacity {
        of: search.of.to_owned(),
        unit: search.unit,
        from: search.plan.from,
        to: search.plan.to,
        precision: search.plan.precision,
        confirmations: search.plan.confirmations,
        levels: Vec::new(),
        bracket: Bracket::default(),
        end: None,
        remarks: search.remarks(),
    });
    let result = measure(search, &mut record, interrupt, observer);
    record.interrupted |= result.is_err();
    (record, result)
}

/// Measures level after level, until the search ends.
fn measure(
    search: &Search<'_>,
    record: &mut Record,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let cores = Cores::split();
    let _confined = cores.confine_load_generator();
    let (began, most) = (Instant::now(), most_repeats(&search.plan));
    for number in 1.. {
        let levels = record.capacity.as_ref().map_or(&[][..], |capacity| &capacity.levels);
        let value = match search.next(levels, began.elapsed(), number - 1) {
            Next::Measure(value) => value,
            Next::End(end) => {
                record.capacity.iter_mut().for_each(|capacity| capacity.end = Some(end));
                break;
            }
        };
        let path = || search.of.split('.').map(str::to_owned).collect();
        let profile = (search.at)(value).map_err(|message| RunError::Impossible { path: path(), message })?;
        let axes: Axes = vec![(search.of.to_owned(), search.unit.text(value))];
        observer.repeat(number, most.max(number), &axes, &profile);
        if interrupt.requested() {
            record.interrupted = true;
            break;
        }
        let seed = profile.seed.wrapping_add(number as u64 - 1);
        let (repeat, end) = run_repeat(search.request, &profile, number, seed, &cores, interrupt, observer)?;
        record.interrupted = end == RepeatEnd::Interrupted;
        add(record, &profile, value, axes, repeat);
        observer.repeat_done(record);
        if record.interrupted {
            break;
        }
    }
    Ok(())
}

impl Search<'_> {
    /// What a reader should know of it, whatever it finds.
    fn remarks(&self) -> Vec<String> {
        let attached = matches!(self.request.profile.server, Target::Attached { .. });
        attached.then(|| ATTACHED.to_owned()).into_iter().chain(self.shared_rate()).collect()
    }

    /// That more clients ask for no more, where a rate is for all of a group together and the same at both ends.
    fn shared_rate(&self) -> Option<String> {
        let [(_, first), .., (_, last)] = &self.request.points[..] else { return None };
        let is_searched = |group: &&Group| is_count_of(self.of, &group.name);
        let mut both = first.clients.iter().zip(&last.clients).filter(|(group, _)| is_searched(group));
        both.find_map(|(group, at_last)| {
            let rate = group.load.rate.as_ref().filter(|rate| at_last.load.rate.as_ref() == Some(rate))?;
            Some(format!(
                "the rate of `{}` ({rate}) is that of all its clients together and the same at every level, so more of them \
                 ask for no more: use a closed loop (depth) if each of them is to ask for something",
                group.name
            ))
        })
    }

    /// What comes next after these levels, so long after the start and after so many repeats. New levels are measured as
    /// long as enough time is left to confirm both ends.
    fn next(&self, levels: &[Level], elapsed: Duration, repeats: usize) -> Next {
        let Some(budget) = self.budget else { return next(&self.plan, levels, true) };
        if repeats > 0 && elapsed >= budget {
            return match next(&self.plan, levels, false) {
                Next::Measure(_) => Next::End(SearchEnd::Inconclusive),
                end @ Next::End(_) => end,
            };
        }
        let each = elapsed / (repeats.max(1) as u32);
        let confirming = each * 2 * (self.plan.confirmations - 1);
        next(&self.plan, levels, repeats == 0 || elapsed + confirming + each < budget)
    }
}

/// Adds a repeat to its level, judges it, and says where the bracket is now.
fn add(record: &mut Record, profile: &Profile, value: u64, axes: Axes, repeat: Repeat) {
    let Some(capacity) = &mut record.capacity else { return };
    let place = match capacity.levels.binary_search_by_key(&value, |level| level.value) {
        Ok(place) => place,
        Err(place) => {
            let text = capacity.unit.text(value);
            capacity.levels.insert(place, Level { value, text, repeats: Vec::new() });
            let axes = axes.into_iter().collect();
            record.points.insert(place, Point { axes, repeats: Vec::new(), verdicts: Vec::new() });
            place
        }
    };
    let alone =
        Point { axes: record.points[place].axes.clone(), repeats: vec![repeat], verdicts: Vec::new() };
    let verdicts = gate::verdicts(profile, std::slice::from_ref(&alone), 0, None);
    let found = finding(profile, &capacity.of, &alone.repeats[0], &verdicts);
    capacity.levels[place].repeats.push(found);
    record.points[place].repeats.extend(alone.repeats);
    record.points[place].verdicts = verdicts_on(profile, &record.points[place], &capacity.levels[place]);
    capacity.bracket = bracket(&capacity.levels, &record.points);
}

/// The verdicts on a level by its conclusive repeats, or by all if none is.
fn verdicts_on(profile: &Profile, point: &Point, level: &Level) -> Vec<ExpectationResult> {
    let is_known = |place: usize| level.repeats[place].finding != Finding::Inconclusive;
    let known: Vec<Repeat> = point
        .repeats
        .iter()
        .enumerate()
        .filter(|(place, _)| is_known(*place))
        .map(|(_, one)| one.clone())
        .collect();
    let repeats = if known.is_empty() { point.repeats.clone() } else { known };
    let point = Point { axes: point.axes.clone(), repeats, verdicts: Vec::new() };
    gate::verdicts(profile, &[point], 0, None)
}

fn bracket(levels: &[Level], points: &[Point]) -> Bracket {
    let (holds, fails) = borders(levels);
    let of = |level: &Level| {
        let place = levels.iter().position(|other| other.value == level.value);
        place.map_or(&[][..], |place| &points[place].verdicts)
    };
    let failing = fails.map_or(&[][..], of).iter().filter(|result| result.verdict == Verdict::Fail);
    let names: Vec<&str> = failing.map(|result| result.name.as_str()).collect();
    let border = |level: &Level| {
        let figures = of(level).iter().filter(|result| {
            if names.is_empty() { !result.is_implied() } else { names.contains(&result.name.as_str()) }
        });
        let (text, repeats) = (level.text.clone(), level.conclusive());
        Border { value: level.value, text, repeats, figures: figures.cloned().collect() }
    };
    Bracket { holds: holds.map(border), fails: fails.map(border) }
}
