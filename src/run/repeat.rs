//! One repeat: a fresh server, the clients, the samples.

use std::{net::SocketAddr, sync::Arc};

use indexmap::IndexMap;

use super::{
    Build, Interrupt, Observer, RunError,
    cores::Cores,
    drive::{self, RepeatEnd},
    effect,
    evictions::Asked,
    outside::Outside,
    sample::{Sample, Samples},
    server_closes, short_window,
    summary::{self, Measured},
    target,
    watch::{Moment, Watch},
};
use crate::{
    client::{Driven, Plan},
    metric::Metric,
    probe::{allowed_cpus, listeners},
    profile::Profile,
    record::{Effective, Repeat},
    sys,
};

/// Time between the baseline sample and the first client.
const LEAD_NS: u64 = 30_000_000;

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
    let server_cores = target.cores(&cores.server);
    let watched = if server_cores.is_empty() { allowed_cpus(0) } else { server_cores.clone() };
    let mut watch = Watch::new(target.as_ref(), &watched, profile.sample_every.0);
    watch.await_rest(interrupt);
    let baseline = Sample::of(watch.read(Moment::Before));
    let plan = plan(profile, target.service(), seed);
    watch.count_from(plan.epoch_ns + profile.warmup.0.as_nanos() as u64);
    let mut samples = Samples::from([(-1, baseline)]);
    let (mut driven, end) =
        drive::drive(&plan, target.as_mut(), &mut watch, &mut samples, interrupt, observer)?;
    let died = if let RepeatEnd::Died(last_words) = &end { Some(last_words.clone()) } else { None };
    let others = watch.others(&driven.ports);
    // Before anything else is looked at: of what the clients end now, nothing is the server's doing.
    let journal = if died.is_some() { None } else { watch.evictions() };
    let outside = watch.tracker().map(Outside::new);
    server_closes::add(&mut driven, profile, outside.as_ref(), plan.epoch_ns);
    let counted = samples.values().filter_map(|sample| sample.value(Metric::Evictions)).fold(0.0, f64::max);
    let asked = Asked::new(profile, build);
    let evictions = asked.evictions(journal, counted as u64, &driven, outside.as_ref(), plan.epoch_ns);
    let unproven = effect::without_effect(profile, &driven, outside.as_ref());
    if end == RepeatEnd::Finished {
        let server = target.processes().first().map(|&pid| listeners::name(pid));
        watch.notes.extend(short_window::remarks(profile, &driven, server.as_deref()));
        watch.settle(interrupt);
    }
    if died.is_none() {
        let last = Sample::of(watch.read(Moment::After));
        samples.insert(last.at_ns as i64 - plan.epoch_ns as i64, last);
    }
    let server_exit = target.end();
    if !server_exit.in_order {
        watch.note(format!("the server did not shut down cleanly: {}", server_exit.words));
    }
    if let Some(output) = target.output() {
        observer.output(output);
    }
    watch.notes.extend(cores.notes(&server_cores, plan.threads));
    let effective = Effective {
        instructions: watch.instructions(),
        server_cores,
        server_exit: server_exit.words,
        ..effective(&plan, &driven, cores)
    };
    watch.notes.extend(driven.notes.iter().cloned());
    let measured = Measured {
        stopped_ns: driven.stopped_ns as i64 - plan.epoch_ns as i64,
        cut_short: end != RepeatEnd::Finished || driven.exhaustion.is_some(),
        samples,
        driven,
        evictions,
        unproven,
        others,
        notes: watch.notes,
        epoch_ns: plan.epoch_ns,
        died,
    };
    Ok((summary::repeat(profile, seed, effective, measured), end))
}

fn plan(profile: &Profile, address: SocketAddr, seed: u64) -> Plan {
    Plan {
        address,
        groups: profile.clients.clone(),
        seed,
        epoch_ns: sys::monotonic_ns() + LEAD_NS,
        warmup: profile.warmup.0,
        measure: profile.measure.0,
        phases: profile.phases().iter().map(|phase| (phase.from, phase.to)).collect(),
        sample_every: profile.sample_every.0,
        threads: profile.client_threads,
        sampled: Arc::default(),
    }
}

/// What of the clients' side was in effect.
fn effective(plan: &Plan, driven: &Driven, cores: &Cores) -> Effective {
    Effective {
        client_cores: cores.clients.clone(),
        cores: cores.words(),
        address: plan.address.to_string(),
        client_receive_buffer: driven.buffers.iter().map(|(receive, _)| *receive).collect(),
        client_send_buffer: driven.buffers.iter().map(|(_, send)| *send).collect(),
        exhaustion: driven.exhaustion,
        ..Effective::default()
    }
}
