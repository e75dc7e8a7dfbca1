//! An observer: it drives no client, and reads the server and its machine while shards do, by the same clock.

use indexmap::IndexMap;

use super::{
    driving::{Order, recorded, wait_until},
    end::ShardEnd,
    part::ObserverPart,
    state::StateFile,
};
use crate::{
    address::Address,
    client::Plan,
    probe::{SocketProbe, TcpState},
    profile,
    run::{
        Build, Interrupt, Observer, RunError,
        cores::Cores,
        drive::{RepeatEnd, Sampler},
        observed::Observed,
        repeat::{self, plan},
        sample::{Sample, Samples},
        target::{self, Target, reach},
        watch::Moment,
    },
    sys,
};

/// Time between the baseline sample and the first client: sockets and page tables of a large server take some.
const LEAD_NS: u64 = 100_000_000;
/// How often the connections that are left are counted after the window.
const LOOK_NS: u64 = 200_000_000;
/// How long clients may take to leave after the window: an answer is waited for up to 60 s.
const MOST_STAY_NS: u64 = 62_000_000_000;

/// Observes the server, as the order says; the files in its folder say how that went.
pub fn observe(order: &Order, interrupt: &mut Interrupt, observer: &mut dyn Observer) -> ShardEnd {
    recorded(order, |file| {
        let attach = order.attached()?;
        if reach(&attach.address)?.listeners.is_none() {
            return Err(RunError::Start(format!(
                "the observer must run on the machine of the server, and {} is on another one",
                attach.address
            )));
        }
        let cores = Cores::split();
        let server = profile::Target::Attached { attach: attach.clone() };
        let mut target =
            target::start(&server, &Build::default(), &IndexMap::default(), &cores.server, interrupt)?;
        observe_at(order, target.as_mut(), &cores, file, interrupt, observer)
    })
}

fn observe_at(
    order: &Order,
    target: &mut dyn Target,
    cores: &Cores,
    file: &mut StateFile,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<ShardEnd, RunError> {
    let profile = &order.profile;
    let (mut watch, server_cores) = repeat::watched(target, cores, profile);
    watch.await_rest(interrupt);
    let epoch_ns = match order.epoch_ns() {
        Ok(epoch_ns) => epoch_ns,
        Err(late) => return Ok(late),
    };
    file.started_at(epoch_ns);
    if !wait_until(epoch_ns.saturating_sub(LEAD_NS), interrupt) {
        return Ok(ShardEnd::Interrupted);
    }
    let mut samples = Samples::from([(-1, Sample::of(watch.read(Moment::Before)))]);
    let plan =
        plan(profile, target.service(), profile.seed, epoch_ns, profile.client_threads.of_shard(), None);
    watch.count_from(epoch_ns + profile.warmup.0.as_nanos() as u64);
    let mut leaving = Leaving::new(&plan);
    let mut watching =
        Sampler { plan: &plan, target, watch: &mut watch, samples: &mut samples, interrupt, observer };
    let mut end = watching.sample(&mut None, &mut || leaving.is_over());
    let mut seen = Observed::finish(watch, samples, target, &mut end, epoch_ns, interrupt, observer);
    seen.notes.extend(leaving.note());
    seen.server_cores = server_cores;
    file.keep(&ObserverPart { run: order.identity(), of: order.origin(plan.address), seen })?;
    Ok(if end == RepeatEnd::Interrupted {
        ShardEnd::Interrupted
    } else {
        ShardEnd::Finished { invalid: Vec::new() }
    })
}

/// Whether the clients have left: nobody tells the observer.
struct Leaving {
    service: Address,
    /// The clients stop no sooner, on the monotonic clock.
    stops_ns: u64,
    probe: Option<SocketProbe>,
    /// Connections that were there before the first client.
    before: usize,
    next_look_ns: u64,
    is_left: bool,
}

impl Leaving {
    fn new(plan: &Plan) -> Self {
        let [_, end_ns] = plan.borders_ns().map(|since_ns| plan.epoch_ns + since_ns);
        let stops_ns = end_ns + Plan::SAMPLE_PATIENCE.as_nanos() as u64;
        let probe = SocketProbe::new().ok();
        let mut leaving = Self {
            service: plan.address,
            stops_ns,
            probe,
            before: 0,
            next_look_ns: stops_ns,
            is_left: false,
        };
        leaving.before = leaving.connections().unwrap_or(0);
        leaving
    }

    fn connections(&mut self) -> Option<usize> {
        let sockets = self.probe.as_mut()?.sockets(self.service).ok()?;
        let is_open = |state| matches!(state, TcpState::Established | TcpState::CloseWait);
        Some(sockets.iter().filter(|socket| is_open(socket.state)).count())
    }

    fn is_over(&mut self) -> bool {
        let now_ns = sys::monotonic_ns();
        if now_ns < self.next_look_ns {
            return false;
        }
        self.next_look_ns = now_ns + LOOK_NS;
        self.is_left = self.connections().is_some_and(|count| count <= self.before);
        self.is_left || now_ns >= self.stops_ns + MOST_STAY_NS
    }

    fn note(&self) -> Option<String> {
        (!self.is_left).then(|| {
            "connections to the server were left when the observer stopped, so the figures after the clients left may \
             be those of others"
                .to_owned()
        })
    }
}
