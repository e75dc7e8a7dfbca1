//! Pairs of repeats, and the point of the sweep at which they were measured.

use indexmap::IndexMap;

use super::{super::gated::Gated, reading::Number};
use crate::record::Repeat;

/// Two repeats of one seed, one of each server, one right after the other.
#[derive(Clone, Debug)]
pub struct Pair {
    /// Whether the head's came first.
    pub head_first: bool,
    /// The repeat of the server that is compared with.
    pub base: Repeat,
    /// The repeat of the server that is judged.
    pub head: Repeat,
}

impl Pair {
    /// Why the pair as a whole does not count, if it does not. The rule is fixed before anything is measured: a pair of
    /// which either repeat is invalid or was cut short is dropped, whatever its numbers are.
    #[must_use]
    pub fn dropped(&self) -> Option<String> {
        let sides = [("base", &self.base), ("head", &self.head)];
        sides.into_iter().find_map(|(side, repeat)| {
            let reason = repeat.doubts().next().map(str::to_owned);
            let reason = reason.or_else(|| repeat.cut_short.then(|| "cut short".to_owned()))?;
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
    pub(in crate::gate) fn standing(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().chain(&self.fresh).filter(|pair| pair.dropped().is_none())
    }

    /// Whether in more than a tenth of the pairs, and in more than one, one of the two had the number and the other
    /// had not: what is left to compare may be the better repeats.
    pub(in crate::gate) fn is_one_sided(&self, gated: &Gated) -> bool {
        let number = Number::of(gated);
        let is_apart = |pair: &&Pair| {
            let [base, head] = [&pair.base, &pair.head].map(|repeat| number.read(repeat).is_some());
            base != head && number.read_both(&pair.base, &pair.head).is_none()
        };
        let apart = self.standing().filter(is_apart).count();
        apart > 1 && apart * 10 > self.standing().count()
    }

    /// Whether more than half of the pairs were dropped.
    pub(in crate::gate) fn has_too_few(&self) -> bool {
        let all = self.pairs.len() + self.fresh.len();
        all == 0 || self.standing().count() * 2 < all
    }
}
