//! One block of memory, two indices: the buffer of most C++ servers, with a shift that stays linear.

use std::io::{self, Read, Write};

use super::admission::{admit, scatter};
use super::search::{Resume, position};
use super::{Buffer, Full, Layout, Shift, Work};

/// A buffer in one block of memory that grows by doubling.
///
/// ```text
///              | 8 kept  | retrieved |  readable  |  writable  |
///              0         8         read         write      capacity
/// shift left   | 8 kept  |  readable  |        writable        |
/// grow         | 8 kept  |  readable  |                     writable                      |
/// ```
///
/// When the right side is too small, the readable bytes are shifted left only if the free front is at least as large
/// as they are: each byte moved is then paid for by a byte that was retrieved since the last shift. Shifting whenever
/// it makes room, as is often done, moves a nearly full buffer for every small append, which is quadratic.
///
/// [`Shift`] has the two simpler rules beside this one, to be compared with.
#[derive(Debug)]
pub struct Contiguous {
    bytes: Vec<u8>,
    read: usize,
    write: usize,
    layout: Layout,
    resume: Resume,
    work: Work,
}

impl Contiguous {
    /// An empty buffer of `initial` bytes, of which [`PREPEND_BYTES`] are kept in front; 0 asks for no memory before
    /// the first byte arrives. At most `limit` bytes may wait; the memory held
    /// stays below twice that, or `initial` if that is more.
    ///
    /// [`PREPEND_BYTES`]: super::PREPEND_BYTES
    #[must_use]
    pub fn new(initial: usize, limit: Option<usize>) -> Self {
        Self::with(Layout { initial, limit, ..Layout::default() })
    }

    /// An empty buffer of this layout.
    #[must_use]
    pub fn with(layout: Layout) -> Self {
        let (bytes, read, write) = (Vec::new(), 0, 0);
        let mut buffer =
            Contiguous { bytes, read, write, layout, resume: Resume::default(), work: Work::default() };
        if layout.initial > 0 {
            buffer.rehome(layout.first(), layout.prepend);
        }
        buffer
    }

    /// See to it that `n` bytes can be written on the right.
    fn make_room(&mut self, n: usize) {
        if n <= self.writable() {
            return;
        }
        let front = self.read.saturating_sub(self.layout.prepend);
        let worthwhile = match self.layout.shift {
            Shift::Always => true,
            Shift::Never => false,
            Shift::Amortized => front >= self.readable(),
        };
        if worthwhile && n <= self.writable() + front {
            self.slide(self.layout.prepend);
        } else {
            self.rehome(self.grown(n), self.layout.prepend);
        }
    }

    /// See to it that `n` bytes can be written on the left: the same rule, mirrored. Half of the free space goes to
    /// the front, so that the bytes moved are paid for by those that can be put in before the next move.
    fn make_room_in_front(&mut self, n: usize) {
        if n <= self.read {
            return;
        }
        let half = usize::midpoint(self.read, self.writable());
        if half >= n && self.writable() >= self.readable() {
            self.slide(half);
        } else {
            self.rehome(self.grown(n), self.layout.prepend + n);
        }
    }

    /// At least double, so that growing costs a constant per byte. More than twice the limit is never needed by who
    /// shifts: the free front of a buffer that large is at least as large as what may wait.
    fn grown(&self, n: usize) -> usize {
        let needed = self.layout.prepend + self.readable() + n;
        let ceiling = match self.layout.limit {
            Some(limit) if self.layout.shift != Shift::Never => {
                limit.saturating_mul(2).saturating_add(self.layout.prepend)
            }
            _ => usize::MAX,
        };
        (2 * self.bytes.len()).max(self.layout.first_used()).min(ceiling).max(needed)
    }

    fn slide(&mut self, to: usize) {
        self.bytes.copy_within(self.read..self.write, to);
        self.moved_to(to);
    }

    /// A new block rather than `realloc`: fresh zeroed pages are not touched until bytes are written to them, and
    /// bytes already retrieved are not copied.
    fn rehome(&mut self, capacity: usize, to: usize) {
        let mut bytes = vec![0; capacity];
        bytes[to..to + self.readable()].copy_from_slice(self.front());
        self.bytes = bytes;
        self.work.allocations += 1;
        self.moved_to(to);
    }

    fn moved_to(&mut self, to: usize) {
        let readable = self.readable();
        self.work.moved += readable as u64;
        (self.read, self.write) = (to, to + readable);
    }

    fn put(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.make_room(bytes.len());
        self.bytes[self.write..self.write + bytes.len()].copy_from_slice(bytes);
        self.wrote(bytes.len());
    }

    fn wrote(&mut self, n: usize) {
        self.write += n;
        self.work.appended += n as u64;
    }
}

impl Buffer for Contiguous {
    fn readable(&self) -> usize {
        self.write - self.read
    }

    fn writable(&self) -> usize {
        self.bytes.len() - self.write
    }

    fn prependable(&self) -> usize {
        self.read
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        admit(self.readable(), bytes.len(), self.layout.limit)?;
        self.put(bytes);
        Ok(())
    }

    fn prepend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        admit(self.readable(), bytes.len(), self.layout.limit)?;
        self.make_room_in_front(bytes.len());
        let end = self.read;
        self.read -= bytes.len();
        self.bytes[self.read..end].copy_from_slice(bytes);
        self.resume.prepended();
        Ok(())
    }

    fn find(&mut self, delimiter: &[u8]) -> Option<usize> {
        let from = self.resume.start(delimiter);
        let found = position(&self.front()[from..], delimiter).map(|at| from + at);
        self.resume.stop(found, self.readable());
        found
    }

    fn peek(&mut self, n: usize) -> &[u8] {
        &self.front()[..n]
    }

    fn front(&self) -> &[u8] {
        &self.bytes[self.read..self.write]
    }

    fn retrieve(&mut self, n: usize) {
        assert!(n <= self.readable(), "{n} bytes retrieved, {} are readable", self.readable());
        self.read += n;
        self.resume.retrieved(n);
        if self.read == self.write {
            let start = self.layout.prepend.min(self.bytes.len());
            (self.read, self.write) = (start, start);
        }
    }

    fn read_from(&mut self, source: &mut dyn Read, spill: &mut [u8]) -> io::Result<usize> {
        let room = self.layout.limit.map_or(usize::MAX, |limit| limit - self.readable());
        if self.writable() == 0 && spill.is_empty() && room > 0 {
            self.make_room(1);
        }
        let (in_tail, in_spill) = scatter(source, &mut self.bytes[self.write..], spill, room)?;
        self.wrote(in_tail);
        self.put(&spill[..in_spill]);
        Ok(in_tail + in_spill)
    }

    fn write_to(&mut self, sink: &mut dyn Write) -> io::Result<usize> {
        if self.readable() == 0 {
            return Ok(0);
        }
        let taken = sink.write(self.front())?;
        self.retrieve(taken);
        Ok(taken)
    }

    fn reserve(&mut self, n: usize) {
        self.make_room(n);
    }

    fn shrink(&mut self) {
        if self.readable() == 0 {
            self.resume = Resume::default();
            if self.layout.initial == 0 {
                (self.bytes, self.read, self.write) = (Vec::new(), 0, 0);
                return;
            }
        }
        let needed = (self.layout.prepend + self.readable()).max(self.layout.first());
        if self.bytes.len() > needed {
            self.rehome(needed, self.layout.prepend);
        }
    }

    fn footprint(&self) -> usize {
        self.bytes.capacity() + self.resume.footprint()
    }

    fn work(&self) -> Work {
        self.work
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffer::PREPEND_BYTES;

    fn filled(initial: usize, bytes: &[u8]) -> Contiguous {
        let mut buffer = Contiguous::new(initial, None);
        buffer.append(bytes).unwrap();
        buffer
    }

    #[test]
    fn shifts_when_the_free_front_is_as_large_as_the_data() {
        let mut buffer = filled(108, &[b'x'; 100]);
        buffer.retrieve(50);
        buffer.append(&[b'y'; 20]).unwrap();
        assert_eq!(buffer.work().moved, 50);
        assert_eq!((buffer.work().allocations, buffer.prependable()), (1, PREPEND_BYTES));
        assert_eq!(buffer.front(), [[b'x'; 50].as_slice(), &[b'y'; 20]].concat());
    }

    #[test]
    fn grows_when_the_free_front_is_smaller_than_the_data() {
        let mut buffer = filled(108, &[b'x'; 100]);
        buffer.retrieve(49);
        buffer.append(&[b'y'; 20]).unwrap();
        assert_eq!((buffer.work().moved, buffer.work().allocations), (51, 2));
        assert_eq!(buffer.footprint(), 216, "doubled, although shifting would have made room");
    }

    #[test]
    fn a_nearly_full_buffer_stays_linear() {
        const LIMIT: usize = 10_000;
        let mut buffer = Contiguous::new(0, Some(LIMIT));
        buffer.append(&[0; LIMIT]).unwrap();
        for _ in 0..100_000 {
            buffer.retrieve(1);
            buffer.append(&[0]).unwrap();
        }
        let Work { appended, moved, .. } = buffer.work();
        assert!(moved <= appended, "moved {moved} bytes for {appended} appended");
        assert!(buffer.footprint() <= PREPEND_BYTES + 2 * LIMIT, "{}", buffer.footprint());
    }

    /// A buffer that holds all but a little of its limit, from which one byte is taken for each that is put in.
    fn nearly_full(shift: Shift) -> Contiguous {
        let mut buffer = Contiguous::with(Layout { initial: 0, shift, ..Layout::default() });
        buffer.append(&[0; 10_000]).unwrap();
        for _ in 0..50_000 {
            buffer.retrieve(1);
            buffer.append(&[0]).unwrap();
        }
        buffer
    }

    #[test]
    fn each_shift_rule_costs_moves_or_memory() {
        let [always, never, amortized] = [Shift::Always, Shift::Never, Shift::Amortized].map(nearly_full);
        let moved = |buffer: &Contiguous| buffer.work().moved / buffer.work().appended;
        assert_eq!((moved(&amortized), moved(&never)), (0, 0), "linear");
        assert!(moved(&always) > 1_000, "{} bytes moved for each", moved(&always));
        let held = |buffer: &Contiguous| buffer.footprint() / 1000;
        assert!(held(&always) <= 20 && held(&amortized) <= 21, "{} {}", held(&always), held(&amortized));
        assert!(held(&never) >= 60, "{} kB for 10 that wait", held(&never));
    }

    #[test]
    fn keeps_the_requested_space_in_front() {
        for prepend in [0, 8, 100] {
            let mut buffer = Contiguous::with(Layout { initial: 16, prepend, ..Layout::default() });
            assert_eq!((buffer.prependable(), buffer.writable()), (prepend, buffer.footprint() - prepend));
            buffer.append(&[1; 500]).unwrap();
            buffer.prepend(&vec![2; prepend]).unwrap();
            assert_eq!((buffer.work().moved, buffer.prependable()), (0, 0));
        }
    }

    #[test]
    fn a_header_is_prepended_without_moving_the_body() {
        let mut buffer = filled(1024, b"body");
        buffer.prepend(&4_u64.to_be_bytes()).unwrap();
        assert_eq!(buffer.front(), b"\0\0\0\0\0\0\0\x04body");
        assert_eq!((buffer.work().moved, buffer.prependable()), (0, 0));
        buffer.prepend(b"more than is kept").unwrap();
        assert_eq!(&buffer.front()[..18], b"more than is kept\0");
        assert_eq!(buffer.work().moved, 12, "no room in front: moved once");
    }

    #[test]
    fn a_repeated_search_scans_no_byte_twice() {
        let mut buffer = filled(64, b"GET / HTTP/1.1\r");
        assert_eq!(buffer.find(b"\r\n"), None);
        assert_eq!(buffer.resume.start(b"\r\n"), 14, "only the last byte is looked at again");
        buffer.append(b"\nHost: a\r\n").unwrap();
        assert_eq!(buffer.find(b"\r\n"), Some(14));
        buffer.retrieve(16);
        assert_eq!(buffer.find(b"\r\n"), Some(7));
    }

    #[test]
    fn bytes_beyond_the_capacity_are_read_into_the_spill_and_appended() {
        let mut buffer = Contiguous::new(16, None);
        let mut spill = [0; 64];
        assert_eq!(buffer.read_from(&mut &[b'z'; 8][..], &mut spill).unwrap(), 8);
        assert_eq!(buffer.work().allocations, 1, "what fits is read in place");
        buffer.retrieve(3);
        assert_eq!(buffer.read_from(&mut &[b'z'; 50][..], &mut spill).unwrap(), 50);
        assert_eq!((buffer.readable(), buffer.work().allocations), (55, 2));
    }

    #[test]
    fn an_unused_buffer_holds_no_memory() {
        let mut buffer = Contiguous::new(0, None);
        assert_eq!(buffer.read_from(&mut io::empty(), &mut [0; 64]).unwrap(), 0);
        assert_eq!((buffer.footprint(), buffer.work().allocations), (0, 0));
        buffer.append(b"x").unwrap();
        buffer.retrieve(1);
        assert_eq!(buffer.find(b"\n"), None);
        buffer.shrink();
        assert_eq!(buffer.footprint(), 0);
    }
}
