//! What the event loops of one server have in common.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
};

use super::{journal::Journal, policy::Policy, protocol::Uploads, shutdown::ShutdownSignals};
use crate::{profile::ServerOptions, units::Bytes};

/// What the event loops of one server have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) policy: Arc<Policy>,
    pub(super) journal: Arc<Journal>,
    /// What clients have uploaded, if they may.
    pub(super) uploads: Option<Arc<Uploads>>,
    pub(super) shutdown: Arc<ShutdownSignals>,
    /// Connections held by all.
    population: Arc<AtomicUsize>,
}

impl Common {
    /// # Errors
    /// When the kernel has no descriptor left.
    pub(super) fn new(options: &ServerOptions) -> io::Result<Self> {
        Ok(Self {
            policy: Arc::new(Policy::new(options)),
            journal: Arc::default(),
            uploads: options.uploads.0.map(|Bytes(most)| Arc::new(Uploads::new(most))),
            shutdown: Arc::new(ShutdownSignals::new()?),
            population: Arc::default(),
        })
    }

    /// One more connection, unless there are as many as the policy allows.
    pub(super) fn admit(&self) -> bool {
        let is_admitted = self.population.fetch_add(1, Relaxed) < self.policy.max_connections;
        if !is_admitted {
            self.leave();
        }
        is_admitted
    }

    /// One connection less.
    pub(super) fn leave(&self) {
        self.population.fetch_sub(1, Relaxed);
    }

    /// Whether there is no connection.
    pub(super) fn is_empty(&self) -> bool {
        self.population.load(Relaxed) == 0
    }
}
