//! Which slots of a wheel are occupied: a bit for each slot, and a bit for each word of bits.

/// Slots in a wheel: one rotation is this many ticks.
pub const SLOTS: usize = 64 * 64;

/// The occupied slots of a wheel. Finding the next one looks at two words, wherever it is.
#[derive(Debug)]
pub(super) struct Occupied {
    summary: u64,
    words: [u64; SLOTS / 64],
}

impl Default for Occupied {
    fn default() -> Self {
        Occupied { summary: 0, words: [0; SLOTS / 64] }
    }
}

impl Occupied {
    pub(super) fn insert(&mut self, slot: usize) {
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    pub(super) fn remove(&mut self, slot: usize) {
        self.words[slot / 64] &= !(1 << (slot % 64));
        if self.words[slot / 64] == 0 {
            self.summary &= !(1 << (slot / 64));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.summary == 0
    }

    /// The first occupied slot at `start + from` or later, `start + SLOTS` excluded; slots wrap around.
    pub(super) fn next(&self, start: usize, from: usize) -> Option<usize> {
        let at = start + from;
        if from >= SLOTS {
            return None;
        }
        if at < SLOTS {
            self.at_or_after(at).or_else(|| self.at_or_after(0).filter(|slot| *slot < start))
        } else {
            self.at_or_after(at - SLOTS).filter(|slot| *slot < start)
        }
    }

    fn at_or_after(&self, slot: usize) -> Option<usize> {
        let word = slot / 64;
        let here = self.words[word] & (u64::MAX << (slot % 64));
        if here != 0 {
            return Some(word * 64 + here.trailing_zeros() as usize);
        }
        // Shifted twice: shifting by 64 at once would overflow for the last word.
        let later = self.summary & (u64::MAX << word << 1);
        (later != 0).then(|| {
            let word = later.trailing_zeros() as usize;
            word * 64 + self.words[word].trailing_zeros() as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_is_visited_once_from_any_start() {
        let slots = [0, 1, 63, 64, 700, 4032, 4095];
        let mut occupied = Occupied::default();
        for slot in slots {
            occupied.insert(slot);
        }
        for start in 0..SLOTS {
            let (mut seen, mut from) = (Vec::new(), 0);
            while let Some(slot) = occupied.next(start, from) {
                seen.push(slot);
                from = (slot + SLOTS - start) % SLOTS + 1;
            }
            let turn = slots.partition_point(|slot| *slot < start);
            assert_eq!(seen, [&slots[turn..], &slots[..turn]].concat(), "from {start}");
        }
        for slot in slots {
            occupied.remove(slot);
        }
        assert!(occupied.is_empty());
    }
}
