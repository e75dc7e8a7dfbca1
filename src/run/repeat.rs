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
    target::{self, ServerExit, Target},
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
    let (mut driven, mut end) =
        drive::drive(&plan, target.as_mut(), &mut watch, &mut samples, interrupt, observer)?;
    let died = end.last_words();
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
    let cut_short = end != RepeatEnd::Finished || driven.exhaustion.is_some();
    let (server_exit, remark) = end_server(target.as_mut(), &mut end);
    watch.notes.extend(remark);
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
        cut_short,
        samples,
        driven,
        evictions,
        unproven,
        others,
        notes: watch.notes,
        epoch_ns: plan.epoch_ns,
        died: end.last_words(),
    };
    Ok((summary::repeat(profile, seed, effective, measured), end))
}

/// Ends the server. One that has ended by itself since its clients left was not asked to: that is how the repeat ended.
fn end_server(target: &mut dyn Target, end: &mut RepeatEnd) -> (ServerExit, Option<String>) {
    if *end == RepeatEnd::Finished
        && let Err(last_words) = target.still_runs()
    {
        *end = RepeatEnd::Died(last_words);
    }
    let server_exit = target.end();
    let remark = format!("the server did not shut down cleanly: {}", server_exit.words);
    let is_unclean = !server_exit.in_order && end.last_words().is_none();
    (server_exit, is_unclean.then_some(remark))
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
        shard: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that still runs, or said this and ended by itself; and ends in order, or does not.
    struct Server {
        last_words: Option<&'static str>,
        in_order: bool,
    }

    impl Target for Server {
        fn service(&self) -> SocketAddr {
            SocketAddr::from(([127, 0, 0, 1], 1))
        }

        fn processes(&self) -> &[u32] {
            &[]
        }

        fn still_runs(&mut self) -> Result<(), String> {
            self.last_words.map_or(Ok(()), |words| Err(words.to_owned()))
        }

        fn end(&mut self) -> ServerExit {
            ServerExit { words: "signal 6".to_owned(), in_order: self.in_order }
        }
    }

    #[test]
    fn a_server_that_ended_by_itself_after_its_clients_died() {
        let ended = |last_words, in_order, mut end| {
            let (_, remark) = end_server(&mut Server { last_words, in_order }, &mut end);
            (end, remark.is_some())
        };
        let died = RepeatEnd::Died("aborted".to_owned());
        assert_eq!(ended(Some("aborted"), false, RepeatEnd::Finished), (died.clone(), false));
        assert_eq!(ended(Some("later"), false, died.clone()), (died, false), "its first words stand");
        assert_eq!(ended(None, false, RepeatEnd::Finished), (RepeatEnd::Finished, true));
        assert_eq!(ended(None, true, RepeatEnd::Finished), (RepeatEnd::Finished, false));
        assert_eq!(ended(Some("x"), true, RepeatEnd::Interrupted), (RepeatEnd::Interrupted, false));
    }
}
