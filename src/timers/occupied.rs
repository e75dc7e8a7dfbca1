//! Which slots of the first rotation are occupied: a bit for each slot, and a bit for each word of bits.

/// Slots of the first rotation, a tick each.
pub const SLOTS: usize = 64 * 64;

/// The occupied slots. Finding the next one looks at two words, wherever it is.
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

    /// The first occupied slot from this one on.
    pub(super) fn at_or_after(&self, slot: usize) -> Option<usize> {
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
    fn the_next_occupied_slot_is_found_from_anywhere() {
        let slots = [0, 1, 63, 64, 700, 4032, 4095];
        let mut occupied = Occupied::default();
        for slot in slots {
            occupied.insert(slot);
        }
        for start in 0..SLOTS {
            let next = slots.into_iter().find(|slot| *slot >= start);
            assert_eq!(occupied.at_or_after(start), next, "from {start}");
        }
        for slot in slots {
            occupied.remove(slot);
            assert_ne!(occupied.at_or_after(slot), Some(slot));
        }
        assert_eq!(occupied.at_or_after(0), None);
    }
}
