//! Search for a delimiter in bytes that arrive in pieces, without reading any byte twice.

/// Offset of the first `delimiter` in `bytes`.
pub(super) fn position(bytes: &[u8], delimiter: &[u8]) -> Option<usize> {
    match delimiter {
        [byte] => memchr::memchr(*byte, bytes),
        _ => memchr::memmem::find(bytes, delimiter),
    }
}

/// Where the search for a delimiter goes on, so that no byte is scanned again for each piece that arrives.
#[derive(Debug, Default)]
pub(super) struct Resume {
    delimiter: Vec<u8>,
    /// The delimiter begins at none of the first `clean` readable bytes.
    clean: usize,
}

impl Resume {
    /// Offset at which the search for `delimiter` has to start.
    pub(super) fn start(&mut self, delimiter: &[u8]) -> usize {
        if self.delimiter != delimiter {
            self.delimiter.clear();
            self.delimiter.extend_from_slice(delimiter);
            self.clean = 0;
        }
        self.clean
    }

    /// The search is over. Without a match, the last `delimiter.len() - 1` bytes may still be the beginning of one.
    pub(super) fn stop(&mut self, found: Option<usize>, readable: usize) {
        self.clean = found.unwrap_or((readable + 1).saturating_sub(self.delimiter.len()));
    }

    pub(super) fn retrieved(&mut self, n: usize) {
        self.clean = self.clean.saturating_sub(n);
    }

    /// New bytes in front may hold a delimiter, or begin one.
    pub(super) fn prepended(&mut self) {
        self.clean = 0;
    }

    pub(super) fn footprint(&self) -> usize {
        self.delimiter.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_resumes_where_a_match_could_begin() {
        let mut resume = Resume::default();
        assert_eq!(resume.start(b"\r\n\r\n"), 0);
        resume.stop(None, 100);
        assert_eq!(resume.start(b"\r\n\r\n"), 97, "the last three bytes may begin the delimiter");
        resume.retrieved(40);
        assert_eq!(resume.start(b"\r\n\r\n"), 57);
        resume.stop(Some(80), 90);
        assert_eq!(resume.start(b"\r\n\r\n"), 80, "a match is found again at once");
        assert_eq!(resume.start(b"\n"), 0, "another delimiter, another search");
        resume.stop(None, 100);
        resume.prepended();
        assert_eq!(resume.start(b"\n"), 0);
    }
}
