//! What a process counted of a group, in a form that can be written into a file and put together with that of others.

use serde::{Deserialize, Serialize};

use super::{
    connection_account::ConnectionAccount, request_account::RequestAccount, silence::Silence,
    transfers::TransferCounts,
};
use crate::profile;

/// What a process counted of a group. Times are nanoseconds since the first client.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::client) struct KeptGroup {
    /// Connections that it drove.
    pub(super) count: u32,
    pub(super) requests: RequestAccount,
    pub(super) connections: ConnectionAccount,
    pub(super) put_off_ns: u64,
    pub(super) transfers: Option<TransferCounts>,
    pub(super) cannot_vanish: Option<String>,
    /// Its clients themselves had stopped making requests.
    pub(super) has_ended: bool,
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

/// The longest silence of a closed loop that several processes drove. It is no longer than the shortest that one of them saw
/// which asked all the time; of those that had stopped asking, no longer than the longest. An open loop asks now here, now
/// there: of it the longest is the bound.
pub(super) fn common_silence(kept: &[KeptGroup]) -> Option<Silence> {
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
