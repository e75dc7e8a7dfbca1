//! The table of all metrics. A new metric needs a line here and one `row.set` in the probe that reads it.

use super::spec::{Better, Definite, Fold, Kind, Panel, Scope, Spec, given};
use super::{declare::metrics, unit::Unit};

metrics! {
    // variant: "name" ("label for people") scope unit better [folds] panel noise definite side is kind;
    // The label is the name with spaces unless given. `definite Above` or `Below`: no load and no noise excuses a number on
    // that side of what is expected. `is`: what sort of number it is, where that decides how it is trusted and excused.

    // The server's process and all below it, from /proc.
    /// Processes of the server
    ServerProcesses: "server_processes" Run Count Neither [Peak Start Last End] None 0.0;
    /// Resident memory of the server's processes; shared pages count in each process
    ServerRss: "server_rss" ("server's memory (RSS)") Run Bytes Lower [Peak Start Last End Growth Residue] BytesWait 0.05;
    /// Peak of the resident memory since the last sample, from the kernel's high-water mark (VmHWM); with several
    /// processes, the sum of their peaks. The peak and the growth of server_rss come from this
    ServerRssHigh: "server_rss_high" Run Bytes Neither [] None 0.05;
    /// Proportional memory of the server's processes (smaps_rollup, once a second)
    ServerPss: "server_pss" ("server's memory (PSS)") Run Bytes Lower [Peak Last End] None 0.05;
    /// CPU time the server spent in user space
    ServerCpuUser: "server_cpu_user" Run Nanoseconds Lower [Rate Total] None 0.05;
    /// CPU time the server spent in the kernel
    ServerCpuSystem: "server_cpu_system" Run Nanoseconds Lower [Rate Total] None 0.05;
    /// CPU time of the server, user space and kernel (schedstat: exact to the nanosecond)
    ServerCpu: "server_cpu" Run Nanoseconds Lower [Rate Total] Cpu 0.05;
    /// CPU time of the server per answered request
    ServerCpuPerRequest: "server_cpu_per_request" Run Nanoseconds Lower [Final] None 0.03;
    /// CPU time of the server in user space per answered request
    ServerCpuUserPerRequest: "server_cpu_user_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// CPU time of the server in the kernel per answered request
    ServerCpuSystemPerRequest: "server_cpu_system_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// Run delay: time the server's threads were ready to run and waited for a core: the machine's doing
    ServerRunDelay: "server_run_delay" Run Nanoseconds Neither [Rate Total] None 0.5;
    /// Run delay of the server's threads, as a share of the time in which they ran or were ready to run
    ServerRunDelayShare: "server_run_delay_share" Run Share Neither [Final] None 0.5;
    /// CPU time of all tasks on the server's cores, without interrupts
    ServerCoresUsed: "server_cores_used" Run Nanoseconds Neither [Rate] None 0.1;
    /// CPU time of programs other than the server and badpeer on the server's cores, as a share of these cores
    OthersOnServerCores: "others_on_server_cores" Run Share Neither [Final] None 0.5;
    /// Instructions of the server, where this machine counts them (perf_event_open)
    ServerInstructions: "server_instructions" Run Count Lower [Rate Total] None 0.05;
    /// Instructions of the server per answered request
    ServerInstructionsPerRequest: "server_instructions_per_request" Run Count Lower [Final] None 0.02;
    /// Share of the server's CPU time that was spent in the kernel; not measured below 100 ms of CPU time
    ServerKernelShare: "server_kernel_share" Run Share Neither [Final] None 0.05;
    /// Descriptors the server holds
    ServerDescriptors: "server_descriptors" Run Count Lower [Peak Start Last End] None 0.02;
    /// Context switches of the server
    ServerSwitches: "server_context_switches" Run Count Lower [Rate] None 0.2;

    // The kernel's side of the server's sockets, from sock_diag.
    /// Kernel memory of the server's sockets
    KernelMemory: "kernel_memory" ("kernel memory of the sockets") Run Bytes Lower [Peak Start Last End Growth Residue] None 0.1;
    /// Bytes in the kernel's send queues of the server's sockets: not yet sent, or not yet acknowledged
    KernelSendQueue: "kernel_send_queue" Run Bytes Lower [Peak Last End] BytesWait 0.1;
    /// The largest kernel send buffer that a socket of the server was granted
    ServerSendBuffer: "server_send_buffer" Run Bytes Neither [Peak] None 0.02;
    /// Bytes in the clients' kernel receive queues that no client has read
    ClientReceiveQueue: "client_receive_queue" ("clients' kernel receive queue") Run Bytes Neither [Peak Last End] BytesWait 0.1;
    /// Bytes in the kernel's receive queues of the server's sockets: the server has not read them
    KernelReceiveQueue: "kernel_receive_queue" ("server's kernel receive queue") Run Bytes Neither [Peak Last End] RequestsWait 0.1;
    /// Bytes in the clients' kernel send queues: not yet sent, or not yet acknowledged by the server's kernel
    ClientSendQueue: "client_send_queue" ("clients' kernel send queue") Run Bytes Neither [Peak Last End] RequestsWait 0.1;
    /// Connections that waited for the server to accept them
    AcceptQueue: "accept_queue" Run Count Lower [Peak] None 0.5;
    /// Connections and SYNs that the server's listening sockets dropped, usually because their accept queue was full
    ListenerDrops: "listener_drops" Run Count Lower [Whole] None 0.0;
    /// The server's sockets in any state, including FIN-WAIT
    ServerSockets: "server_sockets" Run Count Lower [Peak Last End] None 0.02;
    /// The server's connections on which both ends may send (ESTABLISHED)
    SocketsEstablished: "sockets_established" ("sockets ESTABLISHED") Run Count Neither [Peak Last End] Connections 0.02;
    /// Connections whose client has sent a FIN and which the server has not closed yet (CLOSE-WAIT)
    SocketsCloseWait: "sockets_close_wait" ("sockets in CLOSE-WAIT") Run Count Lower [Peak Last End] Connections 0.02;
    /// Connections that the server has closed and the kernel still keeps (FIN-WAIT, CLOSING, LAST-ACK)
    SocketsClosing: "sockets_closing" ("sockets being closed") Run Count Lower [Peak Last End] Connections 0.02;

    /// Connections of other programs that sent data to the server's port while measuring
    OtherClients: "other_clients" Run Count Neither [Final] None 0.0;
    /// Requests of other programs to the server's port while measuring: segments with data that its sockets received
    OtherRequests: "other_requests" Run Count Neither [Final] None 0.5;
    /// Requests of other programs, as a share of all requests to the server while measuring
    OtherRequestsShare: "other_requests_share" Run Share Neither [Final] None 0.5;

    // The reference server's own counters.
    /// Connections the reference server holds
    Connections: "connections" ("connections in the server") Run Count Neither [Peak Last End] Connections 0.02;
    /// Bytes that wait in the reference server's send buffers
    SendBuffered: "send_buffered" ("server's send buffers") Run Bytes Lower [Peak Start Last End] BytesWait 0.1;
    /// Bytes that wait in the reference server's receive buffers
    ReceiveBuffered: "receive_buffered" ("server's receive buffers") Run Bytes Lower [Peak Last End] RequestsWait 0.1;
    /// Requests in progress in the reference server (processing_time)
    RequestsInProgress: "requests_in_progress" Run Count Neither [Peak Last End] None 0.1;
    /// Connections of the reference server whose next request is complete and waits until it may be in progress
    RequestsWaiting: "requests_waiting" Run Count Neither [Peak Last End] None 0.1;
    /// Memory held by the reference server's connection buffers
    BufferFootprint: "buffer_footprint" Run Bytes Lower [Peak Last End] None 0.1;
    /// Messages the reference server understood and answered
    ServerMessages: "server_messages" Run Count Higher [Rate Total] None 0.1;
    /// Returns from epoll_wait
    ServerWaits: "server_waits" ("epoll_wait returns") Run Count Lower [Rate Total] None 0.1;
    /// Receive system calls of the reference server
    ServerReads: "server_reads" ("receive calls") Run Count Lower [Rate Total] None 0.1;
    /// Send system calls of the reference server
    ServerWrites: "server_writes" ("send calls") Run Count Lower [Rate Total] None 0.1;
    /// epoll_ctl system calls of the reference server
    ServerControls: "server_controls" ("epoll_ctl calls") Run Count Lower [Rate Total] None 0.1;
    /// Times EPOLLOUT was armed
    WriteArmed: "write_armed" Run Count Neither [Whole] None 0.2;
    /// Times a connection was reported writable (EPOLLOUT)
    WriteEvents: "write_events" Run Count Neither [Rate Total] None 0.2;
    /// Times a connection was reported writable while something waited to be sent to it
    WriteWakeups: "write_wakeups" Run Count Neither [Rate Total] None 0.2;
    /// Bytes that the kernel accepted from the reference server at those times (write_wakeups)
    WakeupBytes: "wakeup_bytes" Run Bytes Neither [Rate Total] None 0.2;
    /// Bytes that the kernel accepted each time it reported a connection writable while something waited to be sent to it
    BytesPerWakeup: "bytes_per_wakeup" Run Bytes Neither [Final] None 0.1;
    /// bytes_per_wakeup as a share of the largest kernel send buffer that was granted
    WakeupShare: "wakeup_share" Run Count Neither [Final] None 0.1;
    /// Sends of the reference server of which the kernel accepted only a part, or nothing
    PartialSends: "partial_sends" Run Count Neither [Rate Total] None 0.2;
    /// Bytes that the clients acknowledged to the reference server, as of its last reading of each connection
    ServerAcked: "server_acked" Run Bytes Neither [Whole] None 0.1;
    /// Times the reference server stopped reading a connection's requests because too many requests or answers waited
    ReadsPaused: "reads_paused" Run Count Neither [Whole] None 0.2;
    /// Connections the reference server accepted
    Accepted: "accepted" Run Count Neither [Whole] None 0.0;
    /// Connections the reference server closed at once: no descriptor was left, or max_connections was reached
    AcceptRefused: "accept_refused" Run Count Neither [Whole] None 0.0;
    /// System calls of the reference server per answered request
    ServerCallsPerRequest: "server_calls_per_request" Run Count Lower [Final] None 0.05;
    /// Receive system calls of the reference server per message
    ServerReadsPerRequest: "server_reads_per_request" Run Count Lower [Final] None 0.05;
    /// Send system calls of the reference server per message
    ServerWritesPerRequest: "server_writes_per_request" Run Count Lower [Final] None 0.05;
    /// epoll_ctl system calls of the reference server per message
    ServerControlsPerRequest: "server_controls_per_request" Run Count Lower [Final] None 0.05;
    /// Returns from epoll_wait of the reference server per message
    ServerWaitsPerRequest: "server_waits_per_request" Run Count Lower [Final] None 0.1;
    /// Bytes put into the reference server's buffers
    BufferAppended: "buffer_appended" Run Bytes Neither [Rate Total] None 0.1;
    /// Bytes moved inside the reference server's buffers, by shifting and growing
    BufferMoved: "buffer_moved" Run Bytes Lower [Rate Total] None 0.1;
    /// Memory allocations of the reference server's buffers
    BufferAllocations: "buffer_allocations" Run Count Lower [Rate Total] None 0.1;
    /// Messages whose checksum or length was wrong when the reference server read them
    ServerRejected: "server_rejected" Run Count Lower [Whole] None 0.0 definite Above;

    // Evictions, as the reference server saw them.
    /// Connections the reference server evicted, for any reason
    Evictions: "evictions" Run Count Neither [Whole] None 0.0;
    /// Evicted because data stayed unsent and the client made no progress for the send timeout
    EvictedSendTimeout: "evicted_send_timeout" Run Count Neither [Whole] None 0.0;
    /// Evicted because more waited to be sent than the send limit allows
    EvictedSendLimit: "evicted_send_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because a message did not fit the receive limit
    EvictedReceiveLimit: "evicted_receive_limit" Run Count Neither [Whole] None 0.0 definite Above;
    /// Evicted because of bytes that are not a valid message
    EvictedProtocol: "evicted_protocol" Run Count Neither [Whole] None 0.0 definite Above;
    /// Evicted because more than the soft limit waited for longer than it allows
    EvictedSoftLimit: "evicted_soft_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because the client acknowledged less than the minimum rate
    EvictedMinRate: "evicted_min_rate" Run Count Neither [Whole] None 0.0;
    /// Evicted because the send buffer was never empty during the whole deadline
    EvictedDeadline: "evicted_deadline" Run Count Neither [Whole] None 0.0;
    /// Evicted because a message was not complete in time
    EvictedMessageTimeout: "evicted_message_timeout" Run Count Neither [Whole] None 0.0;
    /// Evicted because, for too long, nothing was received and nothing waited to be sent
    EvictedIdleTimeout: "evicted_idle_timeout" Run Count Neither [Whole] None 0.0;
    /// Ended by the kernel because of TCP_USER_TIMEOUT
    EvictedUserTimeout: "evicted_user_timeout" Run Count Neither [Whole] None 0.0;
    /// Smallest time between the end of a timeout and the eviction; the timeout is the profile's and counts from the
    /// last progress seen from outside; negative is too early
    LatenessMin: "eviction_lateness_min" Run Nanoseconds Neither [Final] None 0.0 definite Below is Lateness;
    /// Median time between the end of a timeout and the eviction
    LatenessP50: "eviction_lateness_p50" Run Nanoseconds Lower [Final] None 0.5 is Lateness;
    /// 99th percentile of the time between the end of a timeout and the eviction
    LatenessP99: "eviction_lateness_p99" Run Nanoseconds Lower [Final] None 0.5 is Lateness;
    /// Median time from the server's eviction until the client's side saw it
    EvictionSeenP50: "eviction_seen_p50" Run Nanoseconds Lower [Final] None 0.5 is EvictionSeen;

    /// Evictions whose reported time differs from the observation from outside by more than a tick
    EvictionsDisputed: "evictions_disputed" Run Count Lower [Final] None 0.0 definite Above;
    /// Largest difference between the reported time of an eviction and the observation from outside
    EvictionDisagreement: "eviction_disagreement_max" Run Nanoseconds Lower [Final] None 0.5;
    /// Evictions that the reference server no longer lists, because there were too many or because it did not answer
    EvictionsLost: "evictions_lost" Run Count Lower [Final] None 0.0;
    /// Evictions in the server's list whose port belongs to no connection of the clients
    EvictionsUnmatched: "evictions_unmatched" Run Count Lower [Final] None 0.0;
    /// Samples without a reading of the server's sockets, because a reading took too long or failed
    LooksMissed: "looks_missed" Run Count Lower [Final] None 0.0;
    /// Samples in which the counters of the reference server were not available in time
    CountersMissed: "counters_missed" Run Count Lower [Final] None 0.0;

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
    /// Share of the window in which the load generator's busiest thread computed, or was ready and waited for its core
    HarnessBusy: "harness_busy" Run Cores Neither [Final] None 0.1;
    /// Run delay of the load generator: largest share of the window in which a thread was ready and waited for its core
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
    /// Time other guests of the host took from this machine, over all cores
    HostSteal: "host_steal" Run Nanoseconds Lower [Rate] None 0.5;
    /// Time some task of this machine waited for a core (PSI)
    HostCpuPressure: "host_cpu_pressure" Run Nanoseconds Neither [Rate] None 0.5;
    /// Connections and SYNs dropped by any listening socket of this network namespace
    ListenDrops: "listen_drops" Run Count Lower [Whole] None 0.0;
    /// Segments sent again, on the whole machine
    Retransmits: "retransmits" Run Count Lower [Whole] None 0.5;

    // A client group.
    /// Requests of an open loop that became due, started or not
    Due: "due" Group Count Neither [Total] Throughput 0.01;
    /// Answers received and verified
    Answered: "requests" Group Count Higher [Rate Total] Throughput 0.1 is Answers;
    /// Requests that became due per second
    Offered: "offered_rate" Group PerSecond Neither [Final] None 0.01;
    /// Requests that became due and were never started: no connection was free
    Skipped: "skipped" Group Count Lower [Whole] None 0.0;
    /// Requests still open when the clients stopped
    Unanswered: "unanswered" Group Count Lower [Final] None 0.0;
    /// Age of the oldest request still open when the clients stopped
    UnansweredAge: "unanswered_age" Group Nanoseconds Lower [Final] None 0.5;
    /// Requests open on a connection when it ended
    Lost: "lost" Group Count Lower [Final] None 0.0;
    /// Share of the requests due in the window that were still open when the clients stopped
    UnansweredShare: "unanswered_share" Group Share Lower [Final] None 0.02;
    /// Share of the requests due in the window that were open on a connection when it ended, unless the client ended it
    LostShare: "lost_share" Group Share Lower [Final] None 0.02;
    /// Share of the requests due in the window that were never started: no connection was free
    SkippedShare: "skipped_share" Group Share Lower [Final] None 0.02;
    /// Share of the requests due in the window whose answer was an error
    ErrorsShare: "errors_share" Group Share Lower [Final] None 0.02 definite Above;
    /// Requests that crossed a close of the server and were sent again, as a share of those due in the measured window
    RetriedShare: "retried_share" Group Share Lower [Final] None 0.02;
    /// Connections that the server ended unannounced, refused, or did not accept, as a share of all that were opened
    EndedShare: "ended_share" Group Share Lower [Final] None 0.02;
    /// Connections that had open requests in the window and got no answer in it
    SilentConnections: "silent_connections" Group Count Lower [Final] None 0.0;
    /// Share of the group's connections that got no answer in the window
    SilentShare: "silent_share" Group Share Lower [Final] None 0.02;
    /// Fewest answers to a connection that was open for the whole window, or all but its first tenth
    FewestAnswers: "fewest_answers" Group Count Higher [Final] None 0.2;
    /// Longest wait for an answer in the window, including requests that still wait
    LongestWait: "longest_wait" Group Nanoseconds Lower [Final] None 1.0 is Wait;
    /// Longest time in the window in which the whole group waited and got no answer
    LongestSilence: "longest_silence" Group Nanoseconds Lower [Final] None 1.0 is Wait;
    /// Requests sent again on another connection because the server closed an idle connection while they were sent
    Retried: "retried" Group Count Neither [Whole] None 0.0;
    /// Median response time of each interval, from when a request was due
    IntervalP50: "response_p50" ("p50") Group Nanoseconds Lower [] Latency 0.2;
    /// 99th percentile of the response time of each interval, from when a request was due
    IntervalP99: "response_p99" ("p99") Group Nanoseconds Lower [] Latency 0.2;
    /// Median service time of each interval of an open loop, from when a request was sent
    IntervalServiceP50: "interval_service_p50" ("p50") Group Nanoseconds Lower [] Service 0.2;
    /// 99th percentile of the service time of each interval of an open loop, from when a request was sent
    IntervalServiceP99: "interval_service_p99" ("p99") Group Nanoseconds Lower [] Service 0.2;
    /// Median response time, from when a request was due; requests without a valid answer count as the slowest
    LatencyP50: "latency_p50" Group Nanoseconds Lower [Final] None 0.1 is Latency(0.5);
    /// 90th percentile of the response time
    LatencyP90: "latency_p90" Group Nanoseconds Lower [Final] None 0.1 is Latency(0.1);
    /// 99th percentile of the response time
    LatencyP99: "latency_p99" Group Nanoseconds Lower [Final] None 0.2 is Latency(0.01);
    /// 99.9th percentile of the response time
    LatencyP999: "latency_p999" Group Nanoseconds Lower [Final] None 0.4 is Latency(0.001);
    /// Longest response time
    LatencyMax: "latency_max" Group Nanoseconds Lower [Final] None 1.0 is Latency(0.0);
    /// Median service time, from when a request was sent
    ServiceP50: "service_p50" Group Nanoseconds Lower [Final] None 0.1 is Latency(0.5);
    /// 99th percentile of the service time
    ServiceP99: "service_p99" Group Nanoseconds Lower [Final] None 0.2 is Latency(0.01);
    /// Complete downloads over several connections: every part arrived without an error
    Downloads: "downloads" Group Count Higher [Rate Total] None 0.1;
    /// Median time of a download over several connections, until its last part arrived
    DownloadP50: "download_p50" Group Nanoseconds Lower [Final] None 0.1 is Download;
    /// Longest time of a download over several connections
    DownloadMax: "download_max" Group Nanoseconds Lower [Final] None 0.5 is Download;
    /// Bytes received
    Received: "received" Group Bytes Neither [Rate Total] None 0.1;
    /// Bytes sent
    Sent: "sent" Group Bytes Neither [Rate Total] None 0.1;
    /// Connections open
    Alive: "alive" Group Count Neither [Peak Last] Connections 0.0;
    /// Connections that were attempted
    Opened: "opened" Group Count Neither [Final] None 0.0;
    /// Connections that the server ended by FIN or RST, as the client saw it
    Evicted: "evicted" Group Count Neither [Final] None 0.0;
    /// Connections that the server ended by RST, as the client saw it
    EvictedReset: "evicted_rst" Group Count Neither [Final] None 0.0;
    /// Connections that the server ended by FIN, as the client saw it
    EvictedFin: "evicted_fin" Group Count Neither [Final] None 0.0;
    /// Median time from connecting until the server ended the connection
    EvictedAfterP50: "evicted_after_p50" Group Nanoseconds Neither [Final] None 0.1;
    /// Longest time from connecting until the server ended the connection
    EvictedAfterMax: "evicted_after_max" Group Nanoseconds Neither [Final] None 0.1;
    /// Connections that the server ended, as its own sockets show; a client that does not read may not see the end
    ServerEnded: "server_ended" Group Count Neither [Final] None 0.0;
    /// Connections that the server ended before a reading of its sockets showed them; they are not in stalled_for
    EndedUnseen: "server_ended_unseen" Group Count Lower [Final] None 0.0;
    /// Kernel memory that connections closed by the server still held at the end of the window
    LeftBehind: "left_behind" Group Bytes Lower [Final] None 0.1;
    /// Connections that were established and that no reading of the server's sockets showed
    ConnectionsUnseen: "connections_unseen" Group Count Neither [Final] None 0.0;
    /// Shortest time without progress until the server ended a connection (upper bound): from the last byte that the
    /// server could write (reference server: that the client acknowledged), known to within two samples, to the end
    StalledForMin: "stalled_for_min" Group Nanoseconds Neither [Final] None 0.1 definite Below is Held;
    /// Median time without progress until the server ended a connection
    StalledForP50: "stalled_for_p50" Group Nanoseconds Neither [Final] None 0.1 is Held;
    /// Longest time without progress until the server ended a connection (lower bound)
    StalledForMax: "stalled_for_max" Group Nanoseconds Neither [Final] None 0.1 is Held;
    /// Largest distance between the bounds of a time without progress
    StalledForUncertainty: "stalled_for_uncertainty" Group Nanoseconds Neither [Final] None 0.5;
    /// Share of the time with data to send to the group in which the clients' receive windows held it up (TCP_INFO:
    /// rwnd_limited of busy_time, over all its connections)
    WindowLimited: "window_limited" Group Share Neither [Final] None 0.05;
    /// Share of the time with data to send to the group in which the server's send buffer was too small
    /// (sndbuf_limited)
    SendBufferLimited: "send_buffer_limited" Group Share Neither [Final] None 0.05;
    /// Of the samples in which bytes waited unsent for a client, the share in which its receive window was closed
    WindowClosed: "window_closed" Group Share Neither [Final] None 0.05;
    /// Of the samples in which bytes waited unsent for a client, the share in which it had received some since the last
    /// one
    StallProgress: "stall_progress" Group Share Neither [Final] None 0.05;
    /// Largest number of bytes that waited unsent for one client in the server's kernel
    UnsentPeak: "unsent_peak" Group Bytes Neither [Final] None 0.1;
    /// Connections the client ended by FIN; after a half-close, when everything was answered
    Closed: "closed" Group Count Neither [Final] None 0.0;
    /// Connections that ended because the server's last answer announced it (HTTP: Connection: close, or HTTP/1.0)
    ClosedAsAnnounced: "closed_as_announced" Group Count Neither [Final] None 0.0;
    /// Connections that the server closed while no request was open (FIN, or 408 and FIN), as at the end of keep-alive
    ClosedIdle: "closed_idle" Group Count Neither [Final] None 0.0;
    /// Connections the client ended by RST, or with bytes unread, which the kernel answers with RST
    Reset: "reset" Group Count Neither [Final] None 0.0;
    /// Connections that the client abandoned without FIN or RST; not measured where the kernel does not permit this
    Vanished: "vanished" Group Count Neither [Final] None 0.0;
    /// Connections that were refused
    Refused: "refused" Group Count Lower [Final] None 0.0;
    /// Connections that were not established in time
    TimedOut: "timed_out" Group Count Lower [Final] None 0.0;
    /// Received bytes that were compared with the expected bytes
    GroupVerified: "verified" Group Bytes Neither [Final] None 0.1;
    /// Received bytes that differ from the expected bytes
    GroupCorrupt: "corrupt" Group Bytes Lower [Final] None 0.0 definite Above;
    /// Messages that came back in pieces, with other bytes between them, or not whole
    Torn: "torn" Group Count Lower [Final] None 0.0 definite Above;
    /// Messages that came back whole but after a later one
    Reordered: "reordered" Group Count Lower [Final] None 0.0 definite Above;
    /// Answers that report a failed request: an unexpected HTTP status, a RESP error or null
    Errors: "errors" Group Count Lower [Final] None 0.0 definite Above;
    /// Messages that came back torn or out of order
    Disordered: "disordered" Group Count Lower [Final] None 0.0 definite Above;

    // A core experiment. Each experiment defines its step: 4 KiB in and out, a message, an event.
    /// CPU time of a step
    CoreCpuPerStep: "core_cpu_per_step" Core Nanoseconds Lower [Final] None 0.1;
    /// CPU time for each byte that arrived
    CoreCpuPerByte: "core_cpu_per_byte" Core Nanoseconds Lower [Final] None 0.1;
    /// System calls of a step
    CoreCallsPerStep: "core_calls_per_step" Core Count Lower [Final] None 0.0;
    /// Bytes moved inside the buffer for each byte appended, growing included
    CoreMovedPerByte: "core_moved_per_byte" Core Count Lower [Final] None 0.01;
    /// Memory allocations of a step
    CoreAllocationsPerStep: "core_allocations_per_step" Core Count Lower [Final] None 0.01;
    /// Largest memory of the buffer
    CoreFootprint: "core_footprint" Core Bytes Lower [Final] None 0.01;
    /// Resident memory with the backlog in place, minus that before
    CoreRssLoaded: "core_rss_loaded" Core Bytes Lower [Final] None 0.05;
    /// Resident memory after the last byte was drained, minus that before
    CoreRssDrained: "core_rss_drained" Core Bytes Lower [Final] None 0.1;
    /// Resident memory after the drained buffer was shrunk, minus that before
    CoreRssShrunk: "core_rss_shrunk" Core Bytes Lower [Final] None 0.5;
    /// Largest number of timers kept, including those that a move left behind
    CoreEntries: "core_entries" Core Count Lower [Final] None 0.01;
    /// Timers that fired although their deadline had been moved, per move
    CoreStalePerStep: "core_stale_per_step" Core Count Lower [Final] None 0.05;
    /// Smallest time between a deadline and the firing of its timer; negative is too early
    CoreLatenessMin: "core_lateness_min" Core Nanoseconds Neither [Final] None 0.5;
    /// Largest time between a deadline and the firing of its timer, if the owner wakes when it should
    CoreLatenessMax: "core_lateness_max" Core Nanoseconds Lower [Final] None 0.1;
}
