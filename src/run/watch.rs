//! All probes of a repeat, read at every sample.

use std::{
    mem, thread,
    time::{Duration, Instant},
};

use super::{
    Interrupt,
    sample::{Reading, Source},
    target::Target,
};
use crate::{
    address::Address,
    metric::{Metric, Row},
    probe::{
        ConnectionTracker, HostProbe, Journal, ListenerDrops, ReferenceProbe, RequestCounts, Rest,
        SocketProbe, SocketReading, TaskCounters, TcpState, TreeProbe,
    },
    sys::{self, Event},
};

/// Proportional memory walks the page tables: once a second is enough.
const PSS_EVERY_NS: u64 = 1_000_000_000;
/// How long the server may take to report its counters: a hanging server must not delay the other probes.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);
const MOST_PATIENCE: Duration = Duration::from_millis(200);
/// The same at a border: without it, nothing can be said of what lies between.
const BORDER_PATIENCE: Duration = Duration::from_millis(500);
/// A dump of all sockets may take this share of the time between two samples at most; else samples are left out.
const MOST_SHARE: f64 = 0.2;
/// The same of a look at the clients' ends of the connections, at which nothing is dated.
const MOST_SHARE_OF_CLIENTS: f64 = 0.05;
/// Time between two looks at a server that is coming to rest, and how long that is waited for.
const REST_LOOK: Duration = Duration::from_millis(20);
const REST_PATIENCE: Duration = Duration::from_secs(1);
/// The time that a server has to give memory back after the last client: timers of servers are slow.
const SETTLE_LEAST: Duration = Duration::from_millis(200);
const SETTLE_MOST: Duration = Duration::from_millis(400);

/// What the kernel does not tell of a UNIX-domain socket (`unix_diag.h`).
const NOT_OF_UNIX: &str = "not known for UNIX sockets, because the kernel does not tell: how long a connection made no progress \
    and what held the server back from sending to it, requests of other clients, connections that the accept queue refused, \
    and what stays in the kernel after a close; an eviction is a close there, as there is no RST";

/// When something is looked at. All but [`Moment::Between`] are borders, at which everything is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Before the first client.
    Before,
    WindowStart,
    /// A phase of the window begins or ends.
    PhaseBorder,
    /// With all clients still there.
    WindowEnd,
    /// After the last client has gone.
    After,
    /// One of many.
    Between,
}

/// The probes of one repeat.
pub(super) struct Watch {
    process: Option<TreeProbe>,
    /// Or why they are not counted.
    instructions: Result<TaskCounters, String>,
    sockets: Option<SocketProbe>,
    tracker: ConnectionTracker,
    requests: RequestCounts,
    drops: ListenerDrops,
    host: Option<HostProbe>,
    /// Lost attempts to connect to any socket of this machine, at the last look.
    listen_drops: Option<u64>,
    reference: Option<ReferenceProbe>,
    patience: Duration,
    service: Address,
    pss_due_ns: u64,
    sockets_due_ns: u64,
    clients_due_ns: u64,
    /// What could not be seen, and why, and what else a reader should know.
    pub(super) notes: Vec<String>,
}

impl Watch {
    /// Starts to measure this server, which may use these cores.
    pub(super) fn new(target: &dyn Target, server_cores: &[usize], sample_every: Duration) -> Self {
        let mut notes = target.notes();
        let mut kept =
            |what: &str, error: std::io::Error| notes.push(format!("{what} could not be measured: {error}"));
        let process = match target.processes() {
            [] => None,
            roots => TreeProbe::new(roots).map_err(|e| kept("the server's process", e)).ok(),
        };
        let sockets = SocketProbe::new().map_err(|e| kept("the kernel's socket memory", e)).ok();
        let host = HostProbe::new().map_err(|e| kept("the host's load", e)).ok();
        if let Some(reason) = host.as_ref().and_then(HostProbe::no_pressure) {
            notes.push(format!("CPU pressure was not measured: {reason}"));
        }
        if process.is_some() && !TreeProbe::sees_children() {
            notes.push(
                "child processes of the server were not measured, because this kernel does not list them"
                    .to_owned(),
            );
        }
        if target.service().is_unix() {
            notes.push(NOT_OF_UNIX.to_owned());
        }
        let reference = target.admin().map(ReferenceProbe::new);
        if reference.is_none() {
            notes.push(
                "system calls, buffers and reasons of evictions are known only for the reference server"
                    .to_owned(),
            );
        }
        Self {
            process,
            instructions: Err("the server's process was not measured".to_owned()),
            sockets,
            tracker: ConnectionTracker::default(),
            requests: RequestCounts::default(),
            drops: ListenerDrops::default(),
            listen_drops: None,
            host: host.map(|host| host.watching(server_cores)),
            reference,
            patience: (sample_every / 2).clamp(LEAST_PATIENCE, MOST_PATIENCE),
            service: target.service(),
            pss_due_ns: 0,
            sockets_due_ns: 0,
            clients_due_ns: 0,
            notes,
        }
    }

    /// The same of this machine alone: the server is observed by another process.
    pub(super) fn of_host(service: Address, cores: &[usize]) -> Self {
        Self {
            process: None,
            instructions: Err("the server's process was not measured".to_owned()),
            sockets: None,
            tracker: ConnectionTracker::default(),
            requests: RequestCounts::default(),
            drops: ListenerDrops::default(),
            listen_drops: None,
            host: HostProbe::new().ok().map(|host| host.watching(cores)),
            reference: None,
            patience: LEAST_PATIENCE,
            service,
            pss_due_ns: 0,
            sockets_due_ns: 0,
            clients_due_ns: 0,
            notes: Vec::new(),
        }
    }

    /// Waits until the server has forked its workers and started its threads, and its memory is steady; then its
    /// instructions are counted, and peaks of its memory begin.
    pub(super) fn await_rest(&mut self, interrupt: &mut Interrupt) {
        let Some(process) = &mut self.process else { return };
        let (mut rest, began) = (Rest::default(), Instant::now());
        let mut missed = None;
        while !interrupt.requested() {
            match process.read() {
                Ok(reading) if !rest.look(&reading) => {}
                _ => break,
            }
            if began.elapsed() > REST_PATIENCE {
                missed = Some(format!(
                    "the server did not come to rest within {} s before the first client: it still started or ended \
                     processes or threads, or its memory changed, so its memory at the start is not that of an idle \
                     server",
                    REST_PATIENCE.as_secs()
                ));
                break;
            }
            thread::sleep(REST_LOOK);
        }
        let peaks = process.reset_peak_rss().map_err(|error| {
            format!(
                "the server's peak memory could not be reset ({error}): a peak between two samples is noticed only if \
                 it exceeds all peaks before the repeat"
            )
        });
        self.instructions = TaskCounters::new(Event::Instructions, &process.processes().collect::<Vec<_>>());
        for note in missed.into_iter().chain(peaks.err()) {
            self.note(note);
        }
    }

    /// Gives the server time to give memory back before the last sample: until its memory is steady, within bounds. An
    /// interrupt shortens it.
    pub(super) fn settle(&mut self, interrupt: &mut Interrupt) {
        let (mut rest, began) = (Rest::default(), Instant::now());
        while began.elapsed() < SETTLE_MOST && !interrupt.requested() {
            let reading = self.process.as_mut().and_then(|process| process.read().ok());
            let is_at_rest = reading.is_some_and(|reading| rest.look(&reading));
            if is_at_rest && began.elapsed() >= SETTLE_LEAST {
                return;
            }
            thread::sleep(REST_LOOK);
        }
    }

    /// Which instructions are counted, or why none are.
    pub(super) fn instructions(&self) -> String {
        match &self.instructions {
            Ok(counters) => format!("counted {}", counters.scope()),
            Err(reason) => format!("not counted: {reason}"),
        }
    }

    /// Reads everything that can be read now: first what is counted in time, then what takes long.
    pub(super) fn read(&mut self, moment: Moment) -> Vec<Reading> {
        let mut readings = Vec::with_capacity(6);
        readings.push(Reading::take(Source::Process, |row| self.read_process(row)));
        if let Ok(counters) = &mut self.instructions {
            readings.push(Reading::take(Source::Instructions, |row| {
                if let Some(count) = counters.read() {
                    row.set(Metric::ServerInstructions, count as f64);
                }
            }));
        }
        readings.push(Reading::take(Source::Host, |row| self.read_host(row)));
        readings.push(Reading::take(Source::Sockets, |row| self.read_sockets(row, moment)));
        let is_border = moment != Moment::Between;
        let patience = if is_border { BORDER_PATIENCE } else { self.patience };
        readings.push(Reading::take(Source::Server, |row| self.read_reference(row, patience)));
        if is_border || sys::monotonic_ns() >= self.pss_due_ns {
            readings.push(Reading::take(Source::Pages, |row| self.read_pss(row)));
        }
        if moment == Moment::WindowEnd {
            self.end_window();
        }
        readings
    }

    /// The evictions that the reference server lists; `None` where it does not answer.
    pub(super) fn evictions(&mut self) -> Option<Journal> {
        let journal =
            self.reference.as_ref().map_or_else(|| Ok(Journal::default()), ReferenceProbe::evictions);
        journal.map_err(|error| self.note(format!("the server's list of evictions is missing: {error}"))).ok()
    }

    /// What held the server back from sending counts from this instant on.
    pub(super) fn count_from(&mut self, from_ns: u64) {
        self.tracker.count_from(from_ns);
    }

    /// What became of each connection until now, and what others than these clients sent to the server in the window. It is
    /// asked for once, in the end.
    pub(super) fn followed(&mut self) -> (ConnectionTracker, RequestCounts) {
        (self.tracker.take(), mem::take(&mut self.requests))
    }

    fn read_process(&mut self, row: &mut Row) {
        let Some(process) = &mut self.process else { return };
        match process.read() {
            Ok(reading) => {
                row.set(Metric::ServerProcesses, reading.processes as f64);
                row.set(Metric::ServerRss, reading.rss_bytes as f64);
                row.set(Metric::ServerRssHigh, reading.peak_rss_bytes as f64);
                row.set(Metric::ServerCpu, reading.cpu_ns as f64);
                row.set(Metric::ServerCpuUser, reading.cpu_user_ns as f64);
                row.set(Metric::ServerCpuSystem, reading.cpu_system_ns as f64);
                row.set(Metric::ServerRunDelay, reading.run_delay_ns as f64);
                row.set(Metric::ServerSwitches, reading.context_switches as f64);
                if let Some(descriptors) = reading.descriptors {
                    row.set(Metric::ServerDescriptors, descriptors as f64);
                } else {
                    self.note(
                        "the server's descriptors were not measured: run badpeer as its user or as root"
                            .to_owned(),
                    );
                }
            }
            Err(error) => self.note(format!("a sample of the server's process is missing: {error}")),
        }
    }

    fn read_pss(&mut self, row: &mut Row) {
        self.pss_due_ns = sys::monotonic_ns() + PSS_EVERY_NS;
        match self.process.as_mut().map(TreeProbe::read_pss) {
            Some(Ok(pss)) => row.set(Metric::ServerPss, pss as f64),
            Some(Err(error)) => {
                self.note(format!("the server's proportional memory was not measured: {error}"));
            }
            None => {}
        }
    }

    fn read_reference(&mut self, row: &mut Row, patience: Duration) {
        let read = self.reference.as_ref().map(|reference| reference.read(row, patience));
        if let Some(Err(error)) = read {
            self.note(format!("a sample of the server's own counters is missing: {error}"));
        }
    }

    /// Takes the sockets in that were dumped last, and those that are no more.
    fn end_window(&mut self) {
        let service = self.service;
        if service.is_unix() {
            // What others sent is not known.
            return;
        }
        let ended = self.sockets.as_mut().map(|sockets| sockets.time_wait(service));
        // Without them, what is seen of other clients is less, and no less true.
        self.requests.end_window(
            service.inet().map(|service| service.port()),
            &ended.and_then(Result::ok).unwrap_or_default(),
            sys::monotonic_ns(),
        );
    }

    fn read_sockets(&mut self, row: &mut Row, moment: Moment) {
        let Some(sockets) = &mut self.sockets else { return };
        let now_ns = sys::monotonic_ns();
        if moment == Moment::Between && now_ns < self.sockets_due_ns {
            return;
        }
        match sockets.sockets(self.service) {
            Ok(sockets) => {
                // A connection may have been opened while the kernel listed them.
                let done_ns = sys::monotonic_ns();
                self.tracker.look(sockets, now_ns, done_ns);
                if !self.service.is_unix() {
                    self.requests.look(sockets, done_ns);
                }
                let reading = SocketReading::of(sockets);
                if reading.listen.sockets > 0 {
                    row.set(Metric::AcceptQueue, reading.listen.accept_queue as f64);
                    if !self.service.is_unix() {
                        let drops = self.drops.since_first(reading.listen.drops, self.listen_drops);
                        row.set(Metric::ListenerDrops, drops as f64);
                    }
                }
                // A server on another machine, or in another network namespace, has no sockets here.
                if self.tracker.saw_server() {
                    row.set(Metric::KernelMemory, reading.server.kernel_bytes as f64);
                    row.set(Metric::ServerSendBuffer, reading.server.send_buffer_bytes as f64);
                    row.set(Metric::KernelSendQueue, reading.server.send_queue_bytes as f64);
                    row.set(Metric::KernelReceiveQueue, reading.server.receive_queue_bytes as f64);
                    row.set(Metric::ServerSockets, reading.server.sockets as f64);
                    row.set(Metric::SocketsEstablished, reading.server.count(TcpState::Established) as f64);
                    row.set(Metric::SocketsCloseWait, reading.server.count(TcpState::CloseWait) as f64);
                    if !self.service.is_unix() {
                        row.set(Metric::SocketsClosing, reading.server.closing() as f64);
                    }
                }
            }
            Err(error) => self.note(format!("a sample of the kernel's sockets is missing: {error}")),
        }
        if moment == Moment::WindowStart {
            self.requests.begin_window(now_ns);
        }
        let cost = sys::monotonic_ns() - now_ns;
        self.sockets_due_ns = now_ns + (cost as f64 / MOST_SHARE) as u64;
        self.read_clients(row, moment);
    }

    /// The clients' ends of the connections: at the borders, where the server's are not seen, and as often as that costs little.
    fn read_clients(&mut self, row: &mut Row, moment: Moment) {
        let Some(sockets) = &mut self.sockets else { return };
        let now_ns = sys::monotonic_ns();
        if moment == Moment::Between && self.tracker.saw_server() && now_ns < self.clients_due_ns {
            return;
        }
        match sockets.client_queues(self.service) {
            Ok(clients) => {
                row.set(Metric::ClientReceiveQueue, clients.receive_queue_bytes as f64);
                row.set(Metric::ClientSendQueue, clients.send_queue_bytes as f64);
            }
            Err(error) => self.note(format!("a sample of the clients' sockets is missing: {error}")),
        }
        let cost = sys::monotonic_ns() - now_ns;
        self.clients_due_ns = now_ns + (cost as f64 / MOST_SHARE_OF_CLIENTS) as u64;
    }

    fn read_host(&mut self, row: &mut Row) {
        row.set(Metric::HarnessProcessCpu, sys::process_cpu_ns() as f64);
        let Some(Ok(reading)) = self.host.as_mut().map(HostProbe::read) else { return };
        if let Some(used) = reading.watched_ns {
            row.set(Metric::ServerCoresUsed, used as f64);
        }
        row.set(Metric::HostSteal, reading.steal_ns as f64);
        row.set(Metric::ListenDrops, reading.listen_drops as f64);
        self.listen_drops = Some(reading.listen_drops);
        row.set(Metric::Retransmits, reading.retransmitted_segments as f64);
        if let Some(pressure) = reading.cpu_pressure_ns {
            row.set(Metric::HostCpuPressure, pressure as f64);
        }
    }

    /// Adds a note once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
