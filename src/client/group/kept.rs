//! What a process counted of a group, in a form that can be written into a file and put together with that of others.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{
    Group,
    connection_account::ConnectionAccount,
    request_account::RequestAccount,
    silence::Silence,
    transfers::{TransferCounts, Transfers},
};
use crate::{
    client::{
        plan::Plan,
        share::{Part, Start},
        workload::Workload,
    },
    profile,
};

/// What a process counted of a group. Times are nanoseconds since the first client.
#[derive(Serialize, Deserialize)]
pub(in crate::client) struct KeptGroup {
    /// Connections that it drove.
    count: u32,
    requests: RequestAccount,
    connections: ConnectionAccount,
    put_off_ns: u64,
    transfers: Option<TransferCounts>,
    cannot_vanish: Option<String>,
    /// Its clients themselves had stopped making requests.
    has_ended: bool,
}

impl KeptGroup {
    /// Whether this can be of the group of a plan with so many phases; what is wrong if it cannot.
    pub(in crate::client) fn check(&self, spec: &profile::Group, phases: usize) -> Result<(), String> {
        if self.requests.phases() != phases || self.connections.phases() != phases {
            return Err(format!("group `{}` does not have the {phases} phases of the profile", spec.name));
        }
        if self.count > spec.connections() {
            return Err(format!(
                "group `{}` has {} connections, but the profile has {}",
                spec.name,
                self.count,
                spec.connections()
            ));
        }
        Ok(())
    }
}

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

/// The longest silence of a closed loop that several processes drove. It is no longer than the shortest that one of them saw
/// which asked all the time; of those that had stopped asking, no longer than the longest. An open loop asks now here, now
/// there: of it the longest is the bound.
fn common_silence(kept: &[KeptGroup]) -> Option<Silence> {
    let driving = || kept.iter().filter(|part| part.count > 0);
    let mut asking = driving().filter(|part| !part.has_ended).map(|part| &part.requests);
    if let Some(first) = asking.next() {
        let mut silence = first.silence_seen().clone();
        asking.for_each(|part| silence.add_elsewhere(part.silence_seen()));
        return Some(silence);
    }
    let mut ended = driving().map(|part| part.requests.silence_seen());
    let mut silence = ended.next()?.clone();
    ended.for_each(|part| silence.add(part));
    Some(silence)
}
