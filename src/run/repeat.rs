//! One repeat: a fresh server, the clients, the samples.

use std::sync::Arc;

use indexmap::IndexMap;

use super::{
    Build, Interrupt, Observer, RunError,
    accept_queue::accept_queue,
    cores::Cores,
    drive::{self, RepeatEnd},
    effect,
    evictions::Asked,
    observed::Observed,
    sample::{Sample, Samples},
    server_closes, short_window, source_addresses,
    summary::{self, Measured},
    target::{self, Target},
    watch::{Moment, Watch},
};
use crate::{
    address::Address,
    client::{Driven, Plan, Shard},
    probe::allowed_cpus,
    profile::Profile,
    record::{Effective, Repeat},
    sys,
};

/// Time between the baseline sample and the first client.
pub(super) const LEAD_NS: u64 = 30_000_000;

/// Runs one repeat.
pub(super) fn run(
    profile: &Profile,
    build: &Build,
    files: &IndexMap<String, String>,
    seed: u64,
    cores: &Cores,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(Repeat, RepeatEnd), RunError> {
    let mut target = target::start(&profile.server, build, files, &cores.server, interrupt)?;
    source_addresses::check_reach(profile, &[target.service()])?;
    let (mut watch, server_cores) = watched(target.as_ref(), cores, profile);
    watch.await_rest(interrupt);
    let baseline = Sample::of(watch.read(Moment::Before));
    let threads = profile.client_threads.on(cores.clients.len(), profile.connections());
    let plan = plan(profile, target.service(), seed, sys::monotonic_ns() + LEAD_NS, threads, None);
    let plan = Plan { accept_queue: accept_queue(plan.address), ..plan };
    watch.count_from(plan.epoch_ns + profile.warmup.0.as_nanos() as u64);
    let mut samples = Samples::from([(-1, baseline)]);
    let (driven, mut end) =
        drive::drive(&plan, target.as_mut(), &mut watch, &mut samples, interrupt, observer)?;
    let mut found =
        Observed::finish(watch, samples, target.as_mut(), &mut end, plan.epoch_ns, interrupt, observer);
    let setting = Setting { profile, build, seed, address: plan.address.to_string() };
    let effective = Effective {
        client_cores: cores.clients.clone(),
        cores: cores.words(),
        client_threads: plan.threads,
        ..Effective::default()
    };
    let mut notes = cores.notes(&server_cores, plan.threads);
    notes.extend(source_addresses::remark(profile, plan.address));
    found.server_cores = server_cores;
    Ok((repeat(&setting, driven, found, effective, notes), end))
}

/// The probes of a server, and the cores that it may use.
pub(super) fn watched(target: &dyn Target, cores: &Cores, profile: &Profile) -> (Watch, Vec<usize>) {
    let server_cores = target.cores(&cores.server);
    let watched = if server_cores.is_empty() { allowed_cpus(0) } else { server_cores.clone() };
    (Watch::new(target, &watched, profile.sample_every.0), server_cores)
}

/// What a repeat is of.
pub(super) struct Setting<'a> {
    pub(super) profile: &'a Profile,
    pub(super) build: &'a Build,
    pub(super) seed: u64,
    /// The server's address and port.
    pub(super) address: String,
}

/// The repeat that came of what the clients did and of what was seen meanwhile. `effective` says what was in effect where the
/// clients were, and `notes` what to know of that.
pub(super) fn repeat(
    setting: &Setting<'_>,
    mut driven: Driven,
    seen: Observed,
    effective: Effective,
    mut notes: Vec<String>,
) -> Repeat {
    let (profile, epoch_ns) = (setting.profile, seen.epoch_ns);
    let outside = seen.outside();
    server_closes::add(&mut driven, profile, outside.as_ref(), epoch_ns);
    let asked = Asked::new(profile, setting.build);
    let evictions =
        asked.evictions(seen.journal.clone(), seen.evictions, &driven, outside.as_ref(), epoch_ns);
    let unproven = effect::without_effect(profile, &driven, outside.as_ref());
    let remarks = if seen.is_finished {
        short_window::remarks(profile, &driven, seen.server_name.as_deref())
    } else {
        Vec::new()
    };
    let others = seen.others(&driven.ports);
    notes = [seen.notes, remarks, notes, driven.notes.clone()].concat();
    let effective = Effective {
        address: setting.address.clone(),
        client_addresses: source_addresses::used(&driven.ports),
        client_receive_buffer: receive_buffers(profile, &driven),
        client_send_buffer: driven.buffers.iter().map(|(_, send)| *send).collect(),
        exhaustion: driven.exhaustion,
        instructions: seen.instructions,
        server_cores: seen.server_cores,
        server_exit: seen.server_exit,
        ..effective
    };
    let measured = Measured {
        stopped_ns: driven.stopped_ns as i64 - epoch_ns as i64,
        cut_short: !seen.is_finished || driven.exhaustion.is_some(),
        samples: seen.samples,
        driven,
        evictions,
        unproven,
        others,
        notes,
        epoch_ns,
        died: seen.died,
    };
    summary::repeat(profile, setting.seed, effective, measured)
}

/// The receive buffer of a client of each group; at a UNIX-domain socket it bounds nothing.
fn receive_buffers(profile: &Profile, driven: &Driven) -> Vec<u64> {
    let of_tcp = driven.buffers.iter().filter(|_| !profile.server.is_unix());
    of_tcp.map(|(receive, _)| *receive).collect()
}

/// What the clients do, the first of which connects at `epoch_ns` on the monotonic clock.
pub(super) fn plan(
    profile: &Profile,
    address: Address,
    seed: u64,
    epoch_ns: u64,
    threads: u32,
    shard: Option<Shard>,
) -> Plan {
    Plan {
        address,
        groups: source_addresses::groups(profile),
        seed,
        epoch_ns,
        warmup: profile.warmup.0,
        measure: profile.measure.0,
        phases: profile.phases().iter().map(|phase| (phase.from, phase.to)).collect(),
        sample_every: profile.sample_every.0,
        threads,
        accept_queue: None,
        shard,
        sampled: Arc::default(),
    }
}
