//! All shards of a repeat on this machine: this process starts the server and observes it, and starts a process for each shard.

use std::{
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use indexmap::IndexMap;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    clock::Host,
    collect::collect,
    merge::Merger,
    worker::{READY, WorkOrder},
};
use crate::{
    address::Address,
    client::Shard,
    gate::Window,
    profile::Profile,
    record::Repeat,
    run::{
        Build, Interrupt, Observer, RunError,
        cores::Cores,
        drive::{RepeatEnd, Sampler},
        observed::Observed,
        repeat::{self, LEAD_NS, Setting, plan},
        sample::{Sample, Samples},
        target,
        watch::Moment,
    },
    sys,
};

/// Time between the word to start and the start.
const NOTICE_NS: u64 = 200_000_000;
/// How long a shard that was asked to end may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A repeat with its clients in several processes.
pub(in crate::run) struct Here<'a> {
    /// Shards.
    pub(in crate::run) count: u32,
    /// Where they leave their files.
    pub(in crate::run) folder: PathBuf,
    /// The profile's name.
    pub(in crate::run) name: &'a str,
    pub(in crate::run) window: Option<Window>,
    pub(in crate::run) cores: &'a Cores,
}

impl Here<'_> {
    /// Runs the repeat.
    pub(in crate::run) fn run(
        &self,
        profile: &Profile,
        files: &IndexMap<String, String>,
        seed: u64,
        interrupt: &mut Interrupt,
        observer: &mut dyn Observer,
    ) -> Result<(Repeat, RepeatEnd), RunError> {
        let build = Build::default();
        let profile = &Profile { seed, ..profile.clone() };
        let mut target = target::start(&profile.server, &build, files, &self.cores.server, interrupt)?;
        let mut workers = Workers::start(self, profile, target.service())?;
        let (mut watch, server_cores) = repeat::watched(target.as_ref(), self.cores, profile);
        watch.await_rest(interrupt);
        let baseline = Sample::of(watch.read(Moment::Before));
        let epoch_ns = sys::monotonic_ns() + LEAD_NS + NOTICE_NS;
        workers.start_at(sys::realtime_ns() + LEAD_NS + NOTICE_NS)?;
        let plan = plan(profile, target.service(), seed, epoch_ns, profile.client_threads.of_shard(), None);
        watch.count_from(epoch_ns + profile.warmup.0.as_nanos() as u64);
        let mut samples = Samples::from([(-1, baseline)]);
        let mut watching = Sampler {
            plan: &plan,
            target: target.as_mut(),
            watch: &mut watch,
            samples: &mut samples,
            interrupt,
            observer,
        };
        let mut end = watching.sample(&mut None, &mut || workers.are_done());
        workers.end();
        let mut found =
            Observed::finish(watch, samples, target.as_mut(), &mut end, epoch_ns, interrupt, observer);
        found.server_cores.clone_from(&server_cores);
        let collected = collect(&self.folder).map_err(|error| RunError::Clients(error.to_string()))?;
        if collected.parts.is_empty() {
            return Err(RunError::Clients(format!(
                "no shard measured anything: {}",
                collected.missing.join("; ")
            )));
        }
        let setting = Setting { profile, build: &build, seed, address: plan.address.to_string() };
        let notes = self.cores.notes(&server_cores, self.count * plan.threads);
        let merger = Merger { collected, most_skew_ns: LEAD_NS };
        let mut host = Host::this();
        host.clock.start_ns = Some(epoch_ns);
        Ok((merger.put_together(&setting, found, Some(&host), notes), end))
    }
}

/// The processes of the shards. Dropping them ends those that still run.
struct Workers(Vec<Worker>);

struct Worker {
    shard: Shard,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Workers {
    /// Starts all of them, and waits until they are ready.
    fn start(here: &Here<'_>, profile: &Profile, service: Address) -> Result<Self, RunError> {
        let mut all = Self(Vec::new());
        for index in 0..here.count {
            all.0.push(Worker::start(Shard { index, of: here.count })?);
        }
        for worker in &mut all.0 {
            let order = WorkOrder {
                name: here.name.to_owned(),
                profile: profile.clone(),
                window: here.window,
                shard: worker.shard,
                service,
                folder: here.folder.clone(),
            };
            worker.tell(&serde_json::to_string(&order).unwrap_or_default())?;
        }
        all.0.iter_mut().try_for_each(Worker::await_ready)?;
        Ok(all)
    }

    fn start_at(&mut self, start_ns: u64) -> Result<(), RunError> {
        self.0.iter_mut().try_for_each(|worker| worker.tell(&start_ns.to_string()))
    }

    fn are_done(&mut self) -> bool {
        // What cannot be asked is no child any more.
        self.0.iter_mut().all(|worker| !matches!(worker.child.try_wait(), Ok(None)))
    }

    /// Asks those that still run to end with what they have, and waits for it.
    fn end(&mut self) {
        let asked = Instant::now();
        for worker in self.0.iter_mut().filter_map(Worker::running) {
            let _ = kill(Pid::from_raw(worker.cast_signed()), Signal::SIGTERM);
        }
        while !self.are_done() && asked.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.0 {
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

impl Worker {
    fn start(shard: Shard) -> Result<Self, RunError> {
        let failed = |error: std::io::Error| RunError::Start(format!("cannot start shard {shard}: {error}"));
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg("shard").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        sys::heed_sigterm(&mut command);
        sys::end_with_parent(&mut command);
        let mut child = command.spawn().map_err(failed)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (orders, answers) = pipes.ok_or_else(|| failed(std::io::Error::other("it has no pipes")))?;
        Ok(Self { shard, child, orders, answers: BufReader::new(answers) })
    }

    fn tell(&mut self, line: &str) -> Result<(), RunError> {
        let told = writeln!(self.orders, "{line}").and_then(|()| self.orders.flush());
        told.map_err(|error| RunError::Start(format!("shard {} ended too early: {error}", self.shard)))
    }

    fn await_ready(&mut self) -> Result<(), RunError> {
        let mut line = String::new();
        let _ = self.answers.read_line(&mut line);
        match line.trim() {
            READY => Ok(()),
            "" => Err(RunError::Start(format!("shard {} ended before it was ready", self.shard))),
            why => Err(RunError::Start(format!("shard {}: {why}", self.shard))),
        }
    }

    /// Its process, if it runs.
    fn running(&mut self) -> Option<u32> {
        matches!(self.child.try_wait(), Ok(None)).then(|| self.child.id())
    }
}
