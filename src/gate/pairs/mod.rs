//! The statistical test of two servers: pairs of repeats go in, and a verdict for each metric comes out.
//!
//! A repeat gives one number for each metric, and a pair one difference: requests are never pooled across repeats. The
//! difference is that of *started logarithms*, `ln(head + s) - ln(base + s)`, turned so that more is worse: a ratio
//! where the numbers are large against `s`, and a plain difference where they are near zero, so that nothing divides by
//! nothing. A number that the head lacks because it did not answer is the largest difference there is.

mod cell;
mod change;
mod invalid_repeats;
mod reading;

pub(super) use self::reading::{WORST, is_trusted};
pub use self::{
    cell::{Cell, Pair},
    change::{ALPHA, CONFIRM_ALPHA, PairEvidence, PairedChange},
    invalid_repeats::INVALID_REPEATS,
};
use crate::stats;

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
pub fn compare(cells: &[Cell]) -> Vec<PairedChange> {
    let mut findings = weigh(cells);
    let looks = findings.iter().filter(|finding| finding.evidence.is_counted).count();
    for finding in &mut findings {
        finding.conclude(looks);
        finding.doubt_invalid_repeats();
    }
    findings
}

/// How likely each is by chance, among all that could reach the level.
fn weigh(cells: &[Cell]) -> Vec<PairedChange> {
    let of_cell = |cell: &Cell| -> Vec<PairedChange> {
        let numbers = cell.gated.iter().filter_map(|gated| PairedChange::weigh(cell, gated));
        PairedChange::of_invalid_repeats(cell).into_iter().chain(numbers).collect()
    };
    let mut findings: Vec<PairedChange> = cells.iter().flat_map(of_cell).collect();
    let smallest: Vec<f64> = findings.iter().map(PairedChange::smallest_p).collect();
    for (finding, is_counted) in findings.iter_mut().zip(stats::testable(&smallest, ALPHA)) {
        finding.evidence.is_counted = is_counted;
    }
    let counted = || findings.iter().filter(|finding| finding.evidence.is_counted);
    let adjusted = stats::holm(&counted().map(|finding| finding.evidence.p).collect::<Vec<_>>());
    let counted = findings.iter_mut().filter(|finding| finding.evidence.is_counted);
    counted.zip(adjusted).for_each(|(finding, adjusted_p)| finding.evidence.adjusted_p = adjusted_p);
    findings
}

#[cfg(test)]
mod silence_tests;
#[cfg(test)]
mod tests;
