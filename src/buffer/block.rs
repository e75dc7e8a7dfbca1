//! One block of a chain, and the search through several blocks.

use std::collections::VecDeque;

use super::search::position;

/// Memory with readable bytes somewhere in it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) bytes: Box<[u8]>,
    pub(super) read: usize,
    pub(super) write: usize,
}

impl Block {
    /// An empty block of `size` bytes, of which the first `at` are kept free.
    pub(super) fn new(size: usize, at: usize) -> Self {
        Block { bytes: vec![0; size].into_boxed_slice(), read: at, write: at }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.read..self.write]
    }

    pub(super) fn tail(&mut self) -> &mut [u8] {
        &mut self.bytes[self.write..]
    }

    pub(super) fn put(&mut self, bytes: &[u8]) {
        self.tail()[..bytes.len()].copy_from_slice(bytes);
        self.write += bytes.len();
    }

    pub(super) fn reset(&mut self, at: usize) {
        (self.read, self.write) = (at, at);
    }

    pub(super) fn rehome(&mut self, size: usize, at: usize) {
        let mut home = Block::new(size, at);
        home.put(self.data());
        *self = home;
    }
}

/// Offset of the first `delimiter` in the chain that begins at `from` or later.
pub(super) fn find(blocks: &VecDeque<Block>, delimiter: &[u8], from: usize) -> Option<usize> {
    let mut base = 0;
    for (index, block) in blocks.iter().enumerate() {
        let data = block.data();
        let start = from.saturating_sub(base).min(data.len());
        if let Some(at) = position(&data[start..], delimiter) {
            return Some(base + start + at);
        }
        // What begins this close to the end of the block can only end in a later one.
        let border = (data.len() + 1).saturating_sub(delimiter.len()).max(start);
        if let Some(at) = (border..data.len()).find(|at| straddles(blocks, index, *at, delimiter)) {
            return Some(base + at);
        }
        base += data.len();
    }
    None
}

/// Does `delimiter` begin at offset `at` of block `index`, however many blocks it runs through?
fn straddles(blocks: &VecDeque<Block>, index: usize, mut at: usize, mut delimiter: &[u8]) -> bool {
    for block in blocks.range(index..) {
        let data = &block.data()[at..];
        let (now, later) = delimiter.split_at(delimiter.len().min(data.len()));
        if !data.starts_with(now) {
            return false;
        }
        (delimiter, at) = (later, 0);
        if delimiter.is_empty() {
            return true;
        }
    }
    false
}
