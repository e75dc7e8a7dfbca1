//! What all connections of one thread share: the reactor, the policy, memory for a single call, and the counters.

use std::{io, sync::Arc, time::Duration};

use nix::time::{ClockId, clock_getres};

use super::{
    common::Common,
    counters::Counters,
    journal::Journal,
    policy::Policy,
    protocol::{Scratch, Uploads},
};
use crate::reactor::Reactor;

/// Events taken from epoll at one go.
const EVENTS: usize = 256;
/// What one read may take beyond the room in the receive buffer.
const SPILL_BYTES: usize = 64 * 1024;

/// What all connections of one thread share.
pub(super) struct Context {
    pub(super) reactor: Reactor,
    pub(super) policy: Arc<Policy>,
    pub(super) counters: Arc<Counters>,
    pub(super) journal: Arc<Journal>,
    /// What clients have uploaded, if they may.
    uploads: Option<Arc<Uploads>>,
    /// Where answers are made.
    pub(super) scratch: Scratch,
    /// Where a read puts what does not fit the receive buffer.
    pub(super) spill: Box<[u8]>,
    /// The server ends: connections that wait for nothing are closed.
    pub(super) is_draining: bool,
    /// How coarse the instants in `TCP_INFO` are, in nanoseconds.
    pub(super) jiffy_ns: u64,
}

impl Context {
    /// For a thread that has its connections for itself.
    ///
    /// # Errors
    /// When the kernel has no descriptor left, or the root of the files cannot be read.
    pub(super) fn new(common: &Common) -> io::Result<Self> {
        let Common { policy, journal, uploads, .. } = common;
        Self::with(Reactor::new(EVENTS)?, policy, journal, uploads.as_ref())
    }

    /// For another thread that waits for the same events.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub(super) fn share(&self) -> io::Result<Self> {
        Self::with(self.reactor.share()?, &self.policy, &self.journal, self.uploads.as_ref())
    }

    fn with(
        reactor: Reactor,
        policy: &Arc<Policy>,
        journal: &Arc<Journal>,
        uploads: Option<&Arc<Uploads>>,
    ) -> io::Result<Self> {
        // Jiffies tick as this clock does: the kernel shows CONFIG_HZ nowhere else.
        let jiffy = clock_getres(ClockId::CLOCK_MONOTONIC_COARSE)?;
        Ok(Self {
            reactor,
            policy: Arc::clone(policy),
            counters: Arc::default(),
            journal: Arc::clone(journal),
            uploads: uploads.cloned(),
            scratch: Scratch::new(policy.root.as_deref(), policy.answering, uploads.cloned())?,
            spill: vec![0; SPILL_BYTES].into_boxed_slice(),
            is_draining: false,
            jiffy_ns: Duration::from(jiffy).as_nanos() as u64,
        })
    }
}
