//! The statistical test of two servers: pairs of repeats go in, and a verdict for each metric comes out.
//!
//! A repeat gives one number for each metric, and a pair one difference: requests are never pooled across repeats. The
//! difference is that of *started logarithms*, `ln(head + s) - ln(base + s)`, turned so that more is worse: a ratio where
//! the numbers are large against `s`, and a plain difference where they are near zero, so that nothing divides by nothing.
//! A number that the head lacks because it did not answer is the largest difference there is.

mod finding;
mod gated;
mod reading;
mod spoilt;

use indexmap::IndexMap;

use self::reading::Number;
pub(super) use self::reading::{WORST, is_trusted};
pub use self::{
    finding::{Finding, GateVerdict},
    gated::{Gated, gated},
    spoilt::SPOILT,
};
use crate::{record::Trial, stats};

/// The significance level of the first stage, for all metrics together.
pub const ALPHA: f64 = 0.05;
/// The significance level at which fresh pairs must confirm each suspect metric.
pub const CONFIRM_ALPHA: f64 = 0.02;

/// Two repeats of one seed, one of each server, one right after the other.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Whether the head's came first.
    pub head_first: bool,
    /// The repeat of the server that is compared with.
    pub base: Trial,
    /// The repeat of the server that is judged.
    pub head: Trial,
}

impl Pair {
    /// Why the pair as a whole does not count, if it does not. The rule is fixed before anything is measured: a pair of
    /// which either repeat is invalid or was cut short is dropped, whatever its numbers are.
    #[must_use]
    pub fn dropped(&self) -> Option<String> {
        let sides = [("base", &self.base), ("head", &self.head)];
        sides.into_iter().find_map(|(side, trial)| {
            let reason = trial.doubts().next().map(str::to_owned);
            let reason = reason.or_else(|| trial.cut_short.then(|| "cut short".to_owned()))?;
            Some(format!("{side}: {reason}"))
        })
    }
}

/// A point of the sweep, and the pairs that were measured at it.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The keys that make the point.
    pub axes: IndexMap<String, String>,
    /// What is gated there.
    pub gated: Vec<Gated>,
    /// The first stage.
    pub pairs: Vec<Pair>,
    /// The fresh pairs of the second stage; empty unless the first one failed here.
    pub fresh: Vec<Pair>,
}

impl Cell {
    /// The pairs that count.
    pub(super) fn standing(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().chain(&self.fresh).filter(|pair| pair.dropped().is_none())
    }

    /// Whether in more than a tenth of the pairs, and in more than one, one of the two had the number and the other had not:
    /// what is left to compare may be the better repeats.
    pub(super) fn is_one_sided(&self, gated: &Gated) -> bool {
        let number = Number::of(gated);
        let is_apart = |pair: &&Pair| {
            let [base, head] = [&pair.base, &pair.head].map(|trial| number.read(trial).is_some());
            base != head && number.read_both(&pair.base, &pair.head).is_none()
        };
        let apart = self.standing().filter(is_apart).count();
        apart > 1 && apart * 10 > self.standing().count()
    }

    /// Whether more than half of the pairs were dropped.
    pub(super) fn has_too_few(&self) -> bool {
        let all = self.pairs.len() + self.fresh.len();
        all == 0 || self.standing().count() * 2 < all
    }
}

/// Whether some number of the cell fails the first stage, so that fresh pairs must confirm it.
#[must_use]
pub fn suspects(cells: &[Cell]) -> Vec<bool> {
    let findings = weigh(cells);
    let fails =
        |cell: &Cell| findings.iter().any(|finding| finding.axes == cell.axes && finding.is_suspect());
    cells.iter().map(fails).collect()
}

/// The verdict of every metric of every cell that at least two pairs have, and of repeats that are invalid on one side
/// only.
#[must_use]
pub fn compare(cells: &[Cell]) -> Vec<Finding> {
    let mut findings = weigh(cells);
    let looks = findings.iter().filter(|finding| finding.is_counted).count();
    for finding in &mut findings {
        finding.conclude(looks);
        finding.doubt_spoilt();
    }
    findings
}

/// How likely each is by chance, among all that could reach the level.
fn weigh(cells: &[Cell]) -> Vec<Finding> {
    let of_cell = |cell: &Cell| -> Vec<Finding> {
        let numbers = cell.gated.iter().filter_map(|gated| Finding::weigh(cell, gated));
        Finding::of_spoilt(cell).into_iter().chain(numbers).collect()
    };
    let mut findings: Vec<Finding> = cells.iter().flat_map(of_cell).collect();
    let smallest: Vec<f64> = findings.iter().map(Finding::smallest_p).collect();
    for (finding, is_counted) in findings.iter_mut().zip(stats::testable(&smallest, ALPHA)) {
        finding.is_counted = is_counted;
    }
    let counted = || findings.iter().filter(|finding| finding.is_counted);
    let adjusted = stats::holm(&counted().map(|finding| finding.p).collect::<Vec<_>>());
    let counted = findings.iter_mut().filter(|finding| finding.is_counted);
    counted.zip(adjusted).for_each(|(finding, adjusted_p)| finding.adjusted_p = adjusted_p);
    findings
}

#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
