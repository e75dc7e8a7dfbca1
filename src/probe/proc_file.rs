//! A file of /proc that is read repeatedly: opened once, with a buffer that is kept.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// An open file of /proc. One that belongs to a process stays with that process: once it is gone reading fails with
/// `ESRCH`, even when its number is given to another.
#[derive(Debug)]
pub(super) struct ProcFile {
    file: File,
    bytes: Vec<u8>,
}

impl ProcFile {
    pub(super) fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file = File::open(path)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))?;
        Ok(Self { file, bytes: vec![0; 4096] })
    }

    /// What the file says now. Read in one piece, because the kernel writes the text anew at every read from 0.
    pub(super) fn read(&mut self) -> io::Result<&str> {
        loop {
            let length = self.file.read_at(&mut self.bytes, 0)?;
            if length < self.bytes.len() {
                return std::str::from_utf8(&self.bytes[..length])
                    .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error));
            }
            self.bytes.resize(self.bytes.len() * 2, 0);
        }
    }
}

/// The number after `key` (with its colon) at the beginning of a line, as in /proc/PID/status.
pub(super) fn number_after(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_longer_than_the_buffer_is_read_completely() {
        let mut file = ProcFile::open("/proc/self/status").unwrap();
        file.bytes.truncate(1);
        assert!(file.read().unwrap().contains("nonvoluntary_ctxt_switches"));
        assert!(ProcFile::open("/proc/nothing").unwrap_err().to_string().contains("/proc/nothing"));
    }

    #[test]
    fn a_number_is_found_by_its_whole_key() {
        let status = "VmHWM:\t    1748 kB\nnonvoluntary_ctxt_switches:\t3\nvoluntary_ctxt_switches:\t7\n";
        assert_eq!(number_after(status, "VmHWM:"), Some(1748));
        assert_eq!(number_after(status, "voluntary_ctxt_switches:"), Some(7));
        assert_eq!(number_after(status, "VmSwap:"), None);
    }
}
