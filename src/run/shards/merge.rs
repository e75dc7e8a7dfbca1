//! Puts the parts of all shards together to one record. Nothing is averaged: counters are added, histograms by their buckets, also
//! those of each interval and phase.

use std::{collections::BTreeMap, path::Path};

use super::{
    clock::Host,
    collect::{Collected, collect},
    error::MergeError,
    identity::start,
    part::{ObserverPart, Origin, Part},
    state::{Stage, State},
};
use crate::{
    client::{Kept, KeptTick, Plan, put_together},
    gate::{self, Window},
    metric::Metric,
    record::{Effective, FORMAT, Point, Record, Repeat},
    run::{
        Build,
        board::Board,
        drive::drop_late,
        observed::Observed,
        origin,
        repeat::{self, Setting},
        sample::{Samples, Source},
    },
    units::human_time,
};

/// Where there is no observer, whose clock all times are on, they begin here.
const EPOCH_NS: u64 = 1 << 50;

/// Makes a record of what the shards of a run, and its observer, have left in a folder. What is missing makes it INVALID, and what
/// is there is kept. `most_skew_ns`: how far the clocks of two machines may be apart.
///
/// # Errors
/// [`MergeError`].
pub fn merge(folder: &Path, command: Vec<String>, most_skew_ns: u64) -> Result<Record, MergeError> {
    let collected = collect(folder)?;
    let Some(origin) = collected.parts.first().map(|(_, part)| part.of.clone()) else {
        return Err(MergeError::Nothing(collected.missing.join("; ")));
    };
    let machine = collected.observer.as_ref().map_or(&origin.machine, |(_, seen)| &seen.of.machine).clone();
    let start_ns = collected.run.start_ns;
    let merger = Merger { collected, most_skew_ns };
    let repeat = merger.repeat(&origin);
    let started = start(start_ns - start_ns % 1_000_000_000);
    let Origin { name, profile, window, .. } = origin;
    let mut record = Record {
        format: FORMAT,
        badpeer: env!("CARGO_PKG_VERSION").to_owned(),
        command,
        name,
        started,
        machine,
        commit: origin::commit(),
        profile,
        files: indexmap::IndexMap::new(),
        points: vec![Point { axes: indexmap::IndexMap::new(), repeats: vec![repeat], verdicts: Vec::new() }],
        capacity: None,
        soak: None,
        interrupted: false,
    };
    record.points[0].repeats[0].notes.extend(window.map(Window::note));
    record.points[0].verdicts = gate::verdicts(&record.profile, &record.points, 0, window);
    Ok(record)
}

/// The parts of a run, to be put together.
pub(in crate::run) struct Merger {
    pub(super) collected: Collected,
    pub(super) most_skew_ns: u64,
}

impl Merger {
    /// The repeat of shards that ran by themselves.
    fn repeat(mut self, origin: &Origin) -> Repeat {
        let observer = self.collected.observer.take();
        let (host, seen) = match observer {
            Some((state, ObserverPart { seen, .. })) => (Some(state.host), seen),
            None => (None, Observed::nothing(EPOCH_NS, Samples::new())),
        };
        let build = Build::default();
        let setting = Setting {
            profile: &origin.profile,
            build: &build,
            seed: self.collected.run.seed,
            address: origin.address.clone(),
        };
        let mut notes = std::mem::take(&mut self.collected.notes);
        if host.is_none() {
            notes.push(
                "no observer ran beside the server (`badpeer run --observe`): its memory, CPU time and sockets, \
                 evictions that clients did not see, and requests of other clients were not measured"
                    .to_owned(),
            );
        }
        self.put_together(&setting, seen, host.as_ref(), notes)
    }

    /// The repeat of these shards with what was seen of the server, on this host.
    pub(super) fn put_together(
        self,
        setting: &Setting<'_>,
        mut seen: Observed,
        host: Option<&Host>,
        mut notes: Vec<String>,
    ) -> Repeat {
        let Collected { parts, missing, run, .. } = self.collected;
        let hosts: Vec<&Host> = parts.iter().map(|(state, _)| &state.host).chain(host).collect();
        let skew = Skew::of(&hosts);
        notes.push(together(&parts, run.start_ns, &skew));
        let address = std::net::SocketAddr::from(([0, 0, 0, 0], 0)).into();
        let plan = repeat::plan(
            setting.profile,
            address,
            setting.seed,
            seen.epoch_ns,
            setting.profile.client_threads.of_shard(),
            None,
        );
        add_ticks(&parts, &plan, &mut seen.samples);
        let is_here = |state: &State| host.is_some_and(|host| host.boot_id == state.host.boot_id);
        let here: Vec<&Part> =
            parts.iter().filter(|(state, _)| is_here(state)).map(|(_, part)| part).collect();
        let is_whole = parts.len() == run.shards as usize;
        add_process_cpu(is_whole.then_some(&here), &mut seen.samples);
        if here.len() < parts.len() {
            forget_clients(&mut seen.samples);
        }
        let client_cores = here.iter().flat_map(|part| part.of.cores.clone());
        let client_cores: Vec<usize> =
            client_cores.collect::<std::collections::BTreeSet<_>>().into_iter().collect();
        let findings: Vec<(String, gate::Findings)> =
            parts.iter().map(|(state, part)| (who(state), part.findings.clone())).collect();
        let was_cut = parts.iter().any(|(state, _)| state.state != Stage::Finished);
        seen.is_finished &= !was_cut && is_whole;
        if !is_whole {
            seen.forget_others();
        }
        let slack = |state: &State| if is_here(state) { 0 } else { skew.bound_ns.unwrap_or(0) };
        let kept: Vec<Kept> =
            parts.into_iter().map(|(state, part)| part.kept.loosened(slack(&state))).collect();
        let Some(driven) = put_together(&plan, kept) else { return Repeat::default() };
        notes.extend(drop_late(&mut seen.samples, plan.borders_ns()[1], driven.stopped_ns));
        let effective = Effective {
            client_cores,
            cores: format!("{} shards", run.shards),
            client_threads: run.threads,
            ..Effective::default()
        };
        let mut repeat = repeat::repeat(setting, driven, seen, effective, notes);
        // Most of what else was found follows from that.
        let reasons = missing.into_iter().chain(skew.fault(self.most_skew_ns));
        repeat.invalid.splice(0..0, reasons);
        for (who, findings) in findings {
            let named = |text: String| format!("{who}: {text}");
            repeat.disturbed.extend(findings.disturbed.into_iter().map(named));
            repeat.notes.extend(findings.notes.into_iter().map(named));
        }
        repeat
    }
}

fn who(state: &State) -> String {
    format!("shard {} of {} ({})", state.shard.unwrap_or(0), state.run.shards, state.host.name)
}

/// Puts the ticks of all shards beside the samples that were due with them.
fn add_ticks(parts: &[(State, Part)], plan: &Plan, samples: &mut Samples) {
    let (mut board, sender) = Board::new(plan.epoch_ns, parts.len() as u32);
    let mut by_due: BTreeMap<u64, Vec<&KeptTick>> = BTreeMap::new();
    for tick in parts.iter().flat_map(|(_, part)| &part.ticks) {
        by_due.entry(tick.due_ns).or_default().push(tick);
    }
    // One instant after the other: histograms take much memory.
    for tick in by_due.into_values().flatten() {
        if let Ok(tick) = tick.restored(plan.groups.len()) {
            // The receiver is the board.
            let _ = sender.send(tick);
        }
        board.clear(samples);
    }
}

/// The CPU time of the shards on the server's machine is the load generator's as well; it is unknown where one is missing.
fn add_process_cpu(here: Option<&Vec<&Part>>, samples: &mut Samples) {
    for (due_ns, sample) in samples.iter_mut() {
        let of =
            |part: &&Part| part.host.get(due_ns).and_then(|sample| sample.value(Metric::HarnessProcessCpu));
        let shards: Option<f64> = here.and_then(|here| here.iter().map(of).sum());
        for reading in sample.readings.iter_mut().filter(|reading| reading.source == Source::Host) {
            let sum =
                reading.row.value(Metric::HarnessProcessCpu).zip(shards).map(|(own, shards)| own + shards);
            reading.row.set(Metric::HarnessProcessCpu, sum.unwrap_or(f64::NAN));
        }
    }
}

/// The sockets of clients on other machines were not seen: that there are none on the server's says nothing.
fn forget_clients(samples: &mut Samples) {
    for reading in samples.values_mut().flat_map(|sample| &mut sample.readings) {
        for metric in [Metric::ClientReceiveQueue, Metric::ClientSendQueue] {
            reading.row.set(metric, f64::NAN);
        }
    }
}

/// Who ran where, in a sentence.
fn together(parts: &[(State, Part)], start_ns: u64, skew: &Skew) -> String {
    let mut hosts: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for (state, _) in parts {
        let host = (state.host.name.as_str(), state.host.boot_id.as_str());
        hosts.entry(host).or_default().push(state.shard.unwrap_or(0).to_string());
    }
    let hosts: Vec<String> =
        hosts.iter().map(|((name, _), shards)| format!("{} on {name}", shards.join(", "))).collect();
    format!(
        "put together from shards that started at {}: {}; {}; the longest silence of a group is an upper bound, because \
         each shard knows its own answers only",
        start(start_ns),
        hosts.join("; "),
        skew.words()
    )
}

/// How far the starts of shards may be apart.
struct Skew {
    is_one_clock: bool,
    /// In nanoseconds: of one clock as it was read, of several the sum of the two largest errors; `None` if the error of a clock
    /// is unknown.
    bound_ns: Option<u64>,
    /// The machines whose clocks nobody synchronizes.
    unknown: Vec<String>,
}

/// A clock that processes share.
struct SharedClock<'a> {
    name: &'a str,
    /// Its largest error, if all know it.
    error_ns: Option<u64>,
    /// When those that use it started, on its monotonic side.
    starts_ns: Vec<u64>,
}

impl SharedClock<'_> {
    /// How far they started apart: the clock may have been set between two of them.
    fn spread_ns(&self) -> u64 {
        let (first, last) = (self.starts_ns.iter().min(), self.starts_ns.iter().max());
        first.zip(last).map_or(0, |(first, last)| last - first)
    }
}

impl Skew {
    fn of(hosts: &[&Host]) -> Self {
        let mut clocks: BTreeMap<&str, SharedClock<'_>> = BTreeMap::new();
        for host in hosts {
            let clock = clocks.entry(&host.boot_id).or_insert_with(|| SharedClock {
                name: &host.name,
                error_ns: Some(0),
                starts_ns: Vec::new(),
            });
            clock.error_ns = clock.error_ns.zip(host.error_ns()).map(|(most, error)| most.max(error));
            clock.starts_ns.extend(host.clock.start_ns);
        }
        let is_one_clock = clocks.len() <= 1;
        if is_one_clock {
            let spread = clocks.values().map(SharedClock::spread_ns).max();
            return Self { is_one_clock, bound_ns: spread.or(Some(0)), unknown: Vec::new() };
        }
        let is_unknown = |clock: &&SharedClock<'_>| clock.error_ns.is_none();
        let unknown: Vec<String> =
            clocks.values().filter(is_unknown).map(|clock| clock.name.to_owned()).collect();
        let of = |clock: &SharedClock<'_>| Some(clock.error_ns?.saturating_add(clock.spread_ns()));
        let mut errors: Vec<u64> = clocks.values().filter_map(of).collect();
        errors.sort_unstable();
        let bound = errors.iter().rev().take(2).fold(0, |sum: u64, error| sum.saturating_add(*error));
        Self { is_one_clock, bound_ns: Some(bound).filter(|_| unknown.is_empty()), unknown }
    }

    fn words(&self) -> String {
        match self.bound_ns {
            _ if self.is_one_clock => "they share a clock".to_owned(),
            Some(bound) => format!("their clocks are at most {} apart", human_time(bound as f64)),
            None => format!("nobody synchronizes the clock of {}", self.unknown.join(", ")),
        }
    }

    /// Why the shards did not run together, if they did not.
    fn fault(&self, most_ns: u64) -> Option<String> {
        let most = human_time(most_ns as f64);
        match self.bound_ns {
            Some(bound) if bound <= most_ns => None,
            Some(bound) => Some(format!(
                "the clocks may have been {} apart, more than {most}: the shards did not start together; synchronize the \
                 clocks better, or allow more with --max-skew",
                human_time(bound as f64)
            )),
            None => Some(format!(
                "nobody synchronizes the clock of {} (`adjtimex` reports it unsynchronized), so it is not known that the \
                 shards started together: run chrony or another NTP client there",
                self.unknown.join(", ")
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::shards::clock::Clock;

    fn host(name: &str, boot_id: &str, error_ms: Option<u64>, start_ms: u64) -> Host {
        let ns = |ms: u64| ms * 1_000_000;
        let clock = Clock { error_ns: error_ms.map(ns), stepped_ns: 0, start_ns: Some(ns(start_ms)) };
        Host { name: name.into(), boot_id: boot_id.into(), kernel: String::new(), clock }
    }

    fn fault(hosts: &[Host]) -> Option<String> {
        Skew::of(&hosts.iter().collect::<Vec<_>>()).fault(100_000_000)
    }

    #[test]
    fn shards_on_one_machine_share_a_clock() {
        assert_eq!(fault(&[host("a", "1", None, 500), host("a", "1", None, 503)]), None);
        let set = fault(&[host("a", "1", None, 500), host("a", "1", None, 601)]).expect("it was set");
        assert!(set.contains("101 ms apart, more than 100 ms"), "{set}");
    }

    #[test]
    fn clocks_may_be_apart_by_the_sum_of_the_two_largest_errors() {
        let three = |third| fault(&[host("a", "1", Some(10), 0), host("b", "2", Some(60), 9), third]);
        assert_eq!(three(host("c", "3", Some(40), 7000)), None);
        assert!(three(host("c", "3", Some(41), 0)).is_some_and(|text| text.contains("101 ms apart")));
        assert!(three(host("b", "2", Some(31), 109)).is_some_and(|text| text.contains("170 ms apart")));
        let unknown = three(host("c", "3", None, 0)).expect("nobody knows");
        assert!(unknown.contains("nobody synchronizes the clock of c"), "{unknown}");
    }
}
