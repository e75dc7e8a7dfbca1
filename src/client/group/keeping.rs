//! A group as it is kept, and as it comes again of what several processes kept.

use std::sync::Arc;

use super::{
    Group,
    kept::{KeptGroup, common_silence},
    transfers::Transfers,
};
use crate::client::{
    plan::Plan,
    share::{Part, Start},
    workload::Workload,
};

impl Group {
    /// What it came to, to be kept.
    pub(in crate::client) fn keep(mut self) -> KeptGroup {
        self.demand.account.rebase(self.epoch_ns);
        self.connections.rebase(self.epoch_ns);
        KeptGroup {
            count: self.part.count,
            requests: self.demand.account,
            connections: self.connections,
            put_off_ns: *self.openings.put_off_ns(),
            transfers: self.demand.transfers.map(Transfers::into_counts),
            cannot_vanish: self.demand.cannot_vanish,
            has_ended: self.start.has_ended(),
        }
    }

    /// The group of this index of the plan, of which several processes drove a part each and kept this; `None` if there is none.
    /// Of the times that were kept only differences count, so they stay as they are.
    pub(in crate::client) fn of_kept(plan: &Plan, index: usize, kept: Vec<KeptGroup>) -> Option<Self> {
        let silence = common_silence(&kept);
        let mut parts = kept.into_iter().map(|part| Self::restored(plan, index, part));
        let mut all = parts.next()?;
        parts.for_each(|part| all.absorb(part));
        if let Some(silence) = silence.filter(|_| all.demand.rules().is_closed_loop()) {
            *all.demand.account.silence() = silence;
        }
        Some(all)
    }

    fn restored(plan: &Plan, index: usize, kept: KeptGroup) -> Self {
        let spec = &plan.groups[index];
        let part = Part { count: kept.count, index: 0, of: 1 };
        let start = Arc::new(Start::fixed(kept.count, plan.loop_start_ns(spec), plan.window_ns().0));
        let host = plan.address.to_string();
        let mut group = Self::new(spec, part, start, &host, plan.epoch_ns, &plan.measured(), plan.seed);
        group.demand.account = kept.requests;
        group.connections = kept.connections;
        *group.openings.put_off_ns() = kept.put_off_ns;
        if let (Some(transfers), Some(counts)) = (&mut group.demand.transfers, kept.transfers) {
            transfers.restore(counts);
        }
        group.demand.cannot_vanish = kept.cannot_vanish;
        group
    }
}
