//! The metrics of the content of all groups, of the load generator, and of the host.

macro_rules! load_generator_metrics {
    ($next:ident $($others:ident)*: $($before:tt)*) => { $next! { $($others)*: $($before)*

    // Content, over all groups.
    /// Received bytes that were compared with the expected bytes
    VerifiedBytes: "verified_bytes" Run Bytes Neither [Final] None 0.1;
    /// Received bytes that differ from the expected bytes
    CorruptBytes: "corrupt_bytes" Run Bytes Lower [Final] None 0.0 definite Above;

    // The load generator and the host.
    /// CPU time of the whole badpeer process: the load generator and the probes
    HarnessProcessCpu: "harness_process_cpu" Run Nanoseconds Neither [Rate] None 0.1;
    /// CPU time of the load generator
    HarnessCpu: "harness_cpu" Run Nanoseconds Neither [Rate Total] Cpu 0.1;
    /// Share of the window in which the busiest thread of the load generator computed, or was ready to run and waited
    /// for its core
    HarnessBusy: "harness_busy" Run Cores Neither [Final] None 0.1;
    /// Run delay of the load generator: largest share of the window in which one of its threads was ready to run and
    /// waited for its core
    HarnessRunDelay: "harness_run_delay" Run Cores Neither [Final] None 0.5;
    /// Time for which the load generator was stalled while measuring, in stalls of at least 50 ms each
    HarnessPaused: "harness_paused" Run Nanoseconds Neither [Final] None 0.5;
    /// Longest stall of the load generator while measuring: it neither computed nor slept as planned
    HarnessPauseMax: "harness_pause_max" Run Nanoseconds Neither [Final] None 0.5;
    /// CPU time of the load generator per answered request
    HarnessCpuPerRequest: "harness_cpu_per_request" Run Nanoseconds Neither [Final] None 0.1;
    /// System calls of the load generator per answered request
    HarnessCallsPerRequest: "harness_calls_per_request" Run Count Neither [Final] None 0.1;
    /// Start delay: how late the load generator started requests that were due while measuring, 99th percentile
    PacingErrorP99: "pacing_error_p99" Run Nanoseconds Neither [Final] None 0.5;
    /// Requests of open loops due while measuring that the load generator started more than 10 ms late
    StartedLate: "started_late" Run Count Neither [Final] None 0.5;
    /// Connect delay: how late the load generator opened connections that were due and that the server had room for, 99th
    /// percentile
    ConnectDelayP99: "connect_delay_p99" Run Nanoseconds Neither [Final] None 0.5;
    /// Connections that were due and that the server had room for, and that the load generator opened more than 10 ms late
    ConnectedLate: "connected_late" Run Count Neither [Final] None 0.5;
    /// Pause delay: how late the load generator went on with clients that read or send slowly, 99th percentile of the
    /// pauses that ended while measuring
    PauseDelayP99: "pause_delay_p99" Run Nanoseconds Neither [Final] None 0.5;
    /// Pauses of clients that read or send slowly, ended while measuring, that lasted more than 10 ms too long
    PausesLate: "pauses_late" Run Count Neither [Final] None 0.5;
    /// Time other guests of the host took from this machine, over all cores
    HostSteal: "host_steal" Run Nanoseconds Lower [Rate] None 0.5;
    /// Time some task of this machine waited for a core (PSI)
    HostCpuPressure: "host_cpu_pressure" Run Nanoseconds Neither [Rate] None 0.5;
    /// Connections and SYNs dropped by any listening socket of this network namespace
    ListenDrops: "listen_drops" Run Count Lower [Whole] None 0.0;
    /// Segments sent again, on the whole machine
    Retransmits: "retransmits" Run Count Lower [Whole] None 0.5;
    } };
}

pub(super) use load_generator_metrics;
