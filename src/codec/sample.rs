//! The first answer to a request that everybody repeats: what all later ones are compared with.
//!
//! It is written by whoever is the first to receive a byte of it, on any connection, so nobody has to wait until an
//! answer is whole, and no connection keeps a copy.

use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::{Flaw, verifier::Verifier};

/// Bytes that are kept to be compared one by one; what lies behind them is compared by its checksum.
const KEPT_BYTES: u64 = 4 << 20;

/// The first answer, shared by all connections of a group.
#[derive(Debug, Default)]
pub(super) struct Sample {
    kept: RwLock<Vec<u8>>,
    /// The length of the first answer that came whole, and the checksum of what is not kept of it.
    whole: OnceLock<(u64, u32)>,
}

/// The first answer with each status.
#[derive(Debug, Default)]
pub(super) struct Samples(RwLock<Vec<(u16, Arc<Sample>)>>);

impl Samples {
    /// That with this status.
    pub(super) fn of(&self, status: u16) -> Arc<Sample> {
        let find = |all: &[(u16, Arc<Sample>)]| {
            all.iter().find(|(of, _)| *of == status).map(|(_, sample)| Arc::clone(sample))
        };
        if let Some(sample) = find(&self.0.read().unwrap_or_else(PoisonError::into_inner)) {
            return sample;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        // Another connection may have been faster.
        find(&all).unwrap_or_else(|| {
            let sample = Arc::new(Sample::default());
            all.push((status, Arc::clone(&sample)));
            sample
        })
    }
}

/// How far one connection is with the present answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparison {
    at: u64,
    /// Of what is not kept.
    hasher: crc32fast::Hasher,
}

/// Bytes that were compared with the first answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Compared {
    count: usize,
    /// The first of them that differs.
    first_wrong: Option<usize>,
    wrong: u64,
}

impl Compared {
    /// Compares as many more of `bytes` as are kept; the first of them belongs at `at`. Wrong bytes are counted about as fast
    /// as right ones.
    fn go_on(&mut self, kept: &[u8], at: usize, bytes: &[u8]) {
        let (right, rest) = (kept.get(at + self.count..).unwrap_or_default(), &bytes[self.count..]);
        let count = right.len().min(rest.len());
        let (right, found) = (&right[..count], &rest[..count]);
        if right != found {
            let pairs = || right.iter().zip(found);
            self.first_wrong =
                self.first_wrong.or(pairs().position(|(a, b)| a != b).map(|at| self.count + at));
            self.wrong += pairs().filter(|(a, b)| a != b).count() as u64;
        }
        self.count += count;
    }
}

impl Sample {
    /// Compares `bytes` with those of the first answer from `at` on. Those that nobody has seen yet become a part of it.
    fn compare(&self, at: usize, bytes: &[u8]) -> Compared {
        let mut compared = Compared::default();
        compared.go_on(&self.kept.read().unwrap_or_else(PoisonError::into_inner), at, bytes);
        if compared.count < bytes.len() {
            let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
            // Another connection may have been faster.
            compared.go_on(&kept, at, bytes);
            kept.extend_from_slice(&bytes[compared.count..]);
        }
        compared
    }

    /// The answer that began at `start` is whole, and its length is all that counts.
    pub(super) fn compare_length(&self, start: u64, found: u64, verifier: &mut Verifier) {
        let (wanted, _) = *self.whole.get_or_init(|| (found, 0));
        if found != wanted {
            verifier.flaw(start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
        }
    }
}

impl Comparison {
    /// The answer goes on with `bytes`. Those that differ from the sample are noted in the books.
    pub(super) fn take(&mut self, sample: &Sample, bytes: &[u8], verifier: &mut Verifier) {
        let (kept, rest) =
            bytes.split_at(KEPT_BYTES.saturating_sub(self.at).min(bytes.len() as u64) as usize);
        let Compared { first_wrong, wrong, .. } = sample.compare(self.at as usize, kept);
        if let Some(first) = first_wrong {
            verifier.flaw(verifier.received() + first as u64, Flaw::Different, wrong);
        }
        self.hasher.update(rest);
        self.at += bytes.len() as u64;
        verifier.pass(bytes.len());
    }

    /// The answer that began at `start` is whole, with `found` bytes (which did not come, if it is the answer to a HEAD),
    /// and ends where the books are. The next one can begin.
    pub(super) fn finish(&mut self, sample: &Sample, start: u64, found: u64, verifier: &mut Verifier) {
        let this = (found, std::mem::take(self).hasher.finalize());
        let (wanted, checksum) = *sample.whole.get_or_init(|| this);
        if found != wanted {
            verifier.flaw(start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
        } else if checksum != this.1 {
            let bytes = found - KEPT_BYTES;
            verifier.flaw(verifier.received() - bytes, Flaw::DifferentWithin { bytes }, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Tally;

    /// What two connections that have turns with answers find, each by itself.
    fn compared(answers: &[[&[u8]; 2]]) -> [Tally; 2] {
        let sample = Sample::default();
        let mut sides = [1, 2].map(|stream| (Comparison::default(), Verifier::new(stream)));
        for answer in answers {
            for ((comparison, verifier), bytes) in sides.iter_mut().zip(answer) {
                let start = verifier.received();
                comparison.take(&sample, bytes, verifier);
                if bytes.ends_with(b".") {
                    let found = comparison.at;
                    comparison.finish(&sample, start, found, verifier);
                }
            }
        }
        sides.map(|(_, verifier)| verifier.tally())
    }

    fn found(tally: Tally) -> (u64, Option<(u64, Flaw)>) {
        (tally.corrupt, tally.first_fault.and_then(|fault| Some((fault.at, fault.flaw?))))
    }

    #[test]
    fn who_receives_a_byte_first_says_what_it_must_be() {
        let [one, two] = compared(&[[b"he", b"hell"], [b"llo.", b"o."], [b"hello.", b"jelly."]]);
        assert_eq!(found(one), (0, None));
        assert_eq!(found(two), (2, Some((6, Flaw::Different))));
    }

    #[test]
    fn another_length_is_told_of_the_whole_answer() {
        let [one, two] = compared(&[[b"hello.", b"hello.."], [b"hel.", b"hello."]]);
        assert_eq!(found(one), (1 + 2, Some((9, Flaw::Different))), "one byte differs, two are missing");
        assert_eq!(found(two), (1, Some((0, Flaw::Length { found: 7, wanted: 6 }))));
    }

    #[test]
    fn wrong_bytes_are_counted_one_by_one_and_do_not_become_the_sample() {
        let [one, two] =
            compared(&[[b"abcdef.", b"xbxdxf."], [b"abcxxxx", b"abcdef."], [b"xxx.", b"abcdef."]]);
        assert_eq!(found(one), (4 + 4, Some((10, Flaw::Different))), "four differ, four are too many");
        assert_eq!(found(two), (3, Some((0, Flaw::Different))));
        let [one, two] = compared(&[[b"ab", b"xy"], [b"", b"cdef."], [b"cdef.", b"abcxef."]]);
        assert_eq!(found(one), (0, None), "what follows wrong bytes can be the first to come");
        assert_eq!(found(two), (3, Some((0, Flaw::Different))));
    }

    #[test]
    fn what_is_not_kept_has_a_checksum() {
        let long = vec![b'x'; KEPT_BYTES as usize];
        let (right, wrong) = ([&long[..], b"ab."].concat(), [&long[..], b"ac."].concat());
        let [one, two] = compared(&[[&right, &right], [&right, &wrong]]);
        assert_eq!(found(one), (0, None));
        let at = right.len() as u64 + KEPT_BYTES;
        assert_eq!(found(two), (3, Some((at, Flaw::DifferentWithin { bytes: 3 }))));
    }
}
