//! Allocation and reuse of a chain's blocks.

use super::{Block, Chained, LARGEST_BLOCK};

impl Chained {
    /// Add an empty block that takes `wanted` more bytes, or the first part of them.
    pub(super) fn push_block(&mut self, wanted: usize) {
        // An empty block that is too small would stand in the way of what comes after it.
        if self.blocks.back().is_some_and(|last| last.data().is_empty())
            && let Some(small) = self.blocks.pop_back()
        {
            self.recycle(small);
        }
        let reserve = if self.blocks.is_empty() { self.layout.prepend } else { 0 };
        let first = self.layout.first_used();
        let double = self.blocks.back().map_or(first, |last| 2 * last.bytes.len());
        let whole = (wanted.min(LARGEST_BLOCK) + reserve).next_power_of_two();
        let size = double.max(whole).clamp(first, LARGEST_BLOCK.max(first));
        let block = match self.spare.take() {
            Some(mut spare) if spare.bytes.len() >= size => {
                spare.reset(reserve);
                spare
            }
            small => {
                self.held -= small.map_or(0, |spare| spare.bytes.len());
                self.allocate(size, reserve)
            }
        };
        self.blocks.push_back(block);
    }

    pub(super) fn allocate(&mut self, size: usize, at: usize) -> Block {
        self.work.allocations += 1;
        self.held += size;
        Block::new(size, at)
    }

    pub(super) fn recycle(&mut self, block: Block) {
        let largest = LARGEST_BLOCK.max(self.layout.first());
        let kept = self.spare.as_ref().map_or(0, |spare| spare.bytes.len());
        if (kept + 1..=largest).contains(&block.bytes.len()) {
            self.held -= kept;
            self.spare = Some(block);
        } else {
            self.held -= block.bytes.len();
        }
    }
}
