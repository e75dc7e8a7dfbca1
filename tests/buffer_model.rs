//! Both buffers against the plainest model there is: whatever happens, they hold what a queue of bytes would hold.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};

use badpeer::buffer::{Buffer, Full, Kind, Layout, PREPEND_BYTES, Shift, Work, make_with};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_buffer_is_a_queue_of_bytes(
        initial in prop_oneof![Just(0_usize), Just(16), Just(100), Just(1024), Just(100_000)],
        limit in prop_oneof![
            2 => Just(None),
            1 => (1..300_usize).prop_map(Some),
            1 => (1..100_000_usize).prop_map(Some),
        ],
        prepend in prop_oneof![3 => Just(PREPEND_BYTES), 1 => Just(0), 1 => 1..200_usize],
        ops in prop::collection::vec(op(), 1..120),
    ) {
        for (kind, shift) in KINDS {
            let mut pair = Pair::new(kind, Layout { initial, limit, prepend, shift });
            for op in &ops {
                pair.apply(op);
            }
            pair.finish();
        }
    }

    /// Without the two things that may move more than was put in: the bound of the shift rule, over long runs.
    #[test]
    fn moved_bytes_are_linear_in_appended_bytes(
        initial in prop_oneof![Just(0_usize), Just(16), Just(1024)],
        limit in prop_oneof![Just(None), (1..5000_usize).prop_map(Some)],
        sizes in prop::collection::vec((0..200_usize, 0..200_usize), 100..600),
    ) {
        for (kind, shift) in KINDS {
            let mut pair = Pair::new(kind, Layout { initial, limit, shift, ..Layout::default() });
            for (put, taken) in &sizes {
                pair.apply(&Op::Append(vec![b'x'; *put]));
                pair.apply(&Op::Retrieve(*taken));
            }
            prop_assert!(kind == Kind::Contiguous || pair.buffer.work().moved == 0);
        }
    }
}

const KINDS: [(Kind, Shift); 4] = [
    (Kind::Contiguous, Shift::Amortized),
    (Kind::Contiguous, Shift::Always),
    (Kind::Contiguous, Shift::Never),
    (Kind::Chained, Shift::Amortized),
];

#[derive(Clone, Debug)]
enum Op {
    Append(Vec<u8>),
    Prepend(Vec<u8>),
    Find(Vec<u8>),
    Peek(usize),
    Retrieve(usize),
    Read { offer: Result<Vec<u8>, ErrorKind>, spill: usize },
    Write(Result<usize, ErrorKind>),
    Reserve(usize),
    Shrink,
}

fn op() -> impl Strategy<Value = Op> {
    let offer = prop_oneof![4 => bytes(lengths()).prop_map(Ok), 1 => trouble().prop_map(Err)];
    let spill = prop_oneof![Just(0_usize), 1..32_usize, Just(65_536)];
    let taken = prop_oneof![4 => lengths().prop_map(Ok), 1 => trouble().prop_map(Err)];
    prop_oneof![
        6 => bytes(lengths()).prop_map(Op::Append),
        6 => piece().prop_map(Op::Append),
        2 => bytes(0..24_usize).prop_map(Op::Prepend),
        9 => Just(Op::Find(b"\r\n\r\n".to_vec())),
        3 => prop_oneof![Just(b"\n".to_vec()), bytes(0..7_usize)].prop_map(Op::Find),
        3 => lengths().prop_map(Op::Peek),
        6 => lengths().prop_map(Op::Retrieve),
        4 => (offer, spill).prop_map(|(offer, spill)| Op::Read { offer, spill }),
        4 => taken.prop_map(Op::Write),
        1 => lengths().prop_map(Op::Reserve),
        1 => Just(Op::Shrink),
    ]
}

/// Few different bytes, so that delimiters occur, whole and in parts; or no delimiter, or only a piece of one.
fn bytes(lengths: impl Strategy<Value = usize>) -> impl Strategy<Value = Vec<u8>> {
    (lengths, any::<u64>()).prop_map(|(length, seed)| {
        let alphabet = [b"abab\r\n\r\n", b"abbaabab", b"aaabbabb"][seed as usize % 3];
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            alphabet[(state >> 33) as usize % 8]
        };
        (0..length).map(|_| next()).collect()
    })
}

fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![Just("\r\n"), Just("\r\n\r"), Just("\n"), Just("\r")].prop_map(Into::into)
}

fn lengths() -> impl Strategy<Value = usize> {
    prop_oneof![16 => 0..40_usize, 8 => 0..3000_usize, 1 => 0..20_000_usize, 1 => 60_000..80_000_usize]
}

fn trouble() -> impl Strategy<Value = ErrorKind> {
    prop_oneof![Just(ErrorKind::WouldBlock), Just(ErrorKind::Interrupted), Just(ErrorKind::ConnectionReset)]
}

/// A source that has bytes, or trouble, ready for one call. It fills every slice, as `readv` does.
struct Source<'a>(&'a Result<Vec<u8>, ErrorKind>);

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_vectored(&mut [IoSliceMut::new(buffer)])
    }

    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        match self.0 {
            Ok(offer) => (&offer[..]).read_vectored(slices),
            Err(kind) => Err((*kind).into()),
        }
    }
}

/// A sink that takes at most so many bytes, or has trouble.
struct Sink {
    takes: Result<usize, ErrorKind>,
    taken: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let limit = self.takes?;
        self.taken.extend(slices.iter().flat_map(|slice| slice.iter()).take(limit));
        Ok(self.taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A buffer, what it should hold, and what it may have cost.
struct Pair {
    kind: Kind,
    layout: Layout,
    buffer: Box<dyn Buffer + Send>,
    model: VecDeque<u8>,
    appended: u64,
    prepended: u64,
    /// Neither a prepend without room nor a shrink so far: every move is paid for by the bytes put in.
    paid: bool,
}

impl Pair {
    fn new(kind: Kind, layout: Layout) -> Self {
        let (buffer, model) = (make_with(kind, layout), VecDeque::new());
        Pair { kind, layout, buffer, model, appended: 0, prepended: 0, paid: layout.shift != Shift::Always }
    }

    fn apply(&mut self, op: &Op) {
        let before = self.buffer.work();
        let free = match op {
            Op::Append(bytes) => self.append(bytes),
            Op::Prepend(bytes) => self.prepend(bytes),
            Op::Find(delimiter) => self.find(delimiter),
            Op::Peek(n) => self.peek(*n),
            Op::Retrieve(n) => self.retrieve(*n),
            Op::Read { offer, spill } => self.read(offer, *spill),
            Op::Write(takes) => self.write(*takes),
            Op::Reserve(n) => self.reserve(*n),
            Op::Shrink => self.shrink(),
        };
        self.check();
        let Work { moved, allocations, .. } = self.buffer.work();
        if free {
            assert_eq!((moved, allocations), (before.moved, before.allocations), "{op:?} should be free");
        }
        if self.kind == Kind::Chained && !matches!(op, Op::Peek(_) | Op::Shrink) {
            assert_eq!(moved, before.moved, "{op:?} moved what a chain never moves");
        }
    }

    // Each of the following does one thing to both, compares, and answers: must it have been free, that is, without
    // a byte moved or memory asked for?

    fn append(&mut self, bytes: &[u8]) -> bool {
        let free = bytes.len() <= self.buffer.writable();
        let admission = self.admission(bytes.len());
        assert_eq!(self.buffer.append(bytes), admission);
        if admission.is_ok() {
            self.model.extend(bytes);
            self.appended += bytes.len() as u64;
        }
        free || admission.is_err()
    }

    fn prepend(&mut self, bytes: &[u8]) -> bool {
        let free = bytes.len() <= self.buffer.prependable();
        let admission = self.admission(bytes.len());
        assert_eq!(self.buffer.prepend(bytes), admission);
        if admission.is_ok() {
            bytes.iter().rev().for_each(|byte| self.model.push_front(*byte));
            self.prepended += bytes.len() as u64;
            self.paid &= free;
        }
        free || admission.is_err()
    }

    fn find(&mut self, delimiter: &[u8]) -> bool {
        let model = self.model.make_contiguous();
        let naive = match delimiter.len() {
            0 => Some(0),
            length => model.windows(length).position(|window| window == delimiter),
        };
        assert_eq!(self.buffer.find(delimiter), naive, "{delimiter:?}");
        assert_eq!(self.buffer.find(delimiter), naive, "{delimiter:?}, once more");
        true
    }

    fn peek(&mut self, n: usize) -> bool {
        let n = n.min(self.model.len());
        let free = n <= self.buffer.front().len();
        assert_eq!(self.buffer.peek(n), &self.model.make_contiguous()[..n]);
        free || self.kind == Kind::Contiguous
    }

    fn retrieve(&mut self, n: usize) -> bool {
        let n = n.min(self.model.len());
        self.buffer.retrieve(n);
        self.model.drain(..n);
        true
    }

    fn read(&mut self, offer: &Result<Vec<u8>, ErrorKind>, spill: usize) -> bool {
        let room = self.layout.limit.map_or(usize::MAX, |limit| limit - self.model.len());
        let tail = self.buffer.writable();
        match (self.buffer.read_from(&mut Source(offer), &mut vec![0; spill]), offer) {
            (Err(error), _) if room == 0 => assert_eq!(error.kind(), ErrorKind::StorageFull),
            (Err(error), Err(kind)) => assert_eq!(error.kind(), *kind),
            (Ok(n), Ok(offer)) => {
                let least = offer.len().min((tail + spill).max(1)).min(room);
                assert!(n >= least && n <= room, "{n} of {} read, {least} fit, room {room}", offer.len());
                self.model.extend(&offer[..n]);
                self.appended += n as u64;
                return n <= tail && tail + spill > 0;
            }
            (got, offer) => panic!("{got:?} after {offer:?}"),
        }
        room == 0 || tail + spill > 0
    }

    fn write(&mut self, takes: Result<usize, ErrorKind>) -> bool {
        let front = self.buffer.front().len();
        let mut sink = Sink { takes, taken: Vec::new() };
        match (self.buffer.write_to(&mut sink), takes) {
            (Ok(0), _) if self.model.is_empty() => {}
            (Err(error), Err(kind)) => assert_eq!(error.kind(), kind),
            (Ok(n), Ok(takes)) => {
                assert!(n >= front.min(takes), "{n} bytes written, {front} were ready");
                assert_eq!(sink.taken, self.model.drain(..n).collect::<Vec<_>>());
            }
            (got, takes) => panic!("{got:?} after {takes:?}"),
        }
        true
    }

    fn reserve(&mut self, n: usize) -> bool {
        let free = n <= self.buffer.writable();
        self.buffer.reserve(n);
        // A chain has at most a block of it, less what is kept in front.
        assert!(self.buffer.writable() >= n.min(64 * 1024 - self.layout.prepend));
        // Room that nothing was put into yet pays for no move.
        self.paid &= free;
        free
    }

    fn shrink(&mut self) -> bool {
        let before = self.buffer.footprint();
        self.buffer.shrink();
        assert!(self.buffer.footprint() <= before, "{before} bytes were held");
        self.paid = false;
        false
    }

    /// What `n` more bytes must lead to.
    fn admission(&self, n: usize) -> Result<(), Full> {
        let wanted = self.model.len() + n;
        match self.layout.limit {
            Some(limit) if wanted > limit => Err(Full { limit, wanted }),
            _ => Ok(()),
        }
    }

    /// What holds after every step.
    fn check(&self) {
        let (buffer, model) = (&self.buffer, &self.model);
        assert_eq!(buffer.readable(), model.len());
        assert!(self.layout.limit.is_none_or(|limit| buffer.readable() <= limit));
        assert!(buffer.footprint() >= buffer.prependable().max(buffer.readable() + buffer.writable()));
        assert_eq!(buffer.front().is_empty(), model.is_empty());
        assert!(
            !model.is_empty() || buffer.prependable() <= self.layout.prepend,
            "drained, but not back at the start"
        );
        assert!(buffer.front().iter().eq(model.iter().take(buffer.front().len())));
        let Work { appended, moved, .. } = buffer.work();
        assert_eq!(appended, self.appended);
        if self.kind == Kind::Contiguous && self.paid {
            let put_in = self.appended + self.prepended;
            assert!(moved <= 2 * put_in, "moved {moved} bytes for {put_in} put in");
        }
    }

    /// At the end, everything comes out, and the memory goes back.
    fn finish(mut self) {
        while !self.model.is_empty() {
            let before = self.model.len();
            self.write(Ok(usize::MAX));
            assert!(self.model.len() < before, "a sink that takes everything was given nothing");
        }
        self.buffer.shrink();
        let Layout { initial, prepend, .. } = self.layout;
        let most = if initial == 0 { 0 } else { initial.max(prepend + PREPEND_BYTES) + 64 };
        assert!(self.buffer.footprint() <= most, "{} bytes held by an empty buffer", self.buffer.footprint());
    }
}
