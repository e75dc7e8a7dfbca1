//! `garbage`: bytes of requests are replaced by random ones.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::{
    decision::{Behavior, Step, View},
    declaration::{About, Declaration, Needs},
};
use crate::units::Count;

pub(super) const DECLARATION: Declaration<Garbage> = Declaration {
    about: About {
        name: "garbage",
        text: "Sends whatever is due at once, with one byte in `one_in` replaced by a random one: 1 (the default) is \
               noise, 1000 is requests with an error here and there. It stands for a client of another protocol, a \
               fuzzer, broken memory. The server may answer what it understands and end the connection; its answers \
               are counted, but their content is not checked. Settings: one_in (a number).",
        rx: false,
        tx: true,
        needs: Needs::Nothing,
        is_steady: false,
        stalls: false,
        is_idle: false,
        sends_invalid_bytes: true,
        ends_silently: false,
        needs_tcp: false,
        delays_requests: false,
    },
    reads_everything: |_| false,
    piece_bytes: |_| None,
    race: |_| None,
    bytes_per_second: |_| None,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Garbage {
    /// One byte in so many is replaced; 1 is all.
    #[serde(default = "every_byte")]
    one_in: Count,
    /// Which bytes, and what becomes of them.
    #[serde(skip)]
    seed: Option<u64>,
}

fn every_byte() -> Count {
    Count(1)
}

impl Default for Garbage {
    fn default() -> Self {
        Self { one_in: every_byte(), seed: None }
    }
}

impl Behavior for Garbage {
    fn next(&mut self, view: View<'_>) -> Step {
        self.seed.get_or_insert_with(|| view.rng.random());
        Step::Move(usize::MAX)
    }

    fn corrupt(&mut self, offset: u64, bytes: &mut [u8]) {
        let seed = self.seed.unwrap_or_default();
        for (at, byte) in (offset..).zip(bytes) {
            let random = mixed(seed.wrapping_add(at));
            if random.is_multiple_of(u64::from(self.one_in.0)) {
                *byte ^= 1 + ((random >> 32) % 255) as u8;
            }
        }
    }
}

/// The output function of `SplitMix64` (Steele, Lea and Flood, OOPSLA 2014).
const fn mixed(counter: u64) -> u64 {
    let mut z = counter.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::{super::tests::steps, *};

    fn corrupted(one_in: u32, pieces: &[usize]) -> Vec<u8> {
        let mut garbage = Garbage { one_in: Count(one_in), seed: None };
        assert_eq!(steps(&mut garbage, 1), [Step::Move(usize::MAX)]);
        let mut bytes = vec![b'x'; pieces.iter().sum()];
        let mut done = 0;
        for piece in pieces {
            garbage.corrupt(done as u64, &mut bytes[done..done + piece]);
            done += piece;
        }
        bytes
    }

    #[test]
    fn changes_about_one_byte_in_the_given_number() {
        for one_in in [1, 2, 100] {
            let wrong = corrupted(one_in, &[100_000]).iter().filter(|byte| **byte != b'x').count();
            let expected = 100_000 / one_in as usize;
            assert!(wrong.abs_diff(expected) <= expected / 8, "{wrong} of 100000, one in {one_in}");
        }
    }

    #[test]
    fn noise_contains_every_byte_value() {
        let mut noise = corrupted(1, &[10_000]);
        noise.sort_unstable();
        noise.dedup();
        assert_eq!(noise.len(), 255, "all but the right one");
    }

    #[test]
    fn changes_depend_on_the_offset_and_not_on_the_pieces() {
        assert_eq!(corrupted(3, &[1, 50, 949]), corrupted(3, &[1000]));
    }
}
