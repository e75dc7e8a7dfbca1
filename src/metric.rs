//! What can be measured. One declaration here gives the CSV column, the chart line, the table row, the folds,
//! the name in `[expect]` and the direction of the gate; the probe that can see it calls `row.set` once.
//!
//! To add a metric: one entry in the table below, one `row.set(Metric::Yours, value)` where it can be read.

use crate::units::{self, Bytes, Rate, Span};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Nanoseconds.
    Nanoseconds,
    /// Things.
    Count,
    /// Things per second.
    PerSecond,
    /// Bytes per second.
    BytesPerSecond,
    /// A share of one core: 1.0 is a core kept busy all the time.
    Cores,
}

/// Which way is good; what gates and comparisons go by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// A fact, neither good nor bad.
    Neither,
}

/// Whose number it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// One for the whole run.
    Run,
    /// One for each client group; named `group.metric`.
    Group,
}

/// The chart a sampled metric is drawn in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Panel {
    /// Answers per second.
    Throughput,
    /// Response time.
    Latency,
    /// Where the bytes wait.
    BytesWait,
    /// CPU time.
    Cpu,
    /// Connections.
    Connections,
    /// In the tables only.
    None,
}

/// How samples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fold {
    /// The value before the first client connects.
    Start,
    /// The largest value of the whole run.
    Peak,
    /// The value after the last client is gone.
    End,
    /// Peak minus start.
    Growth,
    /// End minus start: what did not come back.
    Residue,
    /// How much a counter grew while measuring.
    Total,
    /// The same, per second.
    Rate,
    /// How much a counter grew from start to end, warm-up included.
    Whole,
    /// Not sampled: set once, at the end of a trial.
    Final,
}

impl Fold {
    /// What the fold adds to the metric's name.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Start => "_start",
            Self::Peak => "_peak",
            Self::End => "_end",
            Self::Growth => "_growth",
            Self::Residue => "_residue",
            Self::Rate => "_rate",
            Self::Total | Self::Whole | Self::Final => "",
        }
    }
}

impl Unit {
    /// The unit of this per second: nanoseconds per second are cores.
    #[must_use]
    pub const fn per_second(self) -> Self {
        match self {
            Self::Bytes => Self::BytesPerSecond,
            Self::Nanoseconds => Self::Cores,
            _ => Self::PerSecond,
        }
    }

    /// Three significant digits and a unit, for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        match self {
            Self::Bytes => units::human_bytes(value),
            Self::Nanoseconds => units::human_time(value),
            Self::Count => units::human_count(value),
            Self::PerSecond => format!("{}/s", units::human_count(value)),
            Self::BytesPerSecond => format!("{}/s", units::human_bytes(value)),
            Self::Cores => format!("{:.1} % of a core", value * 100.0),
        }
    }

    /// Reads a number of this unit as people write it in `[expect]`.
    ///
    /// # Errors
    /// A sentence that says what to write instead.
    pub fn parse(self, text: &str) -> Result<f64, String> {
        let negative = text.trim().strip_prefix('-');
        let magnitude = negative.unwrap_or(text).trim();
        let parsed = match self {
            Self::Bytes => magnitude.parse::<Bytes>().map(|b| b.0 as f64).map_err(|e| e.to_string()),
            Self::Nanoseconds => {
                magnitude.parse::<Span>().map(|s| s.0.as_nanos() as f64).map_err(|e| e.to_string())
            }
            Self::PerSecond => magnitude.parse::<Rate>().map(|r| r.0).map_err(|e| e.to_string()),
            Self::BytesPerSecond => {
                let bytes = magnitude.strip_suffix("/s").unwrap_or(magnitude);
                bytes.parse::<Bytes>().map(|b| b.0 as f64).map_err(|e| format!("{e}, per second"))
            }
            Self::Count | Self::Cores => magnitude
                .parse::<f64>()
                .ok()
                .filter(|n| n.is_finite())
                .ok_or(format!("`{magnitude}` is not a number")),
        };
        parsed.map(|value| if negative.is_some() { -value } else { value })
    }

    /// The unit's name in tables for machines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Nanoseconds => "ns",
            Self::Count => "count",
            Self::PerSecond => "1/s",
            Self::BytesPerSecond => "bytes/s",
            Self::Cores => "cores",
        }
    }
}

/// Everything that is known about a metric.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    /// The name in files, charts and `[expect]`.
    pub name: &'static str,
    /// What it counts.
    pub unit: Unit,
    /// Which way is good.
    pub better: Better,
    /// Whose number it is.
    pub scope: Scope,
    /// How samples become one number; the first is the one shown first.
    pub folds: &'static [Fold],
    /// The chart it is drawn in.
    pub panel: Panel,
    /// Relative change below which two runs are called the same.
    pub noise: f64,
    /// What it is, in a line.
    pub help: &'static str,
}

macro_rules! metrics {
    ($( $(#[doc = $help:literal])+ $variant:ident: $name:literal $scope:ident $unit:ident $better:ident
        [$($fold:ident)+] $panel:ident $noise:literal; )+) => {
        /// A thing that can be measured.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric { $( $(#[doc = $help])+ $variant, )+ }

        impl Metric {
            /// Every metric, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// What is known about it.
            #[must_use]
            pub const fn spec(self) -> &'static Spec {
                match self { $( Self::$variant => {
                    const SPEC: Spec = Spec {
                        name: $name,
                        unit: Unit::$unit,
                        better: Better::$better,
                        scope: Scope::$scope,
                        folds: &[$(Fold::$fold),+],
                        panel: Panel::$panel,
                        noise: $noise,
                        help: concat!($($help),+).trim_ascii(),
                    };
                    &SPEC
                } )+ }
            }
        }
    };
}

metrics! {
    // variant: "name" scope unit better [folds] panel noise;

    // The server process, from /proc.
    /// Resident memory of the server process
    ServerRss: "server_rss" Run Bytes Lower [Peak Start End Growth Residue] BytesWait 0.05;
    /// Proportional memory of the server process (smaps_rollup, once a second)
    ServerPss: "server_pss" Run Bytes Lower [Peak End] None 0.05;
    /// CPU time the server spent in user space
    ServerCpuUser: "server_cpu_user" Run Nanoseconds Lower [Rate Total] Cpu 0.05;
    /// CPU time the server spent in the kernel
    ServerCpuSystem: "server_cpu_system" Run Nanoseconds Lower [Rate Total] Cpu 0.05;
    /// CPU time of the server, user space and kernel (schedstat: exact to the nanosecond)
    ServerCpu: "server_cpu" Run Nanoseconds Lower [Rate Total] None 0.05;
    /// CPU time of the server for one answered request
    ServerCpuPerRequest: "server_cpu_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// Descriptors the server holds
    ServerDescriptors: "server_descriptors" Run Count Lower [Peak Start End] None 0.02;
    /// Context switches of the server
    ServerSwitches: "server_context_switches" Run Count Lower [Rate] None 0.2;

    // The kernel's side of the server's sockets, from sock_diag.
    /// Kernel memory of the server's sockets
    KernelMemory: "kernel_memory" Run Bytes Lower [Peak Start End Growth Residue] None 0.1;
    /// Bytes sent by the server that the peers' kernels have not acknowledged or not been offered yet
    KernelSendQueue: "kernel_send_queue" Run Bytes Lower [Peak End] BytesWait 0.1;
    /// Bytes in the clients' kernel receive queues that no client has read
    ClientReceiveQueue: "client_receive_queue" Run Bytes Neither [Peak End] BytesWait 0.1;
    /// The server's sockets in any state, FIN-WAIT included
    ServerSockets: "server_sockets" Run Count Lower [Peak End] None 0.02;

    // The reference server's own counters.
    /// Connections the reference server holds
    Connections: "connections" Run Count Neither [Peak End] Connections 0.02;
    /// Bytes that wait in the reference server's send buffers
    SendBuffered: "send_buffered" Run Bytes Lower [Peak End] BytesWait 0.1;
    /// Bytes that wait in the reference server's receive buffers
    ReceiveBuffered: "receive_buffered" Run Bytes Lower [Peak End] None 0.1;
    /// Memory held by the reference server's connection buffers
    BufferFootprint: "buffer_footprint" Run Bytes Lower [Peak End] None 0.1;
    /// Messages the reference server understood and answered
    ServerMessages: "server_messages" Run Count Higher [Rate Total] None 0.1;
    /// Returns from epoll_wait
    ServerWaits: "server_waits" Run Count Lower [Rate Total] None 0.1;
    /// Receive system calls of the reference server
    ServerReads: "server_reads" Run Count Lower [Rate Total] None 0.1;
    /// Send system calls of the reference server
    ServerWrites: "server_writes" Run Count Lower [Rate Total] None 0.1;
    /// epoll_ctl system calls of the reference server
    ServerControls: "server_controls" Run Count Lower [Rate Total] None 0.1;
    /// Times a send was cut short or refused and EPOLLOUT was armed
    WriteArmed: "write_armed" Run Count Neither [Whole] None 0.2;
    /// System calls of the reference server for one answered request
    ServerCallsPerRequest: "server_calls_per_request" Run Count Lower [Final] None 0.05;
    /// Bytes put into the reference server's buffers
    BufferAppended: "buffer_appended" Run Bytes Neither [Rate Total] None 0.1;
    /// Bytes moved inside the reference server's buffers, by shifting and growing
    BufferMoved: "buffer_moved" Run Bytes Lower [Rate Total] None 0.1;
    /// Messages whose checksum or length was wrong when the reference server read them
    ServerRejected: "server_rejected" Run Count Lower [Whole] None 0.0;

    // Evictions, as the reference server saw them.
    /// Connections the reference server evicted, for any reason
    Evictions: "evictions" Run Count Neither [Whole] None 0.0;
    /// Evicted because data stayed unsent and the peer acknowledged nothing for the send timeout
    EvictedSendTimeout: "evicted_send_timeout" Run Count Neither [Whole] None 0.0;
    /// Evicted because more waited to be sent than the send limit allows
    EvictedSendLimit: "evicted_send_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because a message did not fit the receive limit
    EvictedReceiveLimit: "evicted_receive_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because of bytes that are no message
    EvictedProtocol: "evicted_protocol" Run Count Neither [Whole] None 0.0;
    /// Smallest distance between the end of a send timeout and the eviction; negative is too early
    LatenessMin: "eviction_lateness_min" Run Nanoseconds Neither [Final] None 0.5;
    /// Median time between the end of a send timeout and the eviction
    LatenessP50: "eviction_lateness_p50" Run Nanoseconds Lower [Final] None 0.5;
    /// 99th percentile of the time between the end of a send timeout and the eviction
    LatenessP99: "eviction_lateness_p99" Run Nanoseconds Lower [Final] None 0.5;
    /// Median time from the server's eviction until the client's side saw it
    EvictionSeenP50: "eviction_seen_p50" Run Nanoseconds Lower [Final] None 0.5;

    // Content, over all groups.
    /// Received bytes that were compared with what they should be
    VerifiedBytes: "verified_bytes" Run Bytes Neither [Final] None 0.1;
    /// Received bytes that were not what they should be
    CorruptBytes: "corrupt_bytes" Run Bytes Lower [Final] None 0.0;

    // The harness and the host.
    /// CPU time of the client engine
    HarnessCpu: "harness_cpu" Run Nanoseconds Neither [Rate Total] Cpu 0.1;
    /// CPU time of the client engine for one answered request
    HarnessCpuPerRequest: "harness_cpu_per_request" Run Nanoseconds Neither [Final] None 0.1;
    /// System calls of the client engine for one answered request
    HarnessCallsPerRequest: "harness_calls_per_request" Run Count Neither [Final] None 0.1;
    /// 99th percentile of how late the engine started requests that were due
    PacingErrorP99: "pacing_error_p99" Run Nanoseconds Neither [Final] None 0.5;
    /// Time other guests of the host took from this machine, over all cores
    HostSteal: "host_steal" Run Nanoseconds Lower [Rate] None 0.5;
    /// Time some task of this machine waited for a core (PSI)
    HostCpuPressure: "host_cpu_pressure" Run Nanoseconds Neither [Rate] None 0.5;
    /// Connections dropped because the listen queue was full
    ListenDrops: "listen_drops" Run Count Lower [Whole] None 0.0;
    /// Segments sent again, on the whole machine
    Retransmits: "retransmits" Run Count Lower [Whole] None 0.5;

    // A client group.
    /// Answers received and verified
    Answered: "requests" Group Count Higher [Rate Total] Throughput 0.1;
    /// Requests that became due per second
    Offered: "offered_rate" Group PerSecond Neither [Final] None 0.01;
    /// Requests that became due and could not be started
    Skipped: "skipped" Group Count Lower [Whole] None 0.0;
    /// Requests still open when the clients stopped
    Unanswered: "unanswered" Group Count Lower [Final] None 0.0;
    /// Age of the oldest request still open when the clients stopped
    UnansweredAge: "unanswered_age" Group Nanoseconds Lower [Final] None 0.5;
    /// Requests open on a connection when it ended
    Lost: "lost" Group Count Lower [Final] None 0.0;
    /// Median response time of each interval, from when a request was due
    IntervalP50: "response_p50" Group Nanoseconds Lower [Peak] Latency 0.2;
    /// 99th percentile of the response time of each interval, from when a request was due
    IntervalP99: "response_p99" Group Nanoseconds Lower [Peak] Latency 0.2;
    /// Median response time, from when a request was due
    LatencyP50: "latency_p50" Group Nanoseconds Lower [Final] None 0.1;
    /// 90th percentile of the response time
    LatencyP90: "latency_p90" Group Nanoseconds Lower [Final] None 0.1;
    /// 99th percentile of the response time
    LatencyP99: "latency_p99" Group Nanoseconds Lower [Final] None 0.2;
    /// 99.9th percentile of the response time
    LatencyP999: "latency_p999" Group Nanoseconds Lower [Final] None 0.4;
    /// Longest response time
    LatencyMax: "latency_max" Group Nanoseconds Lower [Final] None 1.0;
    /// Median service time, from when a request was sent
    ServiceP50: "service_p50" Group Nanoseconds Lower [Final] None 0.1;
    /// 99th percentile of the service time
    ServiceP99: "service_p99" Group Nanoseconds Lower [Final] None 0.2;
    /// Bytes received
    Received: "received" Group Bytes Neither [Rate Total] None 0.1;
    /// Bytes sent
    Sent: "sent" Group Bytes Neither [Rate Total] None 0.1;
    /// Connections open
    Alive: "alive" Group Count Neither [Peak End] Connections 0.0;
    /// Connections that were tried
    Opened: "opened" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended, by FIN or by RST
    Evicted: "evicted" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended by RST
    EvictedReset: "evicted_rst" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended by FIN
    EvictedFin: "evicted_fin" Group Count Neither [Final] None 0.0;
    /// Connections that were refused
    Refused: "refused" Group Count Lower [Final] None 0.0;
    /// Connections that never came about in time
    TimedOut: "timed_out" Group Count Lower [Final] None 0.0;
    /// Received bytes that were compared with what they should be
    GroupVerified: "verified" Group Bytes Neither [Final] None 0.1;
    /// Received bytes that were not what they should be
    GroupCorrupt: "corrupt" Group Bytes Lower [Final] None 0.0;
    /// Messages that came back in pieces, with other bytes between them, or not whole
    Torn: "torn" Group Count Lower [Final] None 0.0;
    /// Messages that came back whole but after a later one
    Reordered: "reordered" Group Count Lower [Final] None 0.0;
    /// Messages that came back torn or out of order
    Disordered: "disordered" Group Count Lower [Final] None 0.0;
}

/// One number of a summary: a metric and the fold that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What was measured.
    pub metric: Metric,
    /// How samples became one number.
    pub fold: Fold,
}

impl Stat {
    /// Every number that a summary can hold, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        Metric::ALL
            .iter()
            .flat_map(|&metric| metric.spec().folds.iter().map(move |&fold| Self { metric, fold }))
    }

    /// The number of that name (`server_rss_peak`, `latency_p99`), without a group in front.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|stat| stat.name() == name)
    }

    /// The name in files and in `[expect]`.
    #[must_use]
    pub fn name(self) -> String {
        format!("{}{}", self.metric.spec().name, self.fold.suffix())
    }

    /// The unit of the folded number.
    #[must_use]
    pub fn unit(self) -> Unit {
        let unit = self.metric.spec().unit;
        if self.fold == Fold::Rate { unit.per_second() } else { unit }
    }

    /// The fold in words, for `badpeer list metrics`.
    #[must_use]
    pub fn help(self) -> String {
        let help = self.metric.spec().help;
        match self.fold {
            Fold::Start => format!("{help}: before the first client"),
            Fold::Peak => format!("{help}: the largest sample"),
            Fold::End => format!("{help}: after the last client"),
            Fold::Growth => format!("{help}: peak minus start"),
            Fold::Residue => format!("{help}: end minus start"),
            Fold::Rate => format!("{help}: per second while measuring"),
            Fold::Total => format!("{help}: while measuring"),
            Fold::Whole => format!("{help}: in the whole run"),
            Fold::Final => help.to_owned(),
        }
    }
}

/// One instant, or one summary: a value for each metric that was read. What was not read is absent, never zero.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    values: Vec<f64>,
}

impl Default for Row {
    fn default() -> Self {
        Self { values: vec![f64::NAN; Metric::ALL.len()] }
    }
}

impl Row {
    /// Says what was read.
    pub fn set(&mut self, metric: Metric, value: f64) {
        self.values[metric as usize] = value;
    }

    /// What was read, if it was.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<f64> {
        Some(self.values[metric as usize]).filter(|value| !value.is_nan())
    }

    /// Takes over everything that `other` has read.
    pub fn merge(&mut self, other: &Self) {
        for &metric in Metric::ALL {
            if let Some(value) = other.value(metric) {
                self.set(metric, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_a_name_of_its_own() {
        let mut names: Vec<_> = Stat::all().map(Stat::name).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "two numbers share a name");
    }

    #[test]
    fn a_name_leads_back_to_its_number() {
        for stat in Stat::all() {
            assert_eq!(Stat::named(&stat.name()), Some(stat));
        }
        assert_eq!(Stat::named("server_rss_groth"), None);
    }

    #[test]
    fn the_unit_reads_what_people_write() {
        assert_eq!(Unit::Bytes.parse("64KiB"), Ok(65_536.0));
        assert_eq!(Unit::Bytes.parse("-1KiB"), Ok(-1024.0));
        assert_eq!(Unit::Nanoseconds.parse("20ms"), Ok(20e6));
        assert_eq!(Unit::BytesPerSecond.parse("1MiB/s"), Ok(1_048_576.0));
        assert!(Unit::Count.parse("20ms").is_err());
        assert_eq!(Unit::Nanoseconds.per_second().show(0.5), "50.0 % of a core");
    }

    #[test]
    fn what_was_not_read_is_absent() {
        let mut row = Row::default();
        assert_eq!(row.value(Metric::ServerRss), None);
        row.set(Metric::ServerRss, 0.0);
        assert_eq!(row.value(Metric::ServerRss), Some(0.0));
        let mut other = Row::default();
        other.set(Metric::ServerPss, 2.0);
        row.merge(&other);
        assert_eq!((row.value(Metric::ServerRss), row.value(Metric::ServerPss)), (Some(0.0), Some(2.0)));
    }
}
