//! What a shard counted, in a form that can be written into a file; and what several shards come to together. Their parts are
//! absorbed as the parts of threads are: counters are added, and histograms by their buckets.

use serde::{Deserialize, Serialize};

use super::{
    delays::OwnDelays,
    group::{Group, KeptGroup},
    plan::Plan,
    results::{Driven, Port},
    threads::{Together, Window, larger_buffers},
};
use crate::record::ResourceExhaustion;

/// What a shard counted. Times are nanoseconds since the first client, which all shards count from.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    groups: Vec<KeptGroup>,
    ports: Vec<Port>,
    buffers: Vec<(u64, u64)>,
    delays: OwnDelays,
    paused_ns: (u64, u64),
    window: Option<Window>,
    stopped_ns: u64,
    exhaustion: Option<ResourceExhaustion>,
}

impl Kept {
    pub(super) fn of(all: Together, epoch_ns: u64) -> Self {
        let since = |at_ns: u64| at_ns.saturating_sub(epoch_ns);
        let port = |port: &Port| Port {
            opened_ns: since(port.opened_ns),
            ended_ns: port.ended_ns.map(since),
            unfinished_ns: port.unfinished_ns.map(since),
            ..*port
        };
        Self {
            ports: all.ports.iter().map(port).collect(),
            groups: all.groups.into_iter().map(Group::keep).collect(),
            buffers: all.buffers,
            delays: all.delays,
            paused_ns: all.paused_ns,
            window: all.window,
            stopped_ns: since(all.stopped_ns),
            exhaustion: all.exhaustion,
        }
    }

    /// When the clients stopped and began to end what was left, in nanoseconds since the first client.
    #[must_use]
    pub const fn stopped_ns(&self) -> u64 {
        self.stopped_ns
    }

    /// Whether this can be a part of the plan.
    ///
    /// # Errors
    /// What does not belong to it.
    pub fn check(&self, plan: &Plan) -> Result<(), String> {
        let count = plan.groups.len();
        let windows = self.window.as_ref().map_or(count, |window| window.groups.len());
        if [self.groups.len(), self.buffers.len(), windows] != [count; 3] {
            return Err(format!("it does not have the {count} groups of the profile"));
        }
        if let Some(port) = self.ports.iter().find(|port| port.group >= count) {
            return Err(format!("a connection is of group {}, but the profile has {count}", port.group));
        }
        let mut each = self.groups.iter().zip(&plan.groups);
        each.try_for_each(|(kept, spec)| kept.check(spec, plan.phases.len()))
    }

    /// The same, where the clock may differ by so much from the one that the server was observed by: a connection may have been
    /// opened earlier, and may have ended later.
    #[must_use]
    pub fn loosened(mut self, slack_ns: u64) -> Self {
        for port in &mut self.ports {
            port.opened_ns = port.opened_ns.saturating_sub(slack_ns);
            port.unfinished_ns = port.unfinished_ns.map(|at_ns| at_ns.saturating_sub(slack_ns));
            port.ended_ns = port.ended_ns.map(|at_ns| at_ns + slack_ns);
        }
        self
    }
}

/// What all of these came to together, on the clock of the plan, of which each is a part ([`Kept::check`]); `None` without any.
#[must_use]
pub fn put_together(plan: &Plan, parts: Vec<Kept>) -> Option<Driven> {
    let mut groups: Vec<Vec<KeptGroup>> = plan.groups.iter().map(|_| Vec::new()).collect();
    let mut all: Option<Kept> = None;
    for mut part in parts {
        for (kept, group) in groups.iter_mut().zip(std::mem::take(&mut part.groups)) {
            kept.push(group);
        }
        all = Some(match all {
            None => part,
            Some(all) => all.with(part),
        });
    }
    let all = all?;
    let at = |since_ns: u64| plan.epoch_ns + since_ns;
    let port = |port: Port| Port {
        opened_ns: at(port.opened_ns),
        ended_ns: port.ended_ns.map(at),
        unfinished_ns: port.unfinished_ns.map(at),
        ..port
    };
    let groups = groups.into_iter().enumerate().filter_map(|(index, kept)| Group::of_kept(plan, index, kept));
    Some(Driven::of(Together {
        groups: groups.collect(),
        ports: all.ports.into_iter().map(port).collect(),
        buffers: all.buffers,
        delays: all.delays,
        paused_ns: all.paused_ns,
        window: all.window,
        stopped_ns: at(all.stopped_ns),
        exhaustion: all.exhaustion,
    }))
}

impl Kept {
    /// Both together, but for their groups. The window is one that both have seen.
    fn with(mut self, other: Self) -> Self {
        larger_buffers(&mut self.buffers, other.buffers);
        self.ports.extend(other.ports);
        self.delays.add(&other.delays);
        let ((total, longest), (others_total, others_longest)) = (self.paused_ns, other.paused_ns);
        Self {
            paused_ns: (total.max(others_total), longest.max(others_longest)),
            window: self.window.zip(other.window).map(|(mine, others)| mine.with(&others)),
            stopped_ns: self.stopped_ns.min(other.stopped_ns),
            exhaustion: self.exhaustion.or(other.exhaustion),
            ..self
        }
    }
}
