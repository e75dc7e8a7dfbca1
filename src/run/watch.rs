//! Everything that is looked at while a trial runs, sample by sample.

use std::{net::SocketAddr, time::Duration};

use super::target::Target;
use crate::{
    metric::{Metric, Row},
    probe::{HostProbe, ProcessProbe, ReferenceProbe, ReportedEviction, SocketProbe},
    sys,
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
    process: Option<ProcessProbe>,
    sockets: Option<SocketProbe>,
    host: Option<HostProbe>,
    reference: ReferenceProbe,
    patience: Duration,
    service: SocketAddr,
    pss_due_ns: u64,
    sockets_due_ns: u64,
    /// What could not be seen, and why.
    pub(super) notes: Vec<String>,
}

impl Watch {
    pub(super) fn new(target: &Target, sample_every: Duration) -> Self {
        let mut notes = Vec::new();
        let mut kept =
            |what: &str, error: std::io::Error| notes.push(format!("{what} was not seen: {error}"));
        let process = ProcessProbe::new(target.pid()).map_err(|e| kept("the server's process", e)).ok();
        let sockets = SocketProbe::new().map_err(|e| kept("the kernel's socket memory", e)).ok();
        let host = HostProbe::new().map_err(|e| kept("the host's load", e)).ok();
        if let Some(reason) = host.as_ref().and_then(HostProbe::no_pressure) {
            notes.push(format!("CPU pressure was not seen: {reason}"));
        }
        Self {
            process,
            sockets,
            host,
            reference: ReferenceProbe::new(target.admin),
            patience: (sample_every / 2).clamp(LEAST_PATIENCE, MOST_PATIENCE),
            service: target.service,
            pss_due_ns: 0,
            sockets_due_ns: 0,
            notes,
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
        if let Err(error) = self.reference.read(&mut row, patience) {
            self.note(format!("a sample of the server's own counters is missing: {error}"));
        }
        row
    }

    pub(super) fn evictions(&mut self) -> Vec<ReportedEviction> {
        self.reference.evictions().unwrap_or_else(|error| {
            self.note(format!("the server's list of evictions is missing: {error}"));
            Vec::new()
        })
    }

    fn read_process(&mut self, row: &mut Row, now_ns: u64) {
        let Some(process) = &mut self.process else { return };
        match process.read() {
            Ok(reading) => {
                row.set(Metric::ServerRss, reading.rss_bytes as f64);
                row.set(Metric::ServerCpu, reading.on_cpu_ns as f64);
                row.set(Metric::ServerCpuUser, reading.cpu_user_ns as f64);
                row.set(Metric::ServerCpuSystem, reading.cpu_system_ns as f64);
                let switches = reading.voluntary_switches + reading.involuntary_switches;
                row.set(Metric::ServerSwitches, switches as f64);
                if let Some(descriptors) = reading.descriptors {
                    row.set(Metric::ServerDescriptors, descriptors as f64);
                }
            }
            Err(error) => self.notes.push(format!("a sample of the server's process is missing: {error}")),
        }
        if now_ns >= self.pss_due_ns {
            self.pss_due_ns = now_ns + PSS_EVERY_NS;
            if let Ok(pss) = process.read_pss() {
                row.set(Metric::ServerPss, pss as f64);
            }
        }
    }

    fn read_sockets(&mut self, row: &mut Row, now_ns: u64) {
        let Some(sockets) = &mut self.sockets else { return };
        if now_ns < self.sockets_due_ns {
            return;
        }
        match sockets.read(self.service.port()) {
            Ok(reading) => {
                row.set(Metric::KernelMemory, reading.server.kernel_bytes as f64);
                row.set(Metric::ServerSendBuffer, reading.server.send_buffer_bytes as f64);
                row.set(Metric::KernelSendQueue, reading.server.send_queue_bytes as f64);
                row.set(Metric::ClientReceiveQueue, reading.client.receive_queue_bytes as f64);
                row.set(Metric::ServerSockets, reading.server.sockets as f64);
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

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}
