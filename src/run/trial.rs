//! One trial: a fresh server, the clients, the samples.

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::{Interrupt, Observer, Progress, RunError, cores::Cores, summary, target::Target, watch::Watch};
use crate::{
    client::{self, Driven, Plan, Tick},
    metric::{Metric, Row},
    profile::Profile,
    record::{Effective, Trial},
    sys,
    units::{Bytes, human_bytes},
};

/// Time between the baseline sample and the first client.
const LEAD_NS: u64 = 30_000_000;
/// Time that the server has to give memory back before the last sample.
const SETTLE: Duration = Duration::from_millis(400);
/// Descriptors that the harness itself needs beside its connections.
const OWN_DESCRIPTORS: u64 = 64;
/// How long the sampler sleeps before it looks for an interrupt.
const LOOK_UP_NS: u64 = 100_000_000;

/// How a trial ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Finished,
    Interrupted,
}

/// Samples by number; 0 lies before the first client, the last after the last one.
pub(super) type Samples = BTreeMap<u32, Sample>;

/// One instant.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    pub(super) at_ns: i64,
    pub(super) run: Row,
    pub(super) groups: Vec<Row>,
}

/// Whether this machine can do what the profile asks; raises the descriptor limit as far as needed and allowed.
pub(super) fn check_machine(profile: &Profile) -> Result<(), RunError> {
    let needed = profile.connections() + OWN_DESCRIPTORS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((needed, needed));
    if needed > hard {
        return Err(RunError::Start(format!(
            "{} connections need {needed} descriptors, the limit is {hard}: raise it (`ulimit -Hn {needed}` as root, or \
             LimitNOFILE= of a service), or ask for fewer clients",
            profile.connections()
        )));
    }
    if needed > soft {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    let largest_send = fs::read_to_string("/proc/sys/net/ipv4/tcp_wmem").unwrap_or_default();
    let largest_send =
        largest_send.split_whitespace().nth(2).and_then(|text| text.parse().ok()).unwrap_or(4 << 20);
    check_sizes(profile, largest_send).map_err(RunError::Impossible)
}

/// A slow reader shows nothing while the kernel's buffers can hold all that it asks for.
fn check_sizes(profile: &Profile, largest_send: u64) -> Result<(), String> {
    let send = profile.server.send_buffer.0.map_or(largest_send, |bytes| bytes.0 * 2);
    for group in profile.clients.iter().filter(|group| !group.rx.keeps_up()) {
        let Some(depth) = group.load.depth else { continue };
        let receive = group.recv_buffer.map_or(6 << 20, |bytes| bytes.0 * 2);
        let asked = u64::from(depth) * group.load.answer_bytes();
        if asked < send + receive {
            return Err(format!(
                "group `{}` asks for at most {} at a time ({depth} answers of {}), but the kernel's buffers alone can \
                 hold {} (send) + {} (receive): the server would never notice that it reads slowly. Ask for larger \
                 answers, set recv_buffer on the group and server.send_buffer, or use an open loop (rate)",
                group.name,
                human_bytes(asked as f64),
                Bytes(group.load.answer_bytes()),
                human_bytes(send as f64),
                human_bytes(receive as f64),
            ));
        }
    }
    Ok(())
}

/// Runs one trial.
pub(super) fn run(
    profile: &Profile,
    seed: u64,
    cores: &Cores,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(Trial, End), RunError> {
    let mut target = Target::start(&profile.server, &cores.server)?;
    let mut watch = Watch::new(&target);
    let plan = Plan {
        address: target.service,
        groups: profile.clients.clone(),
        seed,
        epoch_ns: sys::monotonic_ns() + LEAD_NS,
        warmup: profile.warmup.0,
        measure: profile.measure.0,
        sample_every: profile.sample_every.0,
    };
    let mut samples = Samples::new();
    samples.insert(0, sample(&plan, &mut watch));
    let (driven, end) = drive(&plan, &mut target, &mut watch, &mut samples, interrupt, observer)?;
    thread::sleep(SETTLE);
    let last = samples.keys().last().copied().unwrap_or(0) + 1;
    samples.insert(last, sample(&plan, &mut watch));
    let evictions = summary::evictions(&watch.evictions(), &driven, profile, plan.epoch_ns);
    let server_exit = target.end();
    if cores.server.is_empty() {
        watch.notes.push("server and clients share the only core: rates say little".to_owned());
    }
    let effective = Effective {
        server_cores: cores.server.clone(),
        client_cores: cores.clients.clone(),
        address: plan.address.to_string(),
        client_receive_buffer: driven.buffers.iter().map(|(receive, _)| *receive).collect(),
        client_send_buffer: driven.buffers.iter().map(|(_, send)| *send).collect(),
        server_exit,
    };
    Ok((summary::trial(profile, seed, effective, &samples, driven, evictions, watch.notes), end))
}

/// How long the clients run, in nanoseconds.
fn profile_ns(plan: &Plan) -> u64 {
    (plan.warmup + plan.measure).as_nanos() as u64
}

fn sample(plan: &Plan, watch: &mut Watch) -> Sample {
    let at_ns = sys::monotonic_ns() as i64 - plan.epoch_ns as i64;
    Sample { at_ns, run: watch.read(), groups: Vec::new() }
}

/// Lets the clients run on their own thread, and samples until they are done.
fn drive(
    plan: &Plan,
    target: &mut Target,
    watch: &mut Watch,
    samples: &mut Samples,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(Driven, End), RunError> {
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, ticks) = mpsc::channel();
    let engine = {
        let (plan, stop) = (plan.clone(), Arc::clone(&stop));
        let work = move || client::drive(&plan, &stop, &sender);
        thread::Builder::new().name("clients".into()).spawn(work)
    };
    let engine = engine.map_err(|e| RunError::Clients(format!("cannot start the clients' thread: {e}")))?;
    let mut progress = Meter::default();
    let mut end = End::Finished;
    let mut death = Ok(());
    let samples_in_all = (profile_ns(plan) / plan.sample_every.as_nanos() as u64) as u32;
    for number in 1.. {
        let due = plan.epoch_ns + u64::from(number) * plan.sample_every.as_nanos() as u64;
        while sys::monotonic_ns() < due && end == End::Finished && !engine.is_finished() {
            let left = due.saturating_sub(sys::monotonic_ns()).min(LOOK_UP_NS);
            thread::sleep(Duration::from_nanos(left));
            if interrupt.requested() {
                end = End::Interrupted;
            }
        }
        death = target.still_runs();
        if end == End::Interrupted || death.is_err() {
            stop.store(true, Ordering::Relaxed);
            break;
        }
        if engine.is_finished() {
            break;
        }
        // What comes after the window is only waited for.
        if number <= samples_in_all {
            let taken = sample(plan, watch);
            samples.insert(number, taken);
            take_ticks(&ticks, samples);
            observer.sample(&progress.read(samples));
        }
    }
    let driven = engine.join().map_err(|_| RunError::Clients("the clients' thread panicked".into()))?;
    death?;
    take_ticks(&ticks, samples);
    // A tick that no sample was taken for has nothing to stand beside.
    samples.retain(|_, sample| sample.at_ns != 0);
    let driven = driven.map_err(|error| {
        RunError::Clients(format!(
            "the clients ran out of what the machine has: {error}; see `badpeer doctor`"
        ))
    })?;
    Ok((driven, end))
}

fn take_ticks(ticks: &Receiver<Tick>, samples: &mut Samples) {
    for tick in ticks.try_iter() {
        let sample = samples.entry(tick.number).or_default();
        sample.run.merge(&tick.run);
        sample.groups = tick.groups;
    }
}

/// Makes what people want to see while they wait out of the last samples.
#[derive(Default)]
struct Meter {
    answered: f64,
    at_ns: i64,
}

impl Meter {
    fn read(&mut self, samples: &Samples) -> Progress {
        let Some(sample) = samples.values().rev().find(|sample| !sample.groups.is_empty()) else {
            return Progress::default();
        };
        let answered: f64 = sample.groups.iter().filter_map(|row| row.value(Metric::Answered)).sum();
        let seconds = (sample.at_ns - self.at_ns) as f64 / 1e9;
        let rate = if seconds > 0.0 { (answered - self.answered) / seconds } else { 0.0 };
        (self.answered, self.at_ns) = (answered, sample.at_ns);
        Progress {
            seconds: sample.at_ns as f64 / 1e9,
            answers_per_second: rate,
            response_p99_ns: sample
                .groups
                .iter()
                .filter_map(|row| row.value(Metric::IntervalP99))
                .reduce(f64::max),
            server_rss_bytes: sample.run.value(Metric::ServerRss),
            kernel_memory_bytes: sample.run.value(Metric::KernelMemory),
            evictions: sample.run.value(Metric::Evictions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Source;

    fn profile(load: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[[clients]]\nname = \"slow\"\ncount = 1\nrx = \"stall\"\nrecv_buffer = \"16KiB\"\nload = {load}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    #[test]
    fn a_slow_reader_that_the_kernel_hides_is_refused() {
        let small = profile("{ depth = 4, payload = \"16B\", answer = \"64KiB\" }");
        let refusal = check_sizes(&small, 4 << 20).expect_err("the kernel holds it all");
        assert!(refusal.contains("`slow` asks for at most 256 KiB"), "{refusal}");
        let large = profile("{ depth = 4, payload = \"16B\", answer = \"8MiB\" }");
        assert_eq!(check_sizes(&large, 4 << 20), Ok(()));
        let open = profile("{ rate = \"4/s\", payload = \"16B\", answer = \"64KiB\" }");
        assert_eq!(check_sizes(&open, 4 << 20), Ok(()), "an open loop asks for more and more");
    }
}
