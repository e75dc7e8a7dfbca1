//! Repeats that one of the two servers alone makes invalid: a gated number like the others.
//!
//! A pair with a repeat that proves nothing is dropped from all other numbers. If it is as likely to be the base's as
//! the head's, that is the host's doing. So each such pair is a throw of a coin, and the exact sign test says how
//! likely it is that so many of them are the head's: one in two with the first, one in 32 with the fifth. It is part of
//! the family of numbers that are looked at together, and fresh pairs must confirm it as any other. As long as they are
//! not significant, more of the head's than of the base's are INCONCLUSIVE, from the first one on.

use super::{
    super::gated::Gated,
    cell::{Cell, Pair},
    change::PairedChange,
};
use crate::record::Verdict;

/// The name of the number.
pub const INVALID_REPEATS: &str = "spoilt_trials";

impl PairedChange {
    /// Whether it is of repeats that are invalid.
    #[must_use]
    pub fn is_of_invalid_repeats(&self) -> bool {
        self.gated.name == INVALID_REPEATS
    }

    /// What is said of the repeats of a cell that one side alone made invalid; `None` if there are none.
    pub(super) fn of_invalid_repeats(cell: &Cell) -> Option<Self> {
        let gated =
            Gated { name: INVALID_REPEATS.to_owned(), start: 1.0, only_beyond: true, ..Gated::default() };
        let invalid = |pair: &Pair| [&pair.base, &pair.head].map(|repeat| f64::from(!repeat.is_sound()));
        let all: Vec<[f64; 2]> = cell.pairs.iter().chain(&cell.fresh).map(invalid).collect();
        let differences: Vec<f64> = all.iter().map(|[base, head]| gated.difference(*base, *head)).collect();
        if differences.iter().all(|d| *d == 0.0) {
            return None;
        }
        let share = |side: usize| all.iter().map(|both| both[side]).sum::<f64>() / all.len() as f64;
        let medians = [(share(0), None), (share(1), None)];
        Some(Self::of(gated, cell, differences, cell.pairs.len(), medians))
    }

    /// What is said of them: what is not yet significant is no PASS where there are more of the head's.
    pub(super) fn doubt_invalid_repeats(&mut self) {
        if self.is_of_invalid_repeats() && self.verdict != Verdict::Regression {
            self.verdict =
                if self.evidence.head > self.evidence.base { Verdict::Inconclusive } else { Verdict::Pass };
        }
    }
}
