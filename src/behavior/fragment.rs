//! `fragment`: messages in small pieces.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Span;

pub(super) const DECLARATION: Declaration<Fragment> = Declaration {
    about: About {
        name: "fragment",
        text: "Moves at most `bytes` bytes with each system call, and pauses for `every` (default 0) after each. On \
               tx every piece is a segment of its own (TCP_NODELAY): a message arrives in many pieces, and the \
               answer must be the same as for one piece. On rx it reads in small portions. With random = true every \
               piece has 1 to `bytes` bytes, at random. Settings: bytes (at least 1), every (a time), random \
               (default false).",
        rx: true,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: false,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: false,
    },
    reads_everything: |fragment| !fragment.pauses(),
    piece_bytes: |fragment| Some(fragment.piece()),
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fragment {
    /// Bytes of each system call at most, at least 1.
    bytes: std::num::NonZeroU32,
    /// Pause after each.
    #[serde(default)]
    every: Span,
    /// Every piece has from 1 to `bytes` bytes, at random.
    #[serde(default)]
    random: bool,
    /// Bytes moved when the last piece was asked for, once one was.
    #[serde(skip)]
    asked_at: Option<u64>,
}

impl Fragment {
    /// Bytes of a piece; of the smallest, where they are random.
    pub(super) const fn piece(&self) -> u64 {
        if self.random { 1 } else { self.bytes.get() as u64 }
    }

    pub(super) const fn pauses(&self) -> bool {
        !self.every.0.is_zero()
    }
}

impl Behavior for Fragment {
    fn next(&mut self, view: View<'_>) -> Step {
        if self.pauses() && self.asked_at.take().is_some_and(|at| view.moved > at) {
            return Step::Wait(self.every.0);
        }
        self.asked_at = Some(view.moved);
        let most = self.bytes.get() as usize;
        Step::Move(if self.random { view.rng.random_range(1..=most) } else { most })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{super::tests::steps, *};

    fn fragment(every: u64) -> Fragment {
        let every = Span(Duration::from_millis(every));
        Fragment { bytes: 3.try_into().expect("not 0"), every, random: false, asked_at: None }
    }

    #[test]
    fn sends_pieces_without_a_pause_by_default() {
        assert_eq!(steps(&mut fragment(0), 3), [Step::Move(3); 3]);
    }

    #[test]
    fn sends_pieces_with_a_pause_when_set() {
        let pause = Step::Wait(Duration::from_millis(2));
        assert_eq!(steps(&mut fragment(2), 4), [Step::Move(3), pause, Step::Move(3), pause]);
    }

    #[test]
    fn random_pieces_have_all_sizes_up_to_the_largest() {
        let mut random: Fragment = toml::from_str("bytes = 4\nrandom = true").expect("knobs");
        let mut sizes: Vec<usize> = steps(&mut random, 200)
            .into_iter()
            .map(|step| if let Step::Move(bytes) = step { bytes } else { panic!("{step:?}") })
            .collect();
        assert_ne!(sizes[..100], sizes[100..], "no pattern");
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes, [1, 2, 3, 4]);
    }
}
