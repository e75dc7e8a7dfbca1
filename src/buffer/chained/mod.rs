//! A sequence of blocks: nothing moves when the backlog grows, and drained blocks are freed one by one.

mod supply;

use std::collections::VecDeque;
use std::io::{self, IoSlice, Read, Write};

use super::admission::{admit, scatter};
use super::block::{Block, find};
use super::search::Resume;
use super::{Buffer, Full, Layout, Work};

/// The largest block, in bytes, unless `initial` or one `peek` asks for more.
const LARGEST_BLOCK: usize = 64 * 1024;

/// The smallest block put in front when there is no room for a prepend, in bytes.
const PREPEND_BLOCK: usize = 64;

/// Blocks offered to one `writev`; `UIO_FASTIOV` (8) and `IOV_MAX` (1024) are the kernel's own marks.
const SLICES: usize = 64;

/// A buffer made of blocks, oldest first.
///
/// ```text
///     first                       last
///   | 8 |  read..write  |  →  | 0..write |  →  | 0..write | writable |        spare: | one empty block |
/// ```
///
/// A new block is twice as large as the last one, up to 64 KiB: an idle connection holds little, a large backlog
/// needs few blocks. A drained block is kept as the spare or freed. Only the last block can be empty, and only the
/// last has room to append.
#[derive(Debug)]
pub struct Chained {
    blocks: VecDeque<Block>,
    spare: Option<Block>,
    /// Bytes of all blocks and the spare, kept up so that `footprint` need not walk a long backlog.
    held: usize,
    readable: usize,
    layout: Layout,
    resume: Resume,
    work: Work,
}

impl Chained {
    /// An empty buffer whose first block has `initial` bytes, of which [`PREPEND_BYTES`] are kept in front; 0 asks
    /// for no memory before the first byte arrives. At most `limit` bytes may wait.
    ///
    /// [`PREPEND_BYTES`]: super::PREPEND_BYTES
    #[must_use]
    pub fn new(initial: usize, limit: Option<usize>) -> Self {
        Self::with(Layout { initial, limit, ..Layout::default() })
    }

    /// An empty buffer of this layout; a chain has no use for [`Layout::shift`].
    #[must_use]
    pub fn with(layout: Layout) -> Self {
        let mut buffer = Chained {
            blocks: VecDeque::new(),
            spare: None,
            held: 0,
            readable: 0,
            layout,
            resume: Resume::default(),
            work: Work::default(),
        };
        if layout.initial > 0 {
            // Most connections never need a second block: do not let the queue start with room for four.
            buffer.blocks.reserve_exact(1);
            buffer.push_block(0);
        }
        buffer
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            if self.writable() == 0 {
                self.push_block(bytes.len());
            }
            let Some(last) = self.blocks.back_mut() else { return };
            let (now, later) = bytes.split_at(bytes.len().min(last.tail().len()));
            last.put(now);
            self.wrote(now.len());
            bytes = later;
        }
    }

    fn wrote(&mut self, n: usize) {
        self.readable += n;
        self.work.appended += n as u64;
    }

    /// Bring the first `n` readable bytes together in one block: the first, if the rest fits into its tail.
    fn gather(&mut self, n: usize) {
        let missing = n - self.front().len();
        let fits = self.blocks.front().is_some_and(|first| first.bytes.len() - first.write >= missing);
        let first = if fits { self.blocks.pop_front() } else { None };
        let mut home = first.unwrap_or_else(|| {
            self.allocate(self.layout.prepend + n.next_power_of_two(), self.layout.prepend)
        });
        while home.data().len() < n
            && let Some(mut block) = self.blocks.pop_front()
        {
            let part = block.data().len().min(n - home.data().len());
            home.put(&block.data()[..part]);
            block.read += part;
            self.work.moved += part as u64;
            if block.data().is_empty() {
                self.recycle(block);
            } else {
                self.blocks.push_front(block);
            }
        }
        self.blocks.push_front(home);
    }
}

impl Buffer for Chained {
    fn readable(&self) -> usize {
        self.readable
    }

    fn writable(&self) -> usize {
        self.blocks.back().map_or(0, |last| last.bytes.len() - last.write)
    }

    fn prependable(&self) -> usize {
        self.blocks.front().map_or(0, |first| first.read)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        admit(self.readable, bytes.len(), self.layout.limit)?;
        self.put(bytes);
        Ok(())
    }

    fn prepend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        admit(self.readable, bytes.len(), self.layout.limit)?;
        if bytes.len() > self.prependable() {
            // Filled from its end, so that the next prepend finds room in it too.
            let size = PREPEND_BLOCK.max(bytes.len());
            let block = self.allocate(size, size);
            self.blocks.push_front(block);
        }
        let Some(first) = self.blocks.front_mut() else { return Ok(()) };
        let end = first.read;
        first.read -= bytes.len();
        first.bytes[first.read..end].copy_from_slice(bytes);
        self.readable += bytes.len();
        self.resume.prepended();
        Ok(())
    }

    fn find(&mut self, delimiter: &[u8]) -> Option<usize> {
        if delimiter.is_empty() {
            return Some(0);
        }
        let from = self.resume.start(delimiter);
        let found = find(&self.blocks, delimiter, from);
        self.resume.stop(found, self.readable);
        found
    }

    fn peek(&mut self, n: usize) -> &[u8] {
        assert!(n <= self.readable, "{n} bytes peeked at, {} are readable", self.readable);
        if n > self.front().len() {
            self.gather(n);
        }
        &self.front()[..n]
    }

    fn front(&self) -> &[u8] {
        self.blocks.front().map_or(&[], Block::data)
    }

    fn retrieve(&mut self, n: usize) {
        assert!(n <= self.readable, "{n} bytes retrieved, {} are readable", self.readable);
        self.readable -= n;
        self.resume.retrieved(n);
        let mut left = n;
        while self.blocks.len() > 1 && left >= self.front().len() {
            left -= self.front().len();
            if let Some(drained) = self.blocks.pop_front() {
                self.recycle(drained);
            }
        }
        if let Some(first) = self.blocks.front_mut() {
            first.read += left;
            if self.readable == 0 {
                first.reset(self.layout.prepend.min(first.bytes.len()));
            }
        }
    }

    fn read_from(&mut self, source: &mut dyn Read, spill: &mut [u8]) -> io::Result<usize> {
        let room = self.layout.limit.map_or(usize::MAX, |limit| limit - self.readable);
        if self.writable() == 0 && spill.is_empty() && room > 0 {
            self.push_block(0);
        }
        let tail = self.blocks.back_mut().map_or(&mut [][..], Block::tail);
        let (in_tail, in_spill) = scatter(source, tail, spill, room)?;
        if let Some(last) = self.blocks.back_mut() {
            last.write += in_tail;
        }
        self.wrote(in_tail);
        self.put(&spill[..in_spill]);
        Ok(in_tail + in_spill)
    }

    fn write_to(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        if self.readable == 0 {
            return Ok(0);
        }
        let taken = match self.blocks.len() {
            // The usual case needs no vector.
            1 => sink.write(self.front()),
            blocks => {
                let mut slices = [IoSlice::new(&[]); SLICES];
                for (slice, block) in slices.iter_mut().zip(&self.blocks) {
                    *slice = IoSlice::new(block.data());
                }
                sink.write_vectored(&slices[..blocks.min(SLICES)])
            }
        }?;
        self.retrieve(taken);
        Ok(taken)
    }

    fn reserve(&mut self, n: usize) {
        let whole_block = LARGEST_BLOCK.max(self.layout.first_used()) - self.layout.prepend;
        if self.writable() < n.min(whole_block) {
            self.push_block(n);
        }
    }

    fn shrink(&mut self) {
        self.spare = None;
        while self.blocks.back().is_some_and(|last| last.data().is_empty()) && self.blocks.len() > 1 {
            self.blocks.pop_back();
        }
        if self.readable == 0 {
            self.resume = Resume::default();
            if self.layout.initial == 0 {
                self.blocks.clear();
            }
        }
        for block in &mut self.blocks {
            let needed = (self.layout.prepend + block.data().len()).max(self.layout.first());
            if block.bytes.len() > needed {
                self.work.moved += block.data().len() as u64;
                self.work.allocations += 1;
                block.rehome(needed, self.layout.prepend);
            }
        }
        self.blocks.shrink_to_fit();
        self.held = self.blocks.iter().map(|block| block.bytes.len()).sum();
    }

    fn footprint(&self) -> usize {
        debug_assert_eq!(
            self.held,
            self.blocks.iter().chain(&self.spare).map(|block| block.bytes.len()).sum::<usize>()
        );
        self.held + self.blocks.capacity() * size_of::<Block>() + self.resume.footprint()
    }

    fn work(&self) -> Work {
        self.work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::PREPEND_BYTES;

    fn filled(initial: usize, bytes: &[u8]) -> Chained {
        let mut buffer = Chained::new(initial, None);
        for byte in bytes {
            buffer.append(&[*byte]).unwrap();
        }
        buffer
    }

    fn sizes(buffer: &Chained) -> Vec<usize> {
        buffer.blocks.iter().map(|block| block.bytes.len()).collect()
    }

    #[test]
    fn blocks_double_up_to_64_kib_without_moving_bytes() {
        let mut buffer = Chained::new(1024, None);
        for _ in 0..2000 {
            buffer.append(&[7; 100]).unwrap();
        }
        let kib: Vec<_> = sizes(&buffer).iter().map(|size| size / 1024).collect();
        assert_eq!(kib, [1, 2, 4, 8, 16, 32, 64, 64, 64]);
        assert_eq!(buffer.work(), Work { appended: 200_000, moved: 0, allocations: 9 });
    }

    #[test]
    fn a_standing_backlog_needs_no_new_memory() {
        let mut buffer = Chained::new(0, None);
        buffer.append(&vec![7; 1_000_000]).unwrap();
        let allocations = buffer.work().allocations;
        for _ in 0..1000 {
            buffer.retrieve(4000);
            buffer.append(&[7; 4000]).unwrap();
        }
        let allocations = buffer.work().allocations - allocations;
        assert!(allocations <= 1, "the drained block is the next one: {allocations}");
    }

    #[test]
    fn a_header_is_prepended_without_moving_the_body() {
        let mut buffer = filled(16, b"the body is in two blocks");
        buffer.prepend(&[1; 8]).unwrap();
        assert_eq!((sizes(&buffer), buffer.work().moved), (vec![16, 32], 0));
        buffer.prepend(&[2; 8]).unwrap();
        buffer.prepend(&[3; 8]).unwrap();
        assert_eq!(sizes(&buffer), [64, 16, 32], "no room in front: one small block, for both");
        assert_eq!(buffer.peek(25), [[3; 8].as_slice(), &[2; 8], &[1; 8], b"t"].concat());
    }

    #[test]
    fn an_empty_block_without_room_is_replaced() {
        let mut buffer = Chained::with(Layout { initial: 0, prepend: 64, ..Layout::default() });
        buffer.prepend(&[1; 8]).unwrap();
        buffer.retrieve(8);
        buffer.append(&[2; 8]).unwrap();
        assert_eq!((buffer.front(), buffer.prependable()), ([2; 8].as_slice(), 64));
    }

    #[test]
    fn peek_moves_only_bytes_across_blocks_and_only_once() {
        let mut buffer = filled(16, &[9; 100]);
        buffer.peek(8);
        assert_eq!(buffer.work().moved, 0, "in one block as it stands");
        buffer.peek(20);
        assert_eq!(buffer.work().moved, 20);
        buffer.peek(20);
        buffer.peek(32);
        assert_eq!(buffer.work().moved, 32, "the tail of the new block takes the rest");
    }

    #[test]
    fn a_delimiter_across_blocks_is_found_without_scanning_twice() {
        let mut buffer = filled(16, b"1234567\r");
        assert_eq!(buffer.find(b"\r\n\r\n"), None);
        buffer.append(b"\n\r\n").unwrap();
        assert_eq!(sizes(&buffer).len(), 2);
        assert_eq!(buffer.resume.start(b"\r\n\r\n"), 5);
        assert_eq!(buffer.find(b"\r\n\r\n"), Some(7));
    }

    #[test]
    fn shrink_frees_spare_blocks_and_slack() {
        let mut buffer = Chained::new(0, None);
        buffer.append(&vec![5; 300_000]).unwrap();
        buffer.retrieve(299_990);
        buffer.shrink();
        assert_eq!(sizes(&buffer), [PREPEND_BYTES + 10]);
        assert_eq!(buffer.front(), [5; 10]);
        buffer.retrieve(10);
        buffer.shrink();
        assert_eq!(buffer.footprint(), 0);
    }
}
