//! The metrics of the server: its processes, its sockets in the kernel, its own counters, and whom it evicted.

macro_rules! server_metrics {
    ($next:ident $($others:ident)*: $($before:tt)*) => { $next! { $($others)*: $($before)*

    // The server's process and all below it, from /proc.
    /// Processes of the server
    ServerProcesses: "server_processes" Run Count Neither [Peak Start Last End] None 0.0;
    /// Resident memory of the server's processes; shared pages count in each process
    ServerRss: "server_rss" ("server's memory (RSS)") Run Bytes Lower [Peak Start Last End Growth Residue] BytesWait 0.05 gated Run(Growth) added 8388608.0;
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
    ServerCpuPerRequest: "server_cpu_per_request" Run Nanoseconds Lower [Final] None 0.03 gated Run;
    /// CPU time of the server in user space per answered request
    ServerCpuUserPerRequest: "server_cpu_user_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// CPU time of the server in the kernel per answered request
    ServerCpuSystemPerRequest: "server_cpu_system_per_request" Run Nanoseconds Lower [Final] None 0.05;
    /// Run delay: time the server's threads were ready to run and waited for a core, because of the machine and not of
    /// the server
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
    ServerInstructionsPerRequest: "server_instructions_per_request" Run Count Lower [Final] None 0.02 gated Run;
    /// Share of the server's CPU time that was spent in the kernel; not measured below 100 ms of CPU time
    ServerKernelShare: "server_kernel_share" Run Share Neither [Final] None 0.05;
    /// Descriptors the server holds
    ServerDescriptors: "server_descriptors" Run Count Lower [Peak Start Last End] None 0.02;
    /// Context switches of the server
    ServerSwitches: "server_context_switches" Run Count Lower [Rate] None 0.2;

    // The kernel's side of the server's sockets, from sock_diag.
    /// Kernel memory of the server's sockets
    KernelMemory: "kernel_memory" ("kernel memory of the sockets") Run Bytes Lower [Peak Start Last End Growth Residue] None 0.1 gated Run(Growth);
    /// Growth of the server's resident memory and of the kernel memory of its sockets for each bad peer that was connected:
    /// from the peak of the phase before to the peak of the phase with
    MemoryPerPeer: "memory_per_peer" ("memory for each bad peer") Run Bytes Lower [Final] None 0.1 gated Run added 16384.0;
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
    /// Attempts to connect that the server's listening sockets dropped, usually because their accept queue was full
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
    /// Requests of other programs to the server's port while measuring, counted as segments with data that its sockets
    /// received
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
    WakeupShare: "wakeup_share" Run Share Neither [Final] None 0.1;
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
    ServerCallsPerRequest: "server_calls_per_request" Run Count Lower [Final] None 0.05 gated Run;
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
    LatenessMin: "eviction_lateness_min" Run Nanoseconds Neither [Final] None 0.0 definite Below is Lateness added 1e6;
    /// Median time between the end of a timeout and the eviction
    LatenessP50: "eviction_lateness_p50" Run Nanoseconds Lower [Final] None 0.5 is Lateness gated Run added 1e6;
    /// 99th percentile of the time between the end of a timeout and the eviction
    LatenessP99: "eviction_lateness_p99" Run Nanoseconds Lower [Final] None 0.5 is Lateness gated Run added 1e6;
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
    } };
}

pub(super) use server_metrics;
