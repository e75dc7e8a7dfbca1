//! Copies of what clients upload, whole or in ranges over any number of connections: bounded memory that all threads share.
//!
//! ```text
//!   the copy of a name   ├─ 0-99 ─┼───────────┼─ 200-299 ─┤   not whole: 100-199 is missing, and is read as zeros
//!   after 100-199        ├─────────────── whole ──────────┤   the next range begins the next copy: all zeros again
//! ```

use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use crate::codec::http::{ContentRange, Request, Span, Status};

/// Names that have a copy, at most.
const MOST_COPIES: usize = 64;
/// Separate pieces of which a copy may consist until it is whole.
const MOST_PIECES: usize = 1024;
/// The longest name, in bytes.
const MOST_NAME: usize = 255;

/// The copies of all names. It is the same for all threads of a server.
#[derive(Debug)]
pub(in crate::server) struct Uploads {
    by_name: Mutex<HashMap<Box<[u8]>, Arc<UploadedCopy>>>,
    /// Bytes of all copies together, at most.
    most_bytes: u64,
    held_bytes: Arc<AtomicU64>,
}

/// The copy of one name.
#[derive(Debug)]
pub(in crate::server) struct UploadedCopy {
    content: Mutex<Content>,
    reserved: Reserved,
}

#[derive(Debug)]
struct Content {
    bytes: Vec<u8>,
    /// The pieces that are there: where each begins and ends. No two of them touch.
    pieces: BTreeMap<u64, u64>,
    /// How many times it began anew.
    generation: u64,
}

/// Memory of a copy, until no connection sends the copy any more.
#[derive(Debug)]
struct Reserved {
    bytes: u64,
    held_bytes: Arc<AtomicU64>,
}

impl Reserved {
    fn new(bytes: u64, held_bytes: &Arc<AtomicU64>) -> Self {
        held_bytes.fetch_add(bytes, Relaxed);
        Self { bytes, held_bytes: Arc::clone(held_bytes) }
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.held_bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// A range that is being received.
#[derive(Debug)]
pub(super) struct Receiving {
    copy: Arc<UploadedCopy>,
    generation: u64,
    range: Span,
    received: u64,
}

impl Uploads {
    /// Copies of at most so many bytes together.
    pub(in crate::server) fn new(most_bytes: u64) -> Self {
        Self { by_name: Mutex::default(), most_bytes, held_bytes: Arc::default() }
    }

    /// The copy of this name, as far as it has come.
    pub(super) fn find(&self, name: &[u8]) -> Option<Arc<UploadedCopy>> {
        self.by_name().get(name).map(Arc::clone)
    }

    /// Begins to receive what this request brings for the name: a range, or the whole where it does not say.
    ///
    /// # Errors
    /// 400 for a name or a place that is none, 411 without a length, 416 for a range that ends behind the whole, 413 for a
    /// whole that has no room, 409 for one of another length than that which is being uploaded, 507 where others have taken
    /// the room.
    pub(super) fn begin(&self, name: &[u8], request: &Request<'_>) -> Result<Receiving, Status> {
        let length = request.body.and_then(|body| body.length()).ok_or(Status::LengthRequired)?;
        let (range, whole) = match request.content_range {
            None => (Span { start: 0, length }, length),
            Some(ContentRange::Part(range, whole)) => (range, whole),
            Some(ContentRange::Invalid) => return Err(Status::BadRequest),
        };
        if name.is_empty() || name.len() > MOST_NAME || name.contains(&b'/') || range.length != length {
            return Err(Status::BadRequest);
        }
        if range.start.checked_add(range.length).is_none_or(|end| end > whole) {
            return Err(Status::RangeNotSatisfiable);
        }
        let copy = self.copy_to_fill(name, whole)?;
        let generation = copy.content().begin();
        Ok(Receiving { copy, generation, range, received: 0 })
    }

    /// The copy of this name with so many bytes; it is made if there is none, and takes the place of a whole one of another
    /// length. Where it has no room, what is there stays.
    fn copy_to_fill(&self, name: &[u8], whole: u64) -> Result<Arc<UploadedCopy>, Status> {
        if whole > self.most_bytes {
            return Err(Status::ContentTooLarge);
        }
        let mut by_name = self.by_name();
        let freed_bytes = match by_name.get(name) {
            Some(copy) if copy.length() == whole => return Ok(Arc::clone(copy)),
            Some(copy) if !copy.content().is_whole() => return Err(Status::Conflict),
            // Its memory is free as soon as it is gone, unless somebody still sends it.
            Some(copy) if Arc::strong_count(copy) == 1 => copy.length(),
            None if by_name.len() >= MOST_COPIES => return Err(Status::InsufficientStorage),
            Some(_) | None => 0,
        };
        // Memory is taken only by a thread that has locked the map, so what is held can only fall meanwhile.
        let held_bytes = self.held_bytes.load(Relaxed).saturating_sub(freed_bytes);
        if held_bytes.saturating_add(whole) > self.most_bytes {
            return Err(Status::InsufficientStorage);
        }
        by_name.remove(name);
        let copy = Arc::new(UploadedCopy::new(Reserved::new(whole, &self.held_bytes)));
        by_name.insert(name.into(), Arc::clone(&copy));
        Ok(copy)
    }

    fn by_name(&self) -> MutexGuard<'_, HashMap<Box<[u8]>, Arc<UploadedCopy>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UploadedCopy {
    fn new(reserved: Reserved) -> Self {
        let bytes = vec![0; reserved.bytes as usize];
        let content = Mutex::new(Content { bytes, pieces: BTreeMap::new(), generation: 0 });
        Self { content, reserved }
    }

    /// Bytes of it when it is whole.
    pub(super) fn length(&self) -> u64 {
        self.reserved.bytes
    }

    /// Copies what is there from `start` on; `out` must end within the copy.
    pub(super) fn read(&self, start: u64, out: &mut [u8]) {
        out.copy_from_slice(&self.content().bytes[start as usize..][..out.len()]);
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Content {
    fn is_whole(&self) -> bool {
        self.pieces.get(&0).is_some_and(|end| *end == self.bytes.len() as u64)
    }

    /// A range is to come: what is whole begins anew. The generation that the range belongs to.
    fn begin(&mut self) -> u64 {
        if self.is_whole() {
            self.bytes.fill(0);
            self.pieces.clear();
            self.generation += 1;
        }
        self.generation
    }

    /// This range is there; false if there are too many pieces.
    fn add(&mut self, range: Span) -> bool {
        let (mut start, mut end) = (range.start, range.start + range.length);
        while let Some((&before, &until)) = self.pieces.range(..=end).next_back()
            && until >= start
        {
            (start, end) = (start.min(before), end.max(until));
            self.pieces.remove(&before);
        }
        if self.pieces.len() >= MOST_PIECES {
            return false;
        }
        self.pieces.insert(start, end);
        true
    }
}

impl Receiving {
    /// The next bytes of the range.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let mut content = self.copy.content();
        if content.generation == self.generation {
            let at = (self.range.start + self.received) as usize;
            content.bytes[at..][..bytes.len()].copy_from_slice(bytes);
        }
        self.received += bytes.len() as u64;
    }

    /// All of the range has come.
    ///
    /// # Errors
    /// 409 where the copy became whole and began anew meanwhile, 507 where it consists of too many pieces.
    pub(super) fn finish(self) -> Result<(), Status> {
        let mut content = self.copy.content();
        if content.generation != self.generation {
            return Err(Status::Conflict);
        }
        if content.add(self.range) { Ok(()) } else { Err(Status::InsufficientStorage) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Receives so many bytes `x` at this place.
    fn receive(uploads: &Uploads, name: &str, place: &str, length: usize) -> Result<(), Status> {
        begin(uploads, name, place, length).and_then(|mut receiving| {
            receiving.write(&vec![b'x'; length]);
            receiving.finish()
        })
    }

    fn begin(uploads: &Uploads, name: &str, place: &str, length: usize) -> Result<Receiving, Status> {
        let place = if place.is_empty() { String::new() } else { format!("Content-Range: {place}\r\n") };
        let head = format!("PUT / HTTP/1.1\r\nHost: x\r\n{place}Content-Length: {length}\r\n\r\n");
        uploads.begin(name.as_bytes(), &Request::parse(head.as_bytes(), 1 << 20).expect("a request"))
    }

    fn copy(uploads: &Uploads, name: &str) -> String {
        let copy = uploads.find(name.as_bytes()).expect("a copy");
        let mut out = vec![0; copy.length() as usize];
        copy.read(0, &mut out);
        out.iter().map(|byte| if *byte == 0 { '.' } else { char::from(*byte) }).collect()
    }

    #[test]
    fn ranges_in_any_order_make_a_whole_and_the_next_one_begins_anew() {
        let uploads = Uploads::new(100);
        for (place, expected) in [
            ("bytes 4-5/10", "....xx...."),
            ("bytes 0-1/10", "xx..xx...."),
            ("bytes 1-4/10", "xxxxxx...."),
            ("bytes 6-9/10", "xxxxxxxxxx"),
            ("bytes 9-9/10", ".........x"),
        ] {
            let length = place[6..].split(['-', '/']).take(2).map(|n| n.parse::<usize>().expect("a number"));
            let ends: Vec<usize> = length.collect();
            assert_eq!(receive(&uploads, "a", place, ends[1] + 1 - ends[0]), Ok(()));
            assert_eq!(copy(&uploads, "a"), expected, "{place}");
        }
        assert_eq!(receive(&uploads, "b", "", 3), Ok(()));
        assert_eq!(copy(&uploads, "b"), "xxx");
        assert!(uploads.find(b"c").is_none());
    }

    #[test]
    fn an_impossible_range_is_refused_with_its_status() {
        let uploads = Uploads::new(10);
        assert_eq!(receive(&uploads, "a", "bytes 0-1/10", 2), Ok(()));
        for (name, place, length, status) in [
            ("a", "bytes 0-1", 2, Status::BadRequest),
            ("a", "bytes 0-1/10", 3, Status::BadRequest),
            ("a/b", "bytes 0-1/10", 2, Status::BadRequest),
            ("", "bytes 0-1/10", 2, Status::BadRequest),
            ("a", "bytes 9-10/10", 2, Status::RangeNotSatisfiable),
            ("a", "bytes 0-1/9", 2, Status::Conflict),
            ("b", "bytes 0-1/11", 2, Status::ContentTooLarge),
            ("b", "bytes 0-0/1", 1, Status::InsufficientStorage),
            ("b", "", 0, Status::LengthRequired),
        ] {
            assert_eq!(receive(&uploads, name, place, length), Err(status), "{name} {place}");
        }
        assert_eq!(copy(&uploads, "a"), "xx........", "nothing of that is in the copy");
        let chunked = b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunked = Request::parse(chunked, 10).expect("a request");
        assert_eq!(uploads.begin(b"a", &chunked).err(), Some(Status::LengthRequired));
    }

    #[test]
    fn a_range_that_began_before_the_copy_was_whole_is_no_part_of_the_next() {
        let uploads = Uploads::new(10);
        let mut late = begin(&uploads, "a", "bytes 0-4/10", 5).expect("room");
        late.write(b"zz");
        assert_eq!(receive(&uploads, "a", "", 10), Ok(()));
        assert_eq!(receive(&uploads, "a", "bytes 5-9/10", 5), Ok(()));
        late.write(b"zzz");
        assert_eq!((copy(&uploads, "a").as_str(), late.finish()), (".....xxxxx", Err(Status::Conflict)));
    }

    #[test]
    fn an_upload_without_room_leaves_the_copy_that_it_was_to_replace() {
        let uploads = Uploads::new(10);
        assert_eq!(receive(&uploads, "a", "", 4), Ok(()));
        assert_eq!(receive(&uploads, "b", "", 3), Ok(()));
        assert_eq!(receive(&uploads, "a", "", 8), Err(Status::InsufficientStorage), "b has three");
        assert_eq!(copy(&uploads, "a"), "xxxx");
        let sent = uploads.find(b"a");
        assert_eq!(
            receive(&uploads, "a", "", 7),
            Err(Status::InsufficientStorage),
            "somebody reads it still"
        );
        assert_eq!(copy(&uploads, "a"), "xxxx");
        drop(sent);
        assert_eq!(receive(&uploads, "a", "", 7), Ok(()));
        assert_eq!((copy(&uploads, "a").as_str(), copy(&uploads, "b").as_str()), ("xxxxxxx", "xxx"));
        assert_eq!(receive(&uploads, "c", "", 1), Err(Status::InsufficientStorage), "all of it is taken");
    }

    #[test]
    fn memory_and_number_of_copies_and_pieces_are_bounded() {
        let uploads = Uploads::new(3000);
        assert_eq!(receive(&uploads, "a", "", 2000), Ok(()));
        assert_eq!(receive(&uploads, "b", "", 1001), Err(Status::InsufficientStorage));
        let sent = uploads.find(b"a");
        assert_eq!(
            receive(&uploads, "a", "", 2500),
            Err(Status::InsufficientStorage),
            "somebody reads it still"
        );
        drop(sent);
        assert_eq!(receive(&uploads, "a", "", 3000), Ok(()), "another length replaces what is whole");
        assert_eq!(receive(&uploads, "a", "", 1), Ok(()));
        for name in 1..MOST_COPIES {
            assert_eq!(receive(&uploads, &name.to_string(), "", 1), Ok(()));
        }
        assert_eq!(receive(&uploads, "more", "", 1), Err(Status::InsufficientStorage));
        let uploads = Uploads::new(3000);
        let single = |at: usize| receive(&uploads, "a", &format!("bytes {at}-{at}/3000"), 1);
        assert!((0..MOST_PIECES).all(|piece| single(2 * piece) == Ok(())));
        assert_eq!(single(2 * MOST_PIECES), Err(Status::InsufficientStorage));
        assert_eq!(single(1), Ok(()), "it joins two of them");
    }
}
