//! Which level is measured next: up by factors of two until one fails, then between the highest that holds and the lowest
//! that fails, then both of them again until enough repeats agree.
//!
//! The search looks at one level beyond the first that fails, so that a server that fails at 320 and holds at 640 is found
//! out. A level that holds in some repeats and fails in others lies within the bracket. A level that stays inconclusive is
//! neither, and others are measured around it.

use crate::record::{Finding, Level, SearchEnd};

/// An inconclusive repeat is made again so many times at one level.
const MOST_RETRIES: u32 = 2;

/// On the way up, so many inconclusive levels in a row end the search: more load makes them no better.
const MOST_INCONCLUSIVE: u32 = 2;

/// So many levels within the bracket that are mixed or inconclusive end it: further ones tell no more.
const MOST_UNCLEAR: usize = 4;

/// What is searched, in whole numbers of the level's unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// The first level, at least 1.
    pub from: u64,
    /// The largest level, at least `from`.
    pub to: u64,
    /// The width of the bracket that is narrow enough, as a share of its lower end; above 0.
    pub precision: f64,
    /// Repeats that must agree at each end of the bracket, at least 1.
    pub confirmations: u32,
    /// Whether levels are round numbers of powers of two, as sizes are; else of powers of ten.
    pub is_binary: bool,
}

/// What the search does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Measure one repeat at this level.
    Measure(u64),
    /// Nothing more.
    End(SearchEnd),
}

/// The next level to measure after these levels, in order of their values. Without `may_widen` no new level is measured;
/// the ends of the bracket are confirmed as they are.
#[must_use]
pub fn next(plan: &Plan, levels: &[Level], may_widen: bool) -> Next {
    if let Some(value) = climb(plan, levels).filter(|_| may_widen) {
        return Next::Measure(value);
    }
    match borders(levels) {
        (Some(holds), Some(fails)) => {
            let between = between(plan, levels, holds, fails).filter(|_| may_widen);
            between.map_or_else(|| confirm_both(plan, levels, holds, fails), Next::Measure)
        }
        (None, Some(fails)) => match confirm(plan, fails) {
            Some(value) => Next::Measure(value),
            None if fails.value == plan.from && is_confirmed(plan, fails) => Next::End(SearchEnd::FirstFails),
            None => Next::End(SearchEnd::Inconclusive),
        },
        (Some(holds), None) => match confirm(plan, holds) {
            Some(value) => Next::Measure(value),
            None if holds.value == plan.to && is_confirmed(plan, holds) => Next::End(SearchEnd::NoFailure),
            None => Next::End(SearchEnd::Inconclusive),
        },
        (None, None) => Next::End(SearchEnd::Inconclusive),
    }
}

/// The ends of the bracket: the highest level that holds below all that do not, and the lowest that fails.
#[must_use]
pub fn borders(levels: &[Level]) -> (Option<&Level>, Option<&Level>) {
    let does_not = |level: &&Level| matches!(level.finding(), Finding::Fails | Finding::Mixed);
    let first = levels.iter().find(does_not).map_or(u64::MAX, |level| level.value);
    let holds = levels.iter().rfind(|level| level.value < first && level.finding() == Finding::Holds);
    (holds, levels.iter().find(|level| level.finding() == Finding::Fails))
}

/// About how many repeats the search needs at most if every repeat is conclusive and a larger level never holds where a
/// smaller one fails: the most of a sample of capacities near the upper end.
#[must_use]
pub fn most_repeats(plan: &Plan) -> usize {
    const SAMPLED: u64 = 64;
    let highest = plan.to.saturating_sub(1).max(plan.from);
    let lowest = (plan.to / 4).clamp(plan.from, highest);
    let step = ((highest - lowest) / SAMPLED).max(1);
    let near_the_end = (lowest..=highest).step_by(usize::try_from(step).unwrap_or(usize::MAX));
    near_the_end
        .chain([plan.from - 1, plan.to])
        .map(|capacity| repeats_with(plan, capacity))
        .max()
        .unwrap_or(0)
}

/// Repeats that the search needs if all levels up to the capacity hold.
fn repeats_with(plan: &Plan, capacity: u64) -> usize {
    let mut levels: Vec<Level> = Vec::new();
    let mut repeats = 0;
    while let Next::Measure(value) = next(plan, &levels, true) {
        repeats += 1;
        let finding = if value <= capacity { Finding::Holds } else { Finding::Fails };
        note(&mut levels, value, finding);
    }
    repeats
}

/// Notes what a repeat at a level came to.
pub(super) fn note(levels: &mut Vec<Level>, value: u64, finding: Finding) {
    let repeat = crate::record::LevelRepeat { finding, reason: None };
    match levels.binary_search_by_key(&value, |level| level.value) {
        Ok(place) => levels[place].repeats.push(repeat),
        Err(place) => levels.insert(place, Level { value, text: value.to_string(), repeats: vec![repeat] }),
    }
}

/// The levels of the way up.
fn ladder(plan: &Plan) -> impl Iterator<Item = u64> {
    let to = plan.to;
    std::iter::successors(Some(plan.from), move |level| {
        (*level < to).then(|| level.saturating_mul(2).min(to))
    })
}

/// The next level on the way up, until one fails, and one beyond it.
fn climb(plan: &Plan, levels: &[Level]) -> Option<u64> {
    let (mut in_a_row, mut has_failed) = (0, false);
    for value in ladder(plan) {
        let Some(level) = levels.iter().find(|level| level.value == value) else { return Some(value) };
        if wants(level, 1) {
            return Some(value);
        }
        if has_failed {
            return None;
        }
        match level.finding() {
            Finding::Holds | Finding::Mixed => in_a_row = 0,
            Finding::Inconclusive => in_a_row += 1,
            Finding::Fails => has_failed = true,
        }
        if in_a_row == MOST_INCONCLUSIVE {
            return None;
        }
    }
    None
}

/// A level between the ends of the bracket that is to be measured, unless they are near enough.
fn between(plan: &Plan, levels: &[Level], holds: &Level, fails: &Level) -> Option<u64> {
    let inside: Vec<&Level> =
        levels.iter().filter(|level| (holds.value + 1..fails.value).contains(&level.value)).collect();
    if let Some(again) = inside.iter().find(|level| wants(level, 1)) {
        return Some(again.value);
    }
    if inside.len() >= MOST_UNCLEAR {
        return None;
    }
    let values: Vec<u64> = inside.iter().map(|level| level.value).collect();
    let edges = [&[holds.value][..], &values, &[fails.value]].concat();
    let widest = edges.windows(2).map(|pair| (pair[0], pair[1])).max_by_key(|(low, high)| high - low)?;
    (!is_narrow(plan, holds, widest.1 - widest.0)).then(|| middle(widest.0, widest.1, plan.is_binary))
}

/// Whether a distance above the level that holds is no wider than asked for; levels are whole numbers.
fn is_narrow(plan: &Plan, holds: &Level, width: u64) -> bool {
    width <= 1 || width as f64 <= plan.precision * holds.value as f64
}

/// A round number in the middle half, if there is one: with two digits, or three; or a few times a power of two.
fn middle(low: u64, high: u64, is_binary: bool) -> u64 {
    let half = low + (high - low) / 2;
    let quarter = (high - low) / 4;
    let units = [2, 3].map(|digits: u32| {
        if is_binary {
            1 << half.max(1).ilog2().saturating_sub(2 * digits - 1)
        } else {
            10_u64.saturating_pow(half.max(1).ilog10().saturating_sub(digits - 1))
        }
    });
    let rounded = units.into_iter().map(|unit| (half + unit / 2) / unit * unit);
    let mut near = rounded.filter(|value| quarter > 0 && (low + quarter..=high - quarter).contains(value));
    near.next().unwrap_or(half)
}

fn confirm_both(plan: &Plan, levels: &[Level], holds: &Level, fails: &Level) -> Next {
    if let Some(value) = confirm(plan, holds).or_else(|| confirm(plan, fails)) {
        return Next::Measure(value);
    }
    let inside = || levels.iter().filter(|level| (holds.value + 1..fails.value).contains(&level.value));
    let is_unknown = inside().any(|level| level.finding() == Finding::Inconclusive);
    let is_mixed = inside().any(|level| level.finding() == Finding::Mixed);
    let is_wide = !is_narrow(plan, holds, fails.value - holds.value);
    Next::End(if !is_confirmed(plan, holds) || !is_confirmed(plan, fails) || (is_wide && is_unknown) {
        SearchEnd::Inconclusive
    } else if is_wide && !is_mixed {
        SearchEnd::OutOfTime
    } else {
        SearchEnd::Narrow
    })
}

/// The level, if more repeats must agree on it.
fn confirm(plan: &Plan, level: &Level) -> Option<u64> {
    wants(level, plan.confirmations).then_some(level.value)
}

fn is_confirmed(plan: &Plan, level: &Level) -> bool {
    level.conclusive() >= plan.confirmations
}

/// Whether a further repeat can bring the level to so many that are conclusive.
fn wants(level: &Level, conclusive: u32) -> bool {
    level.finding() != Finding::Mixed
        && level.conclusive() < conclusive
        && level.count(Finding::Inconclusive) <= MOST_RETRIES
}

#[cfg(test)]
mod round_numbers {
    use super::middle;

    #[test]
    fn the_middle_is_a_round_number_where_there_is_room() {
        for (low, high, is_binary, wanted) in [
            (640, 1280, false, 960),
            (50, 52, false, 51),
            (963, 1297, false, 1100),
            (32 << 10, 64 << 10, true, 48 << 10),
            (48 << 10, 64 << 10, true, 56 << 10),
            (48 << 10, 56 << 10, true, 52 << 10),
        ] {
            assert_eq!(middle(low, high, is_binary), wanted, "{low} {high}");
        }
    }
}
