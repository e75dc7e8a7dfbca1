//! Which numbers a comparison gates, and how a difference of each becomes evidence.
//!
//! Most numbers scatter in every repeat (what a request costs, a latency): of these each difference counts, less the
//! floor. Others normally do not change (shares of requests without a proper answer, the longest wait, how many peers
//! were evicted): of these only what lies *beyond* the floor counts, and what lies within it counts as no difference. A
//! number of the second kind that did not move costs the others nothing: it is not counted in the correction for many
//! looks, as it could not have reached the level (see [`crate::stats::testable`]).

use serde::{Deserialize, Serialize};

use crate::{
    metric::{Better, Gate, Key, Kind, Metric, Stat, Still, Unit},
    profile::{Limits, Profile, Shares, Target},
};

/// A gated metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Gated {
    /// Its name in a summary.
    pub name: String,
    /// A change is a regression only if it is certainly larger than this share.
    pub floor: f64,
    /// A change is a pass only if it is certainly smaller than this share.
    pub budget: f64,
    /// Constant that is added to both sides before their ratio is taken, in the metric's unit.
    pub start: f64,
    /// The profile names it in `[gate]`; the comparison is then not a PASS if it could not be gated.
    #[serde(default)]
    pub is_asked: bool,
    /// A difference within the floor counts as zero, because the metric does not move unless something is wrong.
    #[serde(default)]
    pub only_beyond: bool,
}

impl Gated {
    /// The gate of that number, within what it moves by itself.
    pub(super) fn of(stat: Stat, group: Option<&str>) -> Self {
        let name = Key::new(group, stat).to_string();
        Self::within(name, stat, shares(stat.metric))
    }

    fn within(name: String, stat: Stat, Shares { floor, budget }: Shares) -> Self {
        let only_beyond = stat.metric.spec().still.is_some();
        Self { name, floor, budget, start: start(stat), is_asked: false, only_beyond }
    }

    /// How much worse `head` is than `base`, as a logarithm; how much more, of a number that may move neither way.
    pub(super) fn difference(&self, base: f64, head: f64) -> f64 {
        self.sign() * self.ratio(base, head)
    }

    /// The logarithm of how much more `head` is than `base`.
    pub(super) fn ratio(&self, base: f64, head: f64) -> f64 {
        (head.max(0.0) + self.start).ln() - (base.max(0.0) + self.start).ln()
    }

    /// -1 of a number of which less is worse.
    pub(super) fn sign(&self) -> f64 {
        if better(&self.name) == Better::Higher { -1.0 } else { 1.0 }
    }

    /// Whether less is as bad as more.
    #[must_use]
    pub fn is_two_sided(&self) -> bool {
        better(&self.name) == Better::Neither
    }

    /// Whether it is how late evictions are.
    pub(super) fn is_lateness(&self) -> bool {
        Key::parse(&self.name).is_some_and(|key| key.stat.metric.spec().kind == Kind::Lateness)
    }

    /// What of a difference is evidence: what lies beyond the floor.
    pub(super) fn beyond(&self, difference: f64) -> f64 {
        let floor = self.floor.ln_1p();
        if self.only_beyond {
            difference.signum() * (difference.abs() - floor).max(0.0)
        } else {
            difference - floor
        }
    }
}

fn shares(metric: Metric) -> Shares {
    let spec = metric.spec();
    spec.still.map_or_else(|| Shares::above(spec.noise), |Still { floor, budget }| Shares { floor, budget })
}

/// Below this, differences count and not ratios: what a scheduler, an allocator or a clock gives or takes.
pub(super) fn start(stat: Stat) -> f64 {
    stat.metric.spec().added.unwrap_or(match stat.unit() {
        Unit::Nanoseconds => 100.0,
        Unit::Bytes => 1024.0 * 1024.0,
        _ => 0.01,
    })
}

fn better(name: &str) -> Better {
    Key::parse(name).map_or(Better::Lower, |key| key.stat.metric.spec().better)
}

/// The numbers of this profile that are gated. Of each steady group: the shares of its requests that got no proper
/// answer and of its connections that got none or were ended, its latencies in an open loop and its rate in a closed
/// one, the longest wait, the longest silence, and the fewest answers to one connection. Of each group that misbehaves:
/// how many of its connections the server ended, and how long it held them. Of the server: what a request costs, the
/// most memory, that for each bad peer where phases tell it, and how late evictions are. Less and more as the profile's
/// `[gate]` says. The indispensable ones come first.
#[must_use]
pub fn gated(profile: &Profile) -> Vec<Gated> {
    let mut all = gated_anyway(profile);
    for Limits { number, stat, shares } in profile.limits() {
        let place = all.iter().position(|gated| gated.name == number);
        let asked = |shares| Gated { is_asked: true, ..Gated::within(number, stat, shares) };
        match (place, shares.map(asked)) {
            (Some(place), Some(gated)) => all[place] = gated,
            (Some(place), None) => drop(all.remove(place)),
            (None, gated) => all.extend(gated),
        }
    }
    // An eviction may be a tick late, and is reported as that late.
    if let Target::Reference(options) = &profile.server {
        let tick_ns = options.tick.0.as_nanos() as f64;
        all.iter_mut().filter(|gated| gated.is_lateness()).for_each(|gated| gated.start = tick_ns);
    }
    all
}

fn gated_anyway(profile: &Profile) -> Vec<Gated> {
    let all_of = |gate: Gate, group: Option<&str>| -> Vec<Gated> {
        let is_measured = |metric: Metric| metric != Metric::MemoryPerPeer || profile.has_price();
        let metrics = Metric::ALL.iter().filter(|metric| metric.spec().gate == gate && is_measured(**metric));
        let stat = |&metric: &Metric| Stat { metric, fold: metric.spec().gated_fold };
        metrics.map(|metric| Gated::of(stat(metric), group)).collect()
    };
    let (steady, bad): (Vec<_>, Vec<_>) = profile.clients.iter().partition(|group| group.is_steady());
    let mut all = Vec::new();
    all.extend(steady.iter().flat_map(|group| all_of(Gate::Answers, Some(&group.name))));
    all.extend(bad.iter().flat_map(|group| all_of(Gate::Misbehaving, Some(&group.name))));
    all.extend(all_of(Gate::Run, None));
    for group in &steady {
        let paced = if group.load.is_closed_loop() { Gate::ClosedLoop } else { Gate::OpenLoop };
        all.extend(all_of(paced, Some(&group.name)));
        all.extend(all_of(Gate::Steady, Some(&group.name)));
    }
    all
}
