//! The buffer of a connection without memory: empty, and full.

use std::io::{self, ErrorKind, Read, Write};

use super::{Buffer, Full, Work};

/// A buffer without capacity that needs no memory, even in a box: a placeholder until a buffer is needed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nothing;

impl Nothing {
    fn put(bytes: &[u8]) -> Result<(), Full> {
        if bytes.is_empty() { Ok(()) } else { Err(Full { limit: 0, wanted: bytes.len() }) }
    }
}

impl Buffer for Nothing {
    fn readable(&self) -> usize {
        0
    }

    fn writable(&self) -> usize {
        0
    }

    fn prependable(&self) -> usize {
        0
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), Full> {
        Self::put(bytes)
    }

    fn prepend(&mut self, bytes: &[u8]) -> Result<(), Full> {
        Self::put(bytes)
    }

    fn find(&mut self, delimiter: &[u8]) -> Option<usize> {
        delimiter.is_empty().then_some(0)
    }

    fn peek(&mut self, n: usize) -> &[u8] {
        assert_eq!(n, 0, "{n} bytes peeked at, 0 are readable");
        &[]
    }

    fn front(&self) -> &[u8] {
        &[]
    }

    fn retrieve(&mut self, n: usize) {
        assert_eq!(n, 0, "{n} bytes retrieved, 0 are readable");
    }

    fn read_from(&mut self, _: &mut dyn Read, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::StorageFull.into())
    }

    fn write_to(&mut self, _: &mut dyn Write) -> io::Result<usize> {
        Ok(0)
    }

    fn reserve(&mut self, _: usize) {}

    fn shrink(&mut self) {}

    fn footprint(&self) -> usize {
        0
    }

    fn work(&self) -> Work {
        Work::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_buffer_takes_no_byte() {
        let mut buffer = Nothing;
        assert_eq!(size_of_val(&buffer), 0);
        assert_eq!(buffer.append(b"some"), Err(Full { limit: 0, wanted: 4 }));
        assert_eq!(buffer.prepend(b""), Ok(()));
        let source = &mut &b"some"[..];
        assert_eq!(buffer.read_from(source, &mut [0; 9]).unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!((source.len(), buffer.find(b""), buffer.find(b"x")), (4, Some(0), None));
    }
}
