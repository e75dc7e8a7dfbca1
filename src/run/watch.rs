//! Everything that is looked at while a trial runs, sample by sample.

use std::{net::SocketAddr, time::Duration};

use super::target::Target;
use crate::{
    metric::{Metric, Row},
    probe::{
        HostProbe, Journal, ReferenceProbe, Sightings, SocketProbe, SocketReading, TaskCounters, TcpState,
        TreeProbe,
    },
    sys::{self, Event},
};

/// Proportional memory walks the page tables: once a second is enough.
const PSS_EVERY_NS: u64 = 1_000_000_000;
/// How long the server may take to tell its counters: a hung one must not hold up what is seen from outside.
const LEAST_PATIENCE: Duration = Duration::from_millis(20);
const MOST_PATIENCE: Duration = Duration::from_millis(200);
/// The same at a border: without it, nothing can be said of what lies between.
const BORDER_PATIENCE: Duration = Duration::from_millis(500);
/// A dump of all sockets may take this share of the time between two samples at most; else samples are left out.
const MOST_SHARE: f64 = 0.2;

/// When something is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Where the window, or the trial, begins or ends.
    Border,
    /// One of many.
    Between,
}

/// The probes of one trial.
pub(super) struct Watch {
    process: Option<TreeProbe>,
    /// Or why they are not counted.
    instructions: Result<TaskCounters, String>,
    sockets: Option<SocketProbe>,
    sightings: Sightings,
    host: Option<HostProbe>,
    reference: Option<ReferenceProbe>,
    patience: Duration,
    service: SocketAddr,
    pss_due_ns: u64,
    sockets_due_ns: u64,
    /// What could not be seen, and why, and what else a reader should know.
    pub(super) notes: Vec<String>,
}

impl Watch {
    pub(super) fn new(target: &dyn Target, sample_every: Duration) -> Self {
        let mut notes = target.notes();
        let mut kept =
            |what: &str, error: std::io::Error| notes.push(format!("{what} was not seen: {error}"));
        let process = match target.processes() {
            [] => None,
            roots => TreeProbe::new(roots).map_err(|e| kept("the server's process", e)).ok(),
        };
        let instructions = match &process {
            None => Err("the server's process was not seen".to_owned()),
            Some(tree) => TaskCounters::new(Event::Instructions, &tree.processes().collect::<Vec<_>>()),
        };
        let sockets = SocketProbe::new().map_err(|e| kept("the kernel's socket memory", e)).ok();
        let host = HostProbe::new().map_err(|e| kept("the host's load", e)).ok();
        if let Some(reason) = host.as_ref().and_then(HostProbe::no_pressure) {
            notes.push(format!("CPU pressure was not seen: {reason}"));
        }
        if process.is_some() && !TreeProbe::sees_children() {
            notes.push(
                "processes that the server started were not seen: this kernel does not tell".to_owned(),
            );
        }
        let reference = target.admin().map(ReferenceProbe::new);
        if reference.is_none() {
            notes.push(
                "system calls, buffers and reasons of evictions are told by the reference server only"
                    .to_owned(),
            );
        }
        Self {
            process,
            instructions,
            sockets,
            sightings: Sightings::default(),
            host,
            reference,
            patience: (sample_every / 2).clamp(LEAST_PATIENCE, MOST_PATIENCE),
            service: target.service(),
            pss_due_ns: 0,
            sockets_due_ns: 0,
            notes,
        }
    }

    /// Which instructions are counted, or why none are.
    pub(super) fn instructions(&self) -> String {
        match &self.instructions {
            Ok(counters) => format!("counted {}", counters.scope()),
            Err(reason) => format!("not counted: {reason}"),
        }
    }

    /// Reads everything that can be read now.
    pub(super) fn read(&mut self, moment: Moment) -> Row {
        let mut row = Row::default();
        let now_ns = sys::monotonic_ns();
        self.read_process(&mut row, now_ns);
        self.read_sockets(&mut row, now_ns);
        self.read_host(&mut row);
        let patience = if moment == Moment::Border { BORDER_PATIENCE } else { self.patience };
        let told = self.reference.as_ref().map(|reference| reference.read(&mut row, patience));
        if let Some(Err(error)) = told {
            self.note(format!("a sample of the server's own counters is missing: {error}"));
        }
        row
    }

    /// The evictions that the reference server lists; `None` where it does not answer.
    pub(super) fn evictions(&mut self) -> Option<Journal> {
        let told = self.reference.as_ref().map_or_else(|| Ok(Journal::default()), ReferenceProbe::evictions);
        told.map_err(|error| self.note(format!("the server's list of evictions is missing: {error}"))).ok()
    }

    /// What held the server back from sending counts from this instant on.
    pub(super) fn count_from(&mut self, from_ns: u64) {
        self.sightings.count_from(from_ns);
    }

    /// What became of each connection until now; `None` where the server's sockets cannot be seen.
    pub(super) fn sightings(&self) -> Option<&Sightings> {
        Some(&self.sightings).filter(|sightings| sightings.saw_server())
    }

    fn read_process(&mut self, row: &mut Row, now_ns: u64) {
        let Some(process) = &mut self.process else { return };
        let mut missing = Vec::new();
        match process.read() {
            Ok(reading) => {
                row.set(Metric::ServerProcesses, reading.processes as f64);
                row.set(Metric::ServerRss, reading.rss_bytes as f64);
                row.set(Metric::ServerCpu, reading.cpu_ns as f64);
                row.set(Metric::ServerCpuUser, reading.cpu_user_ns as f64);
                row.set(Metric::ServerCpuSystem, reading.cpu_system_ns as f64);
                row.set(Metric::ServerRunDelay, reading.run_delay_ns as f64);
                row.set(Metric::ServerSwitches, reading.context_switches as f64);
                match reading.descriptors {
                    Some(descriptors) => row.set(Metric::ServerDescriptors, descriptors as f64),
                    None => missing.push(
                        "the server's descriptors were not seen: run as its user or as root".to_owned(),
                    ),
                }
            }
            Err(error) => missing.push(format!("a sample of the server's process is missing: {error}")),
        }
        if let Some(count) = self.instructions.as_mut().ok().and_then(TaskCounters::read) {
            row.set(Metric::ServerInstructions, count as f64);
        }
        if now_ns >= self.pss_due_ns {
            self.pss_due_ns = now_ns + PSS_EVERY_NS;
            match process.read_pss() {
                Ok(pss) => row.set(Metric::ServerPss, pss as f64),
                Err(error) => missing.push(format!("the server's proportional memory was not seen: {error}")),
            }
        }
        for note in missing {
            self.note(note);
        }
    }

    fn read_sockets(&mut self, row: &mut Row, now_ns: u64) {
        let Some(sockets) = &mut self.sockets else { return };
        if now_ns < self.sockets_due_ns {
            return;
        }
        let port = self.service.port();
        match sockets.sockets(port) {
            Ok(sockets) => {
                self.sightings.look(port, &sockets, now_ns, sys::monotonic_ns());
                let reading = SocketReading::of(port, &sockets);
                row.set(Metric::ClientReceiveQueue, reading.client.receive_queue_bytes as f64);
                if reading.listen.sockets > 0 {
                    row.set(Metric::AcceptQueue, reading.listen.accept_queue as f64);
                    row.set(Metric::ListenerDrops, reading.listen.drops as f64);
                }
                // A server on another machine, or in another network namespace, has no sockets here.
                if self.sightings.saw_server() {
                    row.set(Metric::KernelMemory, reading.server.kernel_bytes as f64);
                    row.set(Metric::ServerSendBuffer, reading.server.send_buffer_bytes as f64);
                    row.set(Metric::KernelSendQueue, reading.server.send_queue_bytes as f64);
                    row.set(Metric::ServerSockets, reading.server.sockets as f64);
                    row.set(Metric::SocketsEstablished, reading.server.count(TcpState::Established) as f64);
                    row.set(Metric::SocketsCloseWait, reading.server.count(TcpState::CloseWait) as f64);
                    row.set(Metric::SocketsClosing, reading.server.closing() as f64);
                }
            }
            Err(error) => self.note(format!("a sample of the kernel's sockets is missing: {error}")),
        }
        let cost = sys::monotonic_ns() - now_ns;
        self.sockets_due_ns = now_ns + (cost as f64 / MOST_SHARE) as u64;
    }

    fn read_host(&mut self, row: &mut Row) {
        let Some(Ok(reading)) = self.host.as_mut().map(HostProbe::read) else { return };
        row.set(Metric::HostSteal, reading.steal_ns as f64);
        row.set(Metric::ListenDrops, reading.listen_drops as f64);
        row.set(Metric::Retransmits, reading.retransmitted_segments as f64);
        if let Some(pressure) = reading.cpu_pressure_ns {
            row.set(Metric::HostCpuPressure, pressure as f64);
        }
    }

    /// Says it once.
    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
