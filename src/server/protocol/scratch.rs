//! What the answers of all connections are made in, and what they are made of.

use std::{io, path::Path, sync::Arc};

use super::http::{site::Site, uploads::Uploads};
use crate::codec::frame::HEADER_BYTES;

/// Answers are sent before more than this many bytes of them wait, so that a long queue of requests needs no long
/// queue of answers.
pub(in crate::server) const BATCH_BYTES: usize = 64 * 1024;

/// Where answers are made before they are appended; one for all connections of a thread.
pub(in crate::server) struct Scratch {
    pub(in crate::server) bytes: Box<[u8]>,
    /// What HTTP answers with.
    pub(in crate::server) site: Site,
}

impl Scratch {
    /// One of `threads` that serve the same root, and share what clients upload.
    ///
    /// # Errors
    /// When the root is no directory that can be read.
    pub(in crate::server) fn new(
        root: Option<&Path>,
        threads: u64,
        uploads: Option<Arc<Uploads>>,
    ) -> io::Result<Self> {
        let bytes = vec![0; HEADER_BYTES + BATCH_BYTES].into_boxed_slice();
        Ok(Self { bytes, site: Site::open(root, threads, uploads)? })
    }
}
