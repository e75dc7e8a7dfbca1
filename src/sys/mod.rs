//! System calls that neither std nor nix wraps, and what the kernel answers to them.

mod calls;
mod counter;
mod loopback;
mod netns;
mod socket;

pub(crate) use self::calls::in_child;
pub use self::{
    calls::{
        clock_error_ns, drop_incoming, end_with_parent, epoll_wait_ns, heed_sigterm, heeded, is_ignored,
        listen, monotonic_ns, process_cpu_ns, realtime_ns, receive_queue_bytes, send_queue_bytes,
        set_notsent_lowat, set_timer_slack_ns, socket_memory, tcp_info, terminal_columns, thread_cpu_ns,
        trim_heap, unblock_signals, unshare_descriptors,
    },
    counter::{Counter, Event, Scope},
    loopback::Loopback,
    netns::{NetworkNamespace, Refusal, refusal},
    socket::{SocketMemory, TcpInfo},
};
