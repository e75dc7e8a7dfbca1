//! A part of a message, sent slowly: the settings of `slow-header` and `slow-body`.

use std::num::NonZeroU32;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::decision::{Step, View};
use crate::units::Span;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Drip {
    /// Bytes of each drop, at least 1.
    #[serde(default = "one")]
    bytes: NonZeroU32,
    /// Time from one drop to the next.
    every: Span,
    /// Bytes that may have been moved when the present drop is out.
    #[serde(skip)]
    released: u64,
}

fn one() -> NonZeroU32 {
    NonZeroU32::MIN
}

impl Drip {
    /// A pause, then the next drop of a part of which so many bytes are left. The first pause is cut short at random,
    /// so that a group does not move in step.
    pub(super) fn next(&mut self, view: &mut View<'_>, part_left: u64) -> Step {
        if view.moved < self.released {
            return Step::Move((self.released - view.moved) as usize);
        }
        let first = self.released == 0;
        self.released = view.moved + part_left.min(u64::from(self.bytes.get()));
        Step::Wait(if first { self.every.0.mul_f64(view.rng.random::<f64>()) } else { self.every.0 })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use rand::{SeedableRng, rngs::Xoshiro256PlusPlus};

    use super::{
        super::{Message, tests::view},
        *,
    };

    /// A pause between drops.
    pub(in super::super) const PAUSE: Step = Step::Wait(Duration::from_millis(10));

    /// Drops of two bytes, every ten milliseconds.
    pub(in super::super) fn drip() -> Drip {
        toml::from_str("bytes = 2\nevery = '10ms'").expect("knobs")
    }

    #[test]
    fn first_pause_is_a_random_part_of_a_pause() {
        let first = |seed| {
            drip().next(&mut view(0, Message::default(), &mut Xoshiro256PlusPlus::seed_from_u64(seed)), 9)
        };
        assert!(
            (0..9).all(|seed| matches!(first(seed), Step::Wait(pause) if pause < Duration::from_millis(10)))
        );
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
    }

    #[test]
    fn a_drop_cut_short_by_the_socket_is_completed_first() {
        let (mut drip, mut rng) = (drip(), Xoshiro256PlusPlus::seed_from_u64(1));
        let mut ask = |moved, left| drip.next(&mut view(moved, Message::default(), &mut rng), left);
        ask(0, 9);
        assert_eq!([ask(0, 9), ask(1, 8), ask(2, 7)], [Step::Move(2), Step::Move(1), PAUSE]);
    }
}
