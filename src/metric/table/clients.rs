//! The metrics of a client group.

macro_rules! client_metrics {
    ($next:ident $($others:ident)*: $($before:tt)*) => { $next! { $($others)*: $($before)*

    /// Requests of an open loop that became due, started or not
    Due: "due" Group Count Neither [Total] Throughput 0.01;
    /// Answers received and verified
    Answered: "requests" Group Count Higher [Rate Total] Throughput 0.1 is Answers gated ClosedLoop(Rate);
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
    // From 0 the floor of these shares is 0.1 % of the requests: what happens to be open when the clients stop.
    /// Share of the requests due in the window that were still open when the clients stopped
    UnansweredShare: "unanswered_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.005;
    /// Share of the requests due in the window that were open on a connection when it ended, unless the client ended it
    LostShare: "lost_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.005;
    /// Share of the requests due in the window that were never started: no connection was free
    SkippedShare: "skipped_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.005;
    /// Share of the requests due in the window whose answer was an error
    ErrorsShare: "errors_share" Group Share Lower [Final] None 0.02 definite Above gated Answers still 0.2 0.4 added 0.005;
    // A server that lets idle connections go is crossed now and then.
    /// Requests that crossed a close of the server and were sent again, as a share of those that became due in the
    /// measured window
    RetriedShare: "retried_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.01;
    // From 0 the floor is 0.01 % of the connections: one of a few thousand.
    /// Connections that the server ended without announcing it, refused, or did not accept, as a share of all that were
    /// opened
    EndedShare: "ended_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.0005;
    /// Connections that had open requests in the window and got no answer in it
    SilentConnections: "silent_connections" Group Count Lower [Final] None 0.0;
    /// Share of the group's connections that got no answer in the window
    SilentShare: "silent_share" Group Share Lower [Final] None 0.02 gated Answers still 0.2 0.4 added 0.0005;
    // Extremes of a whole window are a matter of luck: twice as much and 20 ms more are a change.
    /// Fewest answers to a connection that was open for the whole window, or all but its first tenth
    FewestAnswers: "fewest_answers" Group Count Higher [Final] None 0.2 gated Steady still 0.5 1.0 added 5.0;
    /// Longest wait for an answer in the window, including requests that still wait
    LongestWait: "longest_wait" Group Nanoseconds Lower [Final] None 1.0 is Wait gated Steady still 1.0 2.0 added 20e6;
    /// Longest time in the window in which the whole group waited and got no answer
    LongestSilence: "longest_silence" Group Nanoseconds Lower [Final] None 1.0 is Wait gated Steady still 1.0 2.0 added 20e6;
    /// Requests that were sent again on another connection because the server closed an idle connection while they were
    /// sent
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
    LatencyP50: "latency_p50" Group Nanoseconds Lower [Final] None 0.1 is Latency(0.5) gated OpenLoop;
    /// 90th percentile of the response time
    LatencyP90: "latency_p90" Group Nanoseconds Lower [Final] None 0.1 is Latency(0.1);
    /// 99th percentile of the response time
    LatencyP99: "latency_p99" Group Nanoseconds Lower [Final] None 0.2 is Latency(0.01) gated OpenLoop;
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
    /// Complete uploads over several connections: every range was accepted, and the server's copy was fetched back
    Uploads: "uploads" Group Count Higher [Rate Total] None 0.1;
    /// Median time of an upload over several connections, until its last range was accepted
    UploadP50: "upload_p50" Group Nanoseconds Lower [Final] None 0.1 is Download;
    /// Longest time of an upload over several connections
    UploadMax: "upload_max" Group Nanoseconds Lower [Final] None 0.5 is Download;
    /// Ranges of uploads that the server did not accept
    RangesMissing: "ranges_missing" Group Count Lower [Final] None 0.0 definite Above;
    /// Bytes of the server's copies of uploads that are wrong or missing, as the clients compared them
    CopyWrong: "copy_wrong" Group Bytes Lower [Final] None 0.0 definite Above;
    /// Bytes received
    Received: "received" Group Bytes Neither [Rate Total] None 0.1;
    /// Bytes that slow readers (`slow`) read while measuring, as a share of what the whole group should have read
    ReadPace: "read_pace" Group Share Neither [Final] None 0.01;
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
    ServerEnded: "server_ended" Group Count Neither [Final] None 0.0 gated Misbehaving still 0.25 0.5 added 1.0;
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
    StalledForP50: "stalled_for_p50" Group Nanoseconds Neither [Final] None 0.1 is Held gated Misbehaving still 0.1 0.2 added 1e6;
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
    /// Connections that the server closed while no request was open on them (FIN, or 408 and FIN), as at the end of
    /// keep-alive
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
    } };
}

pub(super) use client_metrics;
