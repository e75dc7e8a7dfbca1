//! The first answer to a request that everybody repeats: what all later ones are compared with.
//!
//! It is written by whoever is the first to receive a byte of it, on any connection, so no connection has to wait until
//! an answer is whole, and no connection keeps a copy.

use std::sync::{
    Arc, OnceLock, PoisonError, RwLock,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use super::{Flaw, verifier::Verifier};

/// Bytes that a group keeps to be compared one by one, of all its first answers together; what lies behind them is compared
/// by its checksum.
const KEPT_BYTES: usize = 4 << 20;

/// The first answer, shared by all connections of a group.
#[derive(Debug, Default)]
pub(super) struct Sample {
    kept: RwLock<Kept>,
    room: Room,
    /// The length of the first answer that came whole, and the checksum of what is not kept of it.
    whole: OnceLock<(u64, u32)>,
}

/// Its first bytes.
#[derive(Debug, Default)]
struct Kept {
    bytes: Vec<u8>,
    /// There was no room for the next one: no more are kept.
    is_full: bool,
}

/// Bytes that may still be kept.
#[derive(Clone, Debug)]
struct Room(Arc<AtomicUsize>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(KEPT_BYTES.into()))
    }
}

impl Room {
    /// Takes as much of it as is there.
    fn take(&self, wanted: usize) -> usize {
        let take = |left: usize| Some(left.saturating_sub(wanted));
        self.0.fetch_update(Relaxed, Relaxed, take).map_or(0, |left| left.min(wanted))
    }
}

/// The first answer with each status.
#[derive(Debug, Default)]
pub(super) struct Samples {
    by_status: RwLock<Vec<(u16, Arc<Sample>)>>,
    /// All of them share it.
    room: Room,
}

impl Samples {
    /// That with this status.
    pub(super) fn of(&self, status: u16) -> Arc<Sample> {
        let find = |all: &[(u16, Arc<Sample>)]| {
            all.iter().find(|(of, _)| *of == status).map(|(_, sample)| Arc::clone(sample))
        };
        if let Some(sample) = find(&self.by_status.read().unwrap_or_else(PoisonError::into_inner)) {
            return sample;
        }
        let mut all = self.by_status.write().unwrap_or_else(PoisonError::into_inner);
        // Another connection may have been faster.
        find(&all).unwrap_or_else(|| {
            let sample = Arc::new(Sample { room: self.room.clone(), ..Sample::default() });
            all.push((status, Arc::clone(&sample)));
            sample
        })
    }
}

/// How far one connection is with the present answer.
#[derive(Clone, Debug, Default)]
pub(super) struct SampleComparison {
    at: u64,
    /// Bytes of it that are compared by their checksum, and that.
    hashed: u64,
    checksum: u32,
}

/// Bytes that were compared with the first answer one by one.
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
    /// Compares `bytes` with those of the first answer from `at` on. Those that no connection has received yet become a
    /// part of it, as long as there is room.
    fn compare(&self, at: usize, bytes: &[u8]) -> Compared {
        let mut compared = Compared::default();
        {
            let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
            compared.go_on(&kept.bytes, at, bytes);
            if compared.count == bytes.len() || kept.is_full {
                return compared;
            }
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        // Another connection may have been faster.
        compared.go_on(&kept.bytes, at, bytes);
        let rest = &bytes[compared.count..];
        if !kept.is_full {
            let more = self.room.take(rest.len());
            kept.bytes.extend_from_slice(&rest[..more]);
            kept.is_full = more < rest.len();
            compared.count += more;
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

impl SampleComparison {
    /// The answer goes on with `bytes`. Those that differ from the sample are noted in the tally.
    pub(super) fn take(&mut self, sample: &Sample, bytes: &[u8], verifier: &mut Verifier) {
        let Compared { count, first_wrong, wrong } = sample.compare(self.at as usize, bytes);
        if let Some(first) = first_wrong {
            verifier.flaw(verifier.received() + first as u64, Flaw::Different, wrong);
        }
        if count < bytes.len() {
            let mut hasher = crc32fast::Hasher::new_with_initial(self.checksum);
            hasher.update(&bytes[count..]);
            self.checksum = hasher.finalize();
            self.hashed += (bytes.len() - count) as u64;
        }
        self.at += bytes.len() as u64;
        verifier.pass(bytes.len());
    }

    /// The answer that began at `start` is whole, with `found` bytes (which did not come, if it is the answer to a HEAD),
    /// and ends where the tally is. The next one can begin.
    pub(super) fn finish(&mut self, sample: &Sample, start: u64, found: u64, verifier: &mut Verifier) {
        let Self { hashed: bytes, checksum, .. } = std::mem::take(self);
        let (wanted, wanted_checksum) = *sample.whole.get_or_init(|| (found, checksum));
        if found != wanted {
            verifier.flaw(start, Flaw::Length { found, wanted }, found.abs_diff(wanted));
        } else if checksum != wanted_checksum {
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
        let mut sides = [1, 2].map(|stream| (SampleComparison::default(), Verifier::new(stream)));
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
    fn the_first_connection_to_receive_a_byte_sets_the_sample() {
        let [one, two] = compared(&[[b"he", b"hell"], [b"llo.", b"o."], [b"hello.", b"jelly."]]);
        assert_eq!(found(one), (0, None));
        assert_eq!(found(two), (2, Some((6, Flaw::Different))));
    }

    #[test]
    fn another_length_is_reported_for_the_whole_answer() {
        let [one, two] = compared(&[[b"hello.", b"hello.."], [b"hel.", b"hello."]]);
        assert_eq!(found(one), (1 + 2, Some((9, Flaw::Different))), "one byte differs, two are missing");
        assert_eq!(found(two), (1, Some((0, Flaw::Length { found: 7, wanted: 6 }))));
    }

    #[test]
    fn wrong_bytes_are_counted_and_do_not_change_the_sample() {
        let [one, two] =
            compared(&[[b"abcdef.", b"xbxdxf."], [b"abcxxxx", b"abcdef."], [b"xxx.", b"abcdef."]]);
        assert_eq!(found(one), (4 + 4, Some((10, Flaw::Different))), "four differ, four are too many");
        assert_eq!(found(two), (3, Some((0, Flaw::Different))));
        let [one, two] = compared(&[[b"ab", b"xy"], [b"", b"cdef."], [b"cdef.", b"abcxef."]]);
        assert_eq!(found(one), (0, None), "what follows wrong bytes can be the first to come");
        assert_eq!(found(two), (3, Some((0, Flaw::Different))));
    }

    #[test]
    fn bytes_beyond_the_kept_ones_are_compared_by_checksum() {
        let long = vec![b'x'; KEPT_BYTES];
        let (right, wrong) = ([&long[..], b"ab."].concat(), [&long[..], b"ac."].concat());
        let [one, two] = compared(&[[&right, &right], [&right, &wrong]]);
        assert_eq!(found(one), (0, None));
        let at = (right.len() + KEPT_BYTES) as u64;
        assert_eq!(found(two), (3, Some((at, Flaw::DifferentWithin { bytes: 3 }))));
    }

    #[test]
    fn all_samples_of_a_group_share_one_memory_limit() {
        let samples = Samples::default();
        let mut bytes = vec![b'x'; KEPT_BYTES / 4 * 3];
        let judged = |status, bytes: &[u8]| {
            let (mut comparison, mut verifier) = (SampleComparison::default(), Verifier::new(1));
            let sample = samples.of(status);
            bytes.chunks(1 << 19).for_each(|piece| comparison.take(&sample, piece, &mut verifier));
            comparison.finish(&sample, 0, bytes.len() as u64, &mut verifier);
            found(verifier.tally())
        };
        for status in [200, 404, 500, 200, 404, 500] {
            assert_eq!(judged(status, &bytes), (0, None));
        }
        let kept = |status: u16| samples.of(status).kept.read().unwrap().bytes.len();
        assert_eq!([200, 404, 500].map(kept), [KEPT_BYTES / 4 * 3, KEPT_BYTES / 4, 0]);
        *bytes.last_mut().unwrap() = b'y';
        let last = bytes.len() as u64 - 1;
        assert_eq!(judged(200, &bytes), (1, Some((last, Flaw::Different))));
        let within = |bytes| (bytes, Some((last + 1 - bytes, Flaw::DifferentWithin { bytes })));
        assert_eq!(judged(404, &bytes), within((KEPT_BYTES / 2) as u64));
        assert_eq!(judged(500, &bytes), within((KEPT_BYTES / 4 * 3) as u64));
    }
}
