//! The table of everything that is measured. A line here and one `row.set` in the probe that can see it are all that a
//! new metric needs.

use super::{
    declare::metrics,
    spec::{Better, Definite, Fold, Kind, Panel, Scope, Spec, given},
    unit::Unit,
};

metrics! {
    // variant: "name" ("label for people") scope unit better [folds] panel noise definite side is kind;
    // The label is the name with spaces unless given. `definite Above` or `Below`: no load and no noise excuses a number on
    // that side of what is expected. `is`: what sort of number it is, where that decides how it is trusted and excused.

    // The server's process and all below it, from /proc.
    /// Processes of the server
    ServerProcesses: "server_processes" Run Count Neither [Peak Start Last End] None 0.0;
    /// Resident memory of the server's processes; pages that they share are counted in each
    ServerRss: "server_rss" ("server's memory (RSS)") Run Bytes Lower [Peak Start Last End Growth Residue] BytesWait 0.05;
    /// Most resident memory of the server's processes since the last sample, as the kernel marked it (VmHWM); of several
    /// processes the sum of the most that each had. It is what the peak and the growth of server_rss are made from
    ServerRssHigh: "server_rss_high" Run Bytes Neither [] None 0.05;
    /// Proportional memory of the server's processes (smaps_rollup, once a second)
    ServerPss: "server_pss" ("server's memory (PSS)") Run Bytes Lower [Peak Last End] None 0.05;
    /// CPU time the server spent in user space
    ServerCpuUser: "server_cpu_user" Run Nanoseconds Lower [Rate Total] None 0.05;
    /// CPU time the server spent in the kernel
    ServerCpuSystem: "server_cpu_system" Run Nanoseconds Lower [Rate Total] None 0.05;
    /// CPU time of the server, user space and kernel (schedstat: exact to the nanosecond)
    ServerCpu: "server_cpu" Run Nanoseconds Lower [Rate Total] Cpu 0.05;
    /// CPU time of the server for one answered request
    ServerCpuPerRequest: "server_cpu_per_request" Run Nanoseconds Lower [Final] None 0.03;
    /// CPU time of the server in user space for one answered request
    ServerCpuUserPerRequest: "server_cpu_user_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// CPU time of the server in the kernel for one answered request
    ServerCpuSystemPerRequest: "server_cpu_system_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// Time the server's threads were ready to run and waited for a core: what the machine took, and not the server
    ServerRunDelay: "server_run_delay" Run Nanoseconds Neither [Rate Total] None 0.5;
    /// Share of the time in which the server's threads were ready to run that they waited for a core
    ServerRunDelayShare: "server_run_delay_share" Run Share Neither [Final] None 0.5;
    /// CPU time that tasks of any kind used on the cores that the server may use, interrupts left out
    ServerCoresUsed: "server_cores_used" Run Nanoseconds Neither [Rate] None 0.1;
    /// CPU time that others than the server and badpeer used on the cores that the server may use, as a share of these cores
    OthersOnServerCores: "others_on_server_cores" Run Share Neither [Final] None 0.5;
    /// Instructions of the server, where this machine counts them (perf_event_open)
    ServerInstructions: "server_instructions" Run Count Lower [Rate Total] None 0.05;
    /// Instructions of the server for one answered request
    ServerInstructionsPerRequest: "server_instructions_per_request" Run Count Lower [Final] None 0.02;
    /// Share of the kernel in the server's CPU time; not told below a tenth of a second
    ServerKernelShare: "server_kernel_share" Run Share Neither [Final] None 0.05;
    /// Descriptors the server holds
    ServerDescriptors: "server_descriptors" Run Count Lower [Peak Start Last End] None 0.02;
    /// Context switches of the server
    ServerSwitches: "server_context_switches" Run Count Lower [Rate] None 0.2;

    // The kernel's side of the server's sockets, from sock_diag.
    /// Kernel memory of the server's sockets
    KernelMemory: "kernel_memory" ("kernel memory of the sockets") Run Bytes Lower [Peak Start Last End Growth Residue] None 0.1;
    /// Bytes sent by the server that the peers' kernels have not acknowledged or not been offered yet
    KernelSendQueue: "kernel_send_queue" Run Bytes Lower [Peak Last End] BytesWait 0.1;
    /// The largest kernel send buffer that a socket of the server was granted
    ServerSendBuffer: "server_send_buffer" Run Bytes Neither [Peak] None 0.02;
    /// Bytes in the clients' kernel receive queues that no client has read
    ClientReceiveQueue: "client_receive_queue" ("clients' kernel receive queue") Run Bytes Neither [Peak Last End] BytesWait 0.1;
    /// Connections that waited for the server to accept them
    AcceptQueue: "accept_queue" Run Count Lower [Peak] None 0.5;
    /// Connections and SYNs that the server's listening sockets dropped, as a rule because their accept queue was full
    ListenerDrops: "listener_drops" Run Count Lower [Whole] None 0.0;
    /// The server's sockets in any state, FIN-WAIT included
    ServerSockets: "server_sockets" Run Count Lower [Peak Last End] None 0.02;
    /// The server's connections on which both ends may send (ESTABLISHED)
    SocketsEstablished: "sockets_established" ("sockets ESTABLISHED") Run Count Neither [Peak Last End] Connections 0.02;
    /// Connections whose client has said that it sends no more, which the server has not closed (CLOSE-WAIT)
    SocketsCloseWait: "sockets_close_wait" ("sockets in CLOSE-WAIT") Run Count Lower [Peak Last End] Connections 0.02;
    /// Connections the server has closed, of which the kernel still keeps the rest (FIN-WAIT, CLOSING, LAST-ACK)
    SocketsClosing: "sockets_closing" ("sockets being closed") Run Count Lower [Peak Last End] Connections 0.02;

    /// Connections of clients that are not badpeer's on which something was sent to the server's port while measuring
    OtherClients: "other_clients" Run Count Neither [Final] None 0.0;
    /// Requests of such clients while measuring, as far as the server's sockets show them: segments with data that arrived
    OtherRequests: "other_requests" Run Count Neither [Final] None 0.5;
    /// Share of such clients in all requests to the server while measuring
    OtherRequestsShare: "other_requests_share" Run Share Neither [Final] None 0.5;

    // The reference server's own counters.
    /// Connections the reference server holds
    Connections: "connections" ("connections the server holds") Run Count Neither [Peak Last End] Connections 0.02;
    /// Bytes that wait in the reference server's send buffers
    SendBuffered: "send_buffered" ("server's send buffers") Run Bytes Lower [Peak Start Last End] BytesWait 0.1;
    /// Bytes that wait in the reference server's receive buffers
    ReceiveBuffered: "receive_buffered" ("server's receive buffers") Run Bytes Lower [Peak Last End] None 0.1;
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
    /// Bytes that the kernel took from the reference server at those times
    WakeupBytes: "wakeup_bytes" Run Bytes Neither [Rate Total] None 0.2;
    /// Bytes that the kernel took each time it reported room while something waited
    BytesPerWakeup: "bytes_per_wakeup" Run Bytes Neither [Final] None 0.1;
    /// The same as a share of the largest kernel send buffer that was granted
    WakeupShare: "wakeup_share" Run Count Neither [Final] None 0.1;
    /// Sends of the reference server of which the kernel took only a part, or nothing
    PartialSends: "partial_sends" Run Count Neither [Rate Total] None 0.2;
    /// Bytes the peers acknowledged to the reference server, as of its last look at each connection
    ServerAcked: "server_acked" Run Bytes Neither [Whole] None 0.1;
    /// Times a connection's requests were no longer read because too many of them, or of their answers, waited
    ReadsPaused: "reads_paused" Run Count Neither [Whole] None 0.2;
    /// Connections the reference server accepted
    Accepted: "accepted" Run Count Neither [Whole] None 0.0;
    /// Connections the reference server closed at once: no descriptor was left, or max_connections was reached
    AcceptRefused: "accept_refused" Run Count Neither [Whole] None 0.0;
    /// System calls of the reference server for one answered request
    ServerCallsPerRequest: "server_calls_per_request" Run Count Lower [Final] None 0.05;
    /// Receive system calls of the reference server for one message
    ServerReadsPerRequest: "server_reads_per_request" Run Count Lower [Final] None 0.05;
    /// Send system calls of the reference server for one message
    ServerWritesPerRequest: "server_writes_per_request" Run Count Lower [Final] None 0.05;
    /// epoll_ctl system calls of the reference server for one message
    ServerControlsPerRequest: "server_controls_per_request" Run Count Lower [Final] None 0.05;
    /// Returns from epoll_wait of the reference server for one message
    ServerWaitsPerRequest: "server_waits_per_request" Run Count Lower [Final] None 0.1;
    /// Bytes put into the reference server's buffers
    BufferAppended: "buffer_appended" Run Bytes Neither [Rate Total] None 0.1;
    /// Bytes moved inside the reference server's buffers, by shifting and growing
    BufferMoved: "buffer_moved" Run Bytes Lower [Rate Total] None 0.1;
    /// Times memory was asked for by the reference server's buffers
    BufferAllocations: "buffer_allocations" Run Count Lower [Rate Total] None 0.1;
    /// Messages whose checksum or length was wrong when the reference server read them
    ServerRejected: "server_rejected" Run Count Lower [Whole] None 0.0 definite Above;

    // Evictions, as the reference server saw them.
    /// Connections the reference server evicted, for any reason
    Evictions: "evictions" Run Count Neither [Whole] None 0.0;
    /// Evicted because data stayed unsent and the peer made no progress for the send timeout
    EvictedSendTimeout: "evicted_send_timeout" Run Count Neither [Whole] None 0.0;
    /// Evicted because more waited to be sent than the send limit allows
    EvictedSendLimit: "evicted_send_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because a message did not fit the receive limit
    EvictedReceiveLimit: "evicted_receive_limit" Run Count Neither [Whole] None 0.0 definite Above;
    /// Evicted because of bytes that are no message
    EvictedProtocol: "evicted_protocol" Run Count Neither [Whole] None 0.0 definite Above;
    /// Evicted because more than the soft limit waited for longer than it allows
    EvictedSoftLimit: "evicted_soft_limit" Run Count Neither [Whole] None 0.0;
    /// Evicted because the peer acknowledged less than the minimum rate
    EvictedMinRate: "evicted_min_rate" Run Count Neither [Whole] None 0.0;
    /// Evicted because the send buffer was not empty once for the whole deadline
    EvictedDeadline: "evicted_deadline" Run Count Neither [Whole] None 0.0;
    /// Evicted because a message was not whole in time
    EvictedMessageTimeout: "evicted_message_timeout" Run Count Neither [Whole] None 0.0;
    /// Evicted because nothing was received and nothing waited for too long
    EvictedIdleTimeout: "evicted_idle_timeout" Run Count Neither [Whole] None 0.0;
    /// Given up by the kernel, as TCP_USER_TIMEOUT asked it to
    EvictedUserTimeout: "evicted_user_timeout" Run Count Neither [Whole] None 0.0;
    /// Smallest distance between the end of a timeout, as the profile asks for it and as the last progress was seen from
    /// outside, and the eviction; negative is too early
    LatenessMin: "eviction_lateness_min" Run Nanoseconds Neither [Final] None 0.0 definite Below is Lateness;
    /// Median time between the end of a timeout and the eviction
    LatenessP50: "eviction_lateness_p50" Run Nanoseconds Lower [Final] None 0.5 is Lateness;
    /// 99th percentile of the time between the end of a timeout and the eviction
    LatenessP99: "eviction_lateness_p99" Run Nanoseconds Lower [Final] None 0.5 is Lateness;
    /// Median time from the server's eviction until the client's side saw it
    EvictionSeenP50: "eviction_seen_p50" Run Nanoseconds Lower [Final] None 0.5 is EvictionSeen;

    /// Evictions of which the server tells another time than was seen from outside, by more than a tick
    EvictionsDisputed: "evictions_disputed" Run Count Lower [Final] None 0.0 definite Above;
    /// How far what the server tells of an eviction lies from what was seen from outside, at most
    EvictionDisagreement: "eviction_disagreement_max" Run Nanoseconds Lower [Final] None 0.5;
    /// Evictions that the reference server no longer lists, because there were too many or it did not answer
    EvictionsLost: "evictions_lost" Run Count Lower [Final] None 0.0;
    /// Evictions in the server's list whose port belongs to no connection of the clients
    EvictionsUnmatched: "evictions_unmatched" Run Count Lower [Final] None 0.0;
    /// Samples without a look at the server's sockets: a look took too long, or failed
    LooksMissed: "looks_missed" Run Count Lower [Final] None 0.0;
    /// Samples in which the reference server did not tell its counters in time
    CountersMissed: "counters_missed" Run Count Lower [Final] None 0.0;

    // Content, over all groups.
    /// Received bytes that were compared with what they should be
    VerifiedBytes: "verified_bytes" Run Bytes Neither [Final] None 0.1;
    /// Received bytes that were not what they should be
    CorruptBytes: "corrupt_bytes" Run Bytes Lower [Final] None 0.0 definite Above;

    // The harness and the host.
    /// CPU time of badpeer as a whole: the clients' threads, and what looks at the server
    HarnessProcessCpu: "harness_process_cpu" Run Nanoseconds Neither [Rate] None 0.1;
    /// CPU time of the client engine
    HarnessCpu: "harness_cpu" Run Nanoseconds Neither [Rate Total] Cpu 0.1;
    /// Share of the window that the busiest of the clients' threads computed, or was ready to and waited for its core
    HarnessBusy: "harness_busy" Run Cores Neither [Final] None 0.1;
    /// Share of the window that one of the clients' threads was ready to run and waited for its core, at most
    HarnessRunDelay: "harness_run_delay" Run Cores Neither [Final] None 0.5;
    /// Time the client engine stood still while measuring, in pauses of 50 ms and more
    HarnessPaused: "harness_paused" Run Nanoseconds Neither [Final] None 0.5;
    /// Longest pause of the client engine while measuring: it neither computed nor slept as planned
    HarnessPauseMax: "harness_pause_max" Run Nanoseconds Neither [Final] None 0.5;
    /// CPU time of the client engine for one answered request
    HarnessCpuPerRequest: "harness_cpu_per_request" Run Nanoseconds Neither [Final] None 0.1;
    /// System calls of the client engine for one answered request
    HarnessCallsPerRequest: "harness_calls_per_request" Run Count Neither [Final] None 0.1;
    /// 99th percentile of how late the engine started requests that were due while measuring
    PacingErrorP99: "pacing_error_p99" Run Nanoseconds Neither [Final] None 0.5;
    /// Requests of open loops that the engine started more than 10 ms after they were due, of those due while measuring
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
    /// Share of the requests due in the window that were open on a connection when it ended, other than by the client's doing
    LostShare: "lost_share" Group Share Lower [Final] None 0.02;
    /// Share of the requests due in the window that were never started: no connection was free
    SkippedShare: "skipped_share" Group Share Lower [Final] None 0.02;
    /// Share of the requests due in the window whose answer was an error
    ErrorsShare: "errors_share" Group Share Lower [Final] None 0.02 definite Above;
    /// Requests that crossed a close of the server and were sent once more, as a share of those that became due in the
    /// measured window
    RetriedShare: "retried_share" Group Share Lower [Final] None 0.02;
    /// Connections that the server ended unannounced, refused or did not take, as a share of all that were opened
    EndedShare: "ended_share" Group Share Lower [Final] None 0.02;
    /// Connections open in the window that had requests to be answered and got no answer in it
    SilentConnections: "silent_connections" Group Count Lower [Final] None 0.0;
    /// Share of the group's connections that got no answer in the window
    SilentShare: "silent_share" Group Share Lower [Final] None 0.02;
    /// Fewest answers to a connection that was open for the whole window, or all but its first tenth
    FewestAnswers: "fewest_answers" Group Count Higher [Final] None 0.2;
    /// Longest wait for an answer in the window, that of requests still waiting included
    LongestWait: "longest_wait" Group Nanoseconds Lower [Final] None 1.0 is Wait;
    /// Longest time in the window in which the whole group waited and got no answer
    LongestSilence: "longest_silence" Group Nanoseconds Lower [Final] None 1.0 is Wait;
    /// Requests that were sent again on another connection because the server closed an idle one as they were sent
    Retried: "retried" Group Count Neither [Whole] None 0.0;
    /// Median response time of each interval, from when a request was due
    IntervalP50: "response_p50" ("p50") Group Nanoseconds Lower [] Latency 0.2;
    /// 99th percentile of the response time of each interval, from when a request was due
    IntervalP99: "response_p99" ("p99") Group Nanoseconds Lower [] Latency 0.2;
    /// Median service time of each interval of an open loop, from when a request was sent
    IntervalServiceP50: "interval_service_p50" ("p50") Group Nanoseconds Lower [] Service 0.2;
    /// 99th percentile of the service time of each interval of an open loop, from when a request was sent
    IntervalServiceP99: "interval_service_p99" ("p99") Group Nanoseconds Lower [] Service 0.2;
    /// Median response time, from when a request was due; those without a proper answer count as the slowest
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
    /// Downloads over several connections of which every part came, and none as an error
    Downloads: "downloads" Group Count Higher [Rate Total] None 0.1;
    /// Median time of a download over several connections, until its last part was there
    DownloadP50: "download_p50" Group Nanoseconds Lower [Final] None 0.1 is Download;
    /// Longest time of a download over several connections
    DownloadMax: "download_max" Group Nanoseconds Lower [Final] None 0.5 is Download;
    /// Bytes received
    Received: "received" Group Bytes Neither [Rate Total] None 0.1;
    /// Bytes sent
    Sent: "sent" Group Bytes Neither [Rate Total] None 0.1;
    /// Connections open
    Alive: "alive" Group Count Neither [Peak Last] Connections 0.0;
    /// Connections that were tried
    Opened: "opened" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended, by FIN or by RST
    Evicted: "evicted" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended by RST
    EvictedReset: "evicted_rst" Group Count Neither [Final] None 0.0;
    /// Connections the peer ended by FIN
    EvictedFin: "evicted_fin" Group Count Neither [Final] None 0.0;
    /// Median time from connecting until the peer ended the connection
    EvictedAfterP50: "evicted_after_p50" Group Nanoseconds Neither [Final] None 0.1;
    /// Longest time from connecting until the peer ended the connection
    EvictedAfterMax: "evicted_after_max" Group Nanoseconds Neither [Final] None 0.1;
    /// Connections the server ended, as its own sockets show: a client that does not read may not see it
    ServerEnded: "server_ended" Group Count Neither [Final] None 0.0;
    /// Connections the server ended that no look at its sockets saw: not in stalled_for
    EndedUnseen: "server_ended_unseen" Group Count Lower [Final] None 0.0;
    /// Kernel memory that stayed behind connections the server had closed, at the end of the window
    LeftBehind: "left_behind" Group Bytes Lower [Final] None 0.1;
    /// Connections that came about and that no look at the server's sockets saw
    ConnectionsUnseen: "connections_unseen" Group Count Neither [Final] None 0.0;
    /// Shortest time without progress until the server ended a connection, at most: from the last byte that the server could
    /// write (the reference server: that the client acknowledged), which lies between two looks, to the end
    StalledForMin: "stalled_for_min" Group Nanoseconds Neither [Final] None 0.1 definite Below is Held;
    /// Median time without progress until the server ended a connection
    StalledForP50: "stalled_for_p50" Group Nanoseconds Neither [Final] None 0.1 is Held;
    /// Longest time without progress until the server ended a connection, at least
    StalledForMax: "stalled_for_max" Group Nanoseconds Neither [Final] None 0.1 is Held;
    /// How far the bounds of such a time lie apart, at most
    StalledForUncertainty: "stalled_for_uncertainty" Group Nanoseconds Neither [Final] None 0.5;
    /// Share of the time with something to send to the group in which the clients' receive windows let none of it through
    /// (TCP_INFO: rwnd_limited of busy_time, over all its connections)
    WindowLimited: "window_limited" Group Share Neither [Final] None 0.05;
    /// Share of that time in which the server's own send buffer was too small for the path (sndbuf_limited)
    SendBufferLimited: "send_buffer_limited" Group Share Neither [Final] None 0.05;
    /// Of the times at which bytes were seen to wait unsent for a client, the share with its receive window closed
    WindowClosed: "window_closed" Group Share Neither [Final] None 0.05;
    /// Of the times at which bytes were seen to wait unsent for a client, the share that it had taken some since the last
    StallProgress: "stall_progress" Group Share Neither [Final] None 0.05;
    /// The most bytes that waited unsent for one client in the server's kernel
    UnsentPeak: "unsent_peak" Group Bytes Neither [Final] None 0.1;
    /// Connections the client ended by FIN; after a half-close, when everything was answered
    Closed: "closed" Group Count Neither [Final] None 0.0;
    /// Connections that ended because the server's last answer said so (HTTP: Connection: close, or HTTP/1.0)
    ClosedAsAnnounced: "closed_as_announced" Group Count Neither [Final] None 0.0;
    /// Connections that the server closed while nothing was asked for on them (FIN, or 408 and FIN), as keep-alive ends
    ClosedIdle: "closed_idle" Group Count Neither [Final] None 0.0;
    /// Connections the client ended by RST, or with bytes unread, which the kernel answers with RST
    Reset: "reset" Group Count Neither [Final] None 0.0;
    /// Connections the client left without a word; not measured where it may not
    Vanished: "vanished" Group Count Neither [Final] None 0.0;
    /// Connections that were refused
    Refused: "refused" Group Count Lower [Final] None 0.0;
    /// Connections that never came about in time
    TimedOut: "timed_out" Group Count Lower [Final] None 0.0;
    /// Received bytes that were compared with what they should be
    GroupVerified: "verified" Group Bytes Neither [Final] None 0.1;
    /// Received bytes that were not what they should be
    GroupCorrupt: "corrupt" Group Bytes Lower [Final] None 0.0 definite Above;
    /// Messages that came back in pieces, with other bytes between them, or not whole
    Torn: "torn" Group Count Lower [Final] None 0.0 definite Above;
    /// Messages that came back whole but after a later one
    Reordered: "reordered" Group Count Lower [Final] None 0.0 definite Above;
    /// Answers that said that the request has failed: another HTTP status than expected, a RESP error or null
    Errors: "errors" Group Count Lower [Final] None 0.0 definite Above;
    /// Messages that came back torn or out of order
    Disordered: "disordered" Group Count Lower [Final] None 0.0 definite Above;

    // A core experiment. A step is what the experiment says it is: 4 KiB in and out, a message, an event.
    /// CPU time of a step
    CoreCpuPerStep: "core_cpu_per_step" Core Nanoseconds Lower [Final] None 0.1;
    /// CPU time for each byte that arrived
    CoreCpuPerByte: "core_cpu_per_byte" Core Nanoseconds Lower [Final] None 0.1;
    /// System calls of a step
    CoreCallsPerStep: "core_calls_per_step" Core Count Lower [Final] None 0.0;
    /// Bytes moved inside the buffer for each byte appended, growing included
    CoreMovedPerByte: "core_moved_per_byte" Core Count Lower [Final] None 0.01;
    /// Times a step asked for memory
    CoreAllocationsPerStep: "core_allocations_per_step" Core Count Lower [Final] None 0.01;
    /// Memory that the buffer held at most
    CoreFootprint: "core_footprint" Core Bytes Lower [Final] None 0.01;
    /// Resident memory with the backlog in place, above what it was before
    CoreRssLoaded: "core_rss_loaded" Core Bytes Lower [Final] None 0.05;
    /// Resident memory after the last byte was drained, above what it was before
    CoreRssDrained: "core_rss_drained" Core Bytes Lower [Final] None 0.1;
    /// Resident memory after the drained buffer was told to shrink, above what it was before
    CoreRssShrunk: "core_rss_shrunk" Core Bytes Lower [Final] None 0.5;
    /// Timers kept at most, those included that were left behind by a move
    CoreEntries: "core_entries" Core Count Lower [Final] None 0.01;
    /// Timers that came up although their deadline had been moved, for each move
    CoreStalePerStep: "core_stale_per_step" Core Count Lower [Final] None 0.05;
    /// Smallest distance between a deadline and its timer; negative is too early
    CoreLatenessMin: "core_lateness_min" Core Nanoseconds Neither [Final] None 0.5;
    /// Largest distance between a deadline and its timer, where the owner wakes when it is told to
    CoreLatenessMax: "core_lateness_max" Core Nanoseconds Lower [Final] None 0.1;
}
