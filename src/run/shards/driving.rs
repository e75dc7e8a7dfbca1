//! A shard: it is ready before the start, drives its part of the clients from then on, and keeps what it counted.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    clock::monotonic_at,
    end::ShardEnd,
    identity::{Identity, start},
    part::{Origin, Part},
    state::StateFile,
};
use crate::{
    address::Address,
    client::{self, Kept, Plan, Shard, put_together},
    gate::{self, Window},
    probe::{allowed_cpus, describe_machine},
    profile::{self, Profile},
    record::Effective,
    run::{
        Interrupt, Observer, RunError,
        accept_queue::accept_queue,
        board::Board,
        cores::{Cores, stay_on},
        drive::{Clients, RepeatEnd, Sampler},
        feasible,
        observed::Observed,
        repeat::{self, Setting},
        sample::{Sample, Samples, Source},
        target::{Build, Reached, ServerExit, Target, reach},
        watch::{Moment, Watch},
    },
    sys,
    units::human_time,
};

/// A shard must be ready so long before the start: then its first client connects in time.
const READY: Duration = Duration::from_millis(20);
/// How long to sleep before looking for an interrupt.
const LOOK_UP: Duration = Duration::from_millis(50);

/// What a shard or an observer is to do.
#[derive(Clone, Debug)]
pub struct Order {
    /// The profile's name.
    pub name: String,
    /// The profile, at the only point of its sweep, for one repeat. Its server runs already.
    pub profile: Profile,
    /// The window, where it is not the one that the profile is written for.
    pub window: Option<Window>,
    /// Which part of the clients is driven; `None`: the server is observed.
    pub shard: Option<Shard>,
    /// When the first client connects: nanoseconds since 1970.
    pub start_ns: u64,
    /// Where files are left.
    pub folder: PathBuf,
}

impl Order {
    pub(super) fn identity(&self) -> Identity {
        let shards = self.shard.map_or(0, |shard| shard.of);
        Identity::of(&self.profile, shards, self.start_ns, self.profile.seed)
    }

    pub(super) fn origin(&self, service: Address) -> Origin {
        Origin {
            name: self.name.clone(),
            profile: self.profile.without_secrets(),
            window: self.window,
            address: service.to_string(),
            machine: describe_machine(),
            cores: allowed_cpus(0),
        }
    }

    /// The address of its server, which must run already.
    pub(super) fn attached(&self) -> Result<&profile::Attach, RunError> {
        match &self.profile.server {
            profile::Target::Attached { attach } => Ok(attach),
            profile::Target::Reference(_) | profile::Target::Program(_) => Err(RunError::impossible(
                &["server"],
                "a shard starts no server, because there is one for all of them: start it, and give its address \
                 (`server.attach`), or use --shards to run all of them here",
            )),
        }
    }

    fn what(&self) -> String {
        self.shard.map_or_else(|| "the observer".to_owned(), |shard| format!("shard {shard}"))
    }

    /// When the first client connects on the monotonic clock, if it is still to come.
    pub(super) fn epoch_ns(&self) -> Result<u64, ShardEnd> {
        let (start_at, now) = (monotonic_at(self.start_ns), i128::from(sys::monotonic_ns()));
        let ahead = start_at - now;
        if ahead < READY.as_nanos() as i128 {
            let late = (READY.as_nanos() as i128 - ahead).max(0);
            return Err(ShardEnd::Late(format!(
                "{} was ready {} too late for the start at {}, so it did not join: start all of them earlier, or set a \
                 later --start-at",
                self.what(),
                human_time(late as f64),
                start(self.start_ns)
            )));
        }
        u64::try_from(start_at).map_err(|_| ShardEnd::Late(format!("{} cannot start then", self.what())))
    }
}

/// Drives a part of the clients, as the order says; the files in its folder say how that went.
pub fn drive(order: &Order, interrupt: &mut Interrupt, observer: &mut dyn Observer) -> ShardEnd {
    recorded(order, |file| {
        let Reached { service, listeners } = reach(&order.attached()?.address)?;
        feasible::check_clients(&order.profile, order.shard.map_or(1, |shard| shard.of))?;
        if listeners.is_some() {
            // With more cores it would take time from the server; that it could not be confined shows in the host's load.
            let _ = stay_on(&Cores::split().clients);
        }
        drive_at(order, service, file, interrupt, observer)
    })
}

/// Does the work between the first and the last word of the file.
pub(super) fn recorded(
    order: &Order,
    work: impl FnOnce(&mut StateFile) -> Result<ShardEnd, RunError>,
) -> ShardEnd {
    let mut file = match StateFile::begin(&order.folder, order.shard, order.identity()) {
        Ok(file) => file,
        Err(error) => return ShardEnd::Failed(error),
    };
    let end = work(&mut file).unwrap_or_else(ShardEnd::Failed);
    file.end(&end).map_or_else(ShardEnd::Failed, |()| end)
}

/// Waits for an instant on the monotonic clock; whether no interrupt came first.
pub(super) fn wait_until(at_ns: u64, interrupt: &mut Interrupt) -> bool {
    loop {
        if interrupt.requested() {
            return false;
        }
        match at_ns.saturating_sub(sys::monotonic_ns()) {
            0 => return true,
            left_ns => thread::sleep(Duration::from_nanos(left_ns).min(LOOK_UP)),
        }
    }
}

/// The same once the server is known to be there.
pub(super) fn drive_at(
    order: &Order,
    service: Address,
    file: &mut StateFile,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<ShardEnd, RunError> {
    let shard = order.shard.unwrap_or(Shard { index: 0, of: 1 });
    let epoch_ns = match order.epoch_ns() {
        Ok(epoch_ns) => epoch_ns,
        Err(late) => return Ok(late),
    };
    file.started_at(epoch_ns);
    if !wait_until(epoch_ns - READY.as_nanos() as u64, interrupt) {
        return Ok(ShardEnd::Interrupted);
    }
    let (seed, threads) = (order.profile.seed, order.profile.client_threads.of_shard());
    let plan = repeat::plan(&order.profile, service, seed, epoch_ns, threads, Some(shard));
    let plan = Plan { accept_queue: accept_queue(service), ..plan };
    let origin = order.origin(service);
    let (board, sender) = Board::new(epoch_ns, plan.threads);
    let mut board = Some(board.keeping());
    let clients = Clients::start(&plan, move |plan, stop| client::drive_shard(plan, stop, &sender))?;
    let mut watch = Watch::of_host(service, &origin.cores);
    let mut samples = Samples::from([(-1, Sample::of(watch.read(Moment::Before)))]);
    let mut watching = Sampler {
        plan: &plan,
        target: &mut Elsewhere(service),
        watch: &mut watch,
        samples: &mut samples,
        interrupt,
        observer,
    };
    let end = watching.sample(&mut board, &mut || clients.is_done());
    let kept = clients.join()?;
    if let Some(board) = &mut board {
        board.clear(&mut samples);
    }
    let host = of_host(&samples);
    let findings = findings(&plan, &order.profile, &kept, samples, &origin.cores);
    let invalid = findings.invalid.clone();
    let ticks = board.map(Board::into_kept).unwrap_or_default();
    file.keep(&Part { run: order.identity(), shard, of: origin, kept, ticks, host, findings })?;
    Ok(if end == RepeatEnd::Finished { ShardEnd::Finished { invalid } } else { ShardEnd::Interrupted })
}

/// What was read of the machine alone.
fn of_host(samples: &Samples) -> Samples {
    let mut samples = samples.clone();
    for sample in samples.values_mut() {
        sample.readings.retain(|reading| reading.source == Source::Host);
        sample.groups.clear();
        // They are known by when they were due; other machines have another clock.
        sample.at_ns = 0;
        for reading in &mut sample.readings {
            (reading.from_ns, reading.until_ns) = (0, 0);
        }
    }
    samples.retain(|_, sample| !sample.readings.is_empty());
    samples
}

/// What this machine did to the clients.
fn findings(
    plan: &Plan,
    profile: &Profile,
    kept: &Kept,
    samples: Samples,
    cores: &[usize],
) -> gate::Findings {
    let Some(driven) = put_together(plan, vec![kept.clone()]) else { return gate::Findings::default() };
    let build = Build::default();
    let setting = Setting { profile, build: &build, seed: plan.seed, address: plan.address.to_string() };
    let seen = Observed::nothing(plan.epoch_ns, samples);
    let effective = Effective { client_cores: cores.to_vec(), ..Effective::default() };
    let repeat = repeat::repeat(&setting, driven, seen, effective, Vec::new());
    gate::examine_shard(profile, &repeat)
}

/// A server that another process watches.
struct Elsewhere(Address);

impl Target for Elsewhere {
    fn service(&self) -> Address {
        self.0
    }

    fn processes(&self) -> &[u32] {
        &[]
    }

    fn still_runs(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn end(&mut self) -> ServerExit {
        ServerExit { words: "left running".to_owned(), in_order: true }
    }
}
