//! Connections tracked over made-up samples.

use std::num::NonZeroU32;

use super::*;
use crate::{
    probe::Between,
    sys::{SocketMemory, TcpInfo},
};

const MS: u64 = 1_000_000;

fn end(port: u16) -> Endpoint {
    Endpoint::at_port(port)
}

/// The server's end of the connection from port 5, after so many bytes were acknowledged, the last segment so many
/// milliseconds ago.
fn socket(state: TcpState, acked: u64, age_ms: u32) -> SocketEntry {
    let tcp = TcpInfo {
        bytes_acked: acked,
        bytes_received: 7,
        last_ack_recv_ms: age_ms,
        last_data_recv_ms: age_ms,
        last_data_sent_ms: age_ms,
        ..TcpInfo::default()
    };
    let memory = SocketMemory { sndbuf: 3_000, wmem_queued: 64, ..SocketMemory::default() };
    SocketEntry { local: end(80), remote: end(5), state, inode: 1, memory, tcp, ..SocketEntry::listening(80) }
}

/// What is known after these looks, 100 ms apart and 2 ms long.
fn looked(looks: &[&[SocketEntry]]) -> Vec<TrackedConnection> {
    let mut tracker = ConnectionTracker::default();
    for (number, sockets) in looks.iter().enumerate() {
        let at = (number as u64 + 1) * 100 * MS;
        tracker.look(sockets, at, at + 2 * MS);
    }
    tracker.all().collect()
}

fn ms(between: Between) -> (u64, u64) {
    (between.earliest_ns / MS, between.latest_ns / MS)
}

/// Bounds of the end of every connection, in milliseconds.
fn ends(looks: &[&[SocketEntry]]) -> Vec<Option<(u64, u64)>> {
    looked(looks).iter().map(|tracked| tracked.ended.map(ms)).collect()
}

#[test]
fn progress_is_dated_by_the_last_segment_and_both_samples() {
    use TcpState::Established;
    let acked = |looks: &[&[SocketEntry]]| ms(looked(looks)[0].acked);
    let (first, more) = ([socket(Established, 1, 30)], [socket(Established, 9, 30)]);
    // 30 ms before the look, to within a tick of the kernel, and not later than a round trip after it was sent.
    assert_eq!(acked(&[&first, &more]), (160, 192));
    // A probe of a closed window is answered, and is no progress.
    assert_eq!(acked(&[&first, &more, &[socket(Established, 9, 5)]]), (160, 192));
    // The segment cannot have come before the look that did not see it.
    assert_eq!(acked(&[&first, &[socket(Established, 9, 180)]]), (100, 110));
    // Something is on its way: the last that was sent may be newer than the last that was acknowledged.
    let mut sending = more[0];
    sending.tcp.unacked = 1;
    assert_eq!(acked(&[&first, &[sending]]), (100, 192));
}

#[test]
fn each_direction_has_its_own_progress() {
    let mut asks = socket(TcpState::Established, 1, 10);
    let first = [asks];
    asks.tcp.bytes_received += 1;
    let tracked = looked(&[&first, &[asks]])[0];
    assert_eq!((ms(tracked.acked), ms(tracked.received)), ((80, 102), (180, 202)));
}

#[test]
fn bytes_taken_by_the_kernel_count_as_progress_of_the_server() {
    let stalled = socket(TcpState::Established, 1, 10);
    let wrote = |bytes| SocketEntry { send_queue: bytes, ..socket(TcpState::Established, 1, 150) };
    let after = looked(&[&[stalled], &[wrote(500)], &[wrote(900)], &[wrote(900)], &[wrote(900)]])[0];
    assert_eq!((ms(after.written), after.acked), ((200, 302), looked(&[&[stalled]])[0].acked));
    assert_eq!(after.written_about_ns / MS, 251, "nothing was sent meanwhile that could show it");
    assert_eq!(after.waits_by_ns / MS, 302, "nothing was asked for since");
    // What is acknowledged leaves the queue: nothing was written.
    let mut taken = socket(TcpState::Established, 901, 5);
    taken.tcp.bytes_acked = 401;
    taken.send_queue = 500;
    let after = looked(&[&[stalled], &[wrote(900)], &[taken]])[0];
    assert_eq!((ms(after.written), ms(after.acked)), ((100, 202), (285, 302)));
}

#[test]
fn data_wait_from_a_request_of_which_the_kernel_took_nothing() {
    let full = SocketEntry { send_queue: 900, ..socket(TcpState::Established, 1, 150) };
    let mut asks = full;
    asks.tcp.bytes_received += 9;
    let mut again = asks;
    again.tcp.bytes_received += 9;
    let waits_by = |looks: &[&[SocketEntry]]| looked(looks)[0].waits_by_ns / MS;
    let empty = [socket(TcpState::Established, 1, 10)];
    assert_eq!(waits_by(&[&empty, &[full], &[full]]), 202);
    assert_eq!(waits_by(&[&empty, &[full], &[full], &[asks], &[again]]), 402, "later requests move nothing");
}

#[test]
fn bytes_not_in_the_receive_queue_were_read_by_the_server() {
    let mut socket = socket(TcpState::Established, 1, 10);
    (socket.receive_queue, socket.inode) = (7, 0);
    let in_the_accept_queue = [socket];
    socket.inode = 1;
    let unread = [socket];
    socket.receive_queue = 0;
    let read_by = |looks: &[&[SocketEntry]]| looked(looks)[0].read_by_ns.map(|ns| ns / MS);
    assert_eq!(read_by(&[&in_the_accept_queue, &unread]), None);
    assert_eq!(read_by(&[&in_the_accept_queue, &unread, &[socket], &[socket]]), Some(302));
    let mut more = socket;
    more.tcp.bytes_received += 1;
    assert_eq!(read_by(&[&[socket], &[more]]), Some(202));
}

#[test]
fn a_missing_or_closing_socket_was_closed_by_the_server() {
    use TcpState::{CloseWait, Established, FinWait1, LastAck};
    let open = [socket(Established, 1, 30)];
    assert_eq!(ends(&[&open, &open, &[]]), [Some((200, 302))]);
    assert_eq!(ends(&[&open, &[socket(FinWait1, 1, 0)], &[]]), [Some((100, 202))]);
    assert_eq!(ends(&[&open, &[socket(CloseWait, 1, 0)]]), [None], "the peer's doing");
    assert_eq!(ends(&[&open, &[socket(LastAck, 1, 0)]]), [Some((100, 202))]);
    assert_eq!(
        ends(&[&[], &[socket(FinWait1, 1, 0)]]),
        [Some((100, 202))],
        "it came and went between two looks"
    );
}

#[test]
fn memory_left_by_a_closed_connection_is_that_of_the_last_sample() {
    use TcpState::{Established, FinWait1, FinWait2};
    let left = |looks: &[&[SocketEntry]]| looked(looks)[0].left_bytes;
    let open = [socket(Established, 1, 30)];
    assert_eq!(left(&[&open, &[]]), None, "a reset leaves nothing");
    assert_eq!(left(&[&open, &[socket(FinWait1, 1, 0)]]), Some(64));
    assert_eq!(left(&[&open, &[socket(FinWait1, 1, 0)], &[socket(FinWait2, 1, 0)]]), Some(64));
    assert_eq!(left(&[&open, &[socket(FinWait1, 1, 0)], &[]]), Some(0));
}

#[test]
fn a_reused_port_is_another_connection() {
    use TcpState::{Established, FinWait2};
    let looks: &[&[SocketEntry]] = &[&[socket(Established, 9, 30)], &[socket(Established, 1, 10)]];
    assert_eq!(ends(looks), [Some((100, 202)), None]);
    let looks: &[&[SocketEntry]] =
        &[&[socket(Established, 9, 30)], &[socket(FinWait2, 9, 30)], &[socket(Established, 1, 10)]];
    assert_eq!(ends(looks), [Some((100, 202)), None]);
}

#[test]
fn send_stalls_count_from_the_window_on() {
    let busy = |us| {
        let mut socket = socket(TcpState::Established, 1, 10);
        (socket.tcp.busy_time_us, socket.tcp.notsent_bytes) = (us, 9);
        [socket]
    };
    let mut tracker = ConnectionTracker::default();
    tracker.count_from(300 * MS);
    for at in [100, 200, 300, 400] {
        tracker.look(&busy(at * 1_000), at * MS, at * MS);
    }
    let send_stall = tracker.all().next().expect("one").send_stall;
    assert_eq!((send_stall.busy_us, send_stall.looks), (200_000, 2));
}

#[test]
fn a_full_send_buffer_is_distinguished_from_few_waiting_bytes() {
    let mut socket = socket(TcpState::Established, 1, 10);
    let of = |socket| looked(&[&[socket]]).first().map(|s| (s.has_waited, s.was_full));
    assert_eq!(of(socket), Some((false, false)));
    socket.tcp.notsent_bytes = 9;
    assert_eq!(of(socket), Some((true, false)));
    socket.memory.wmem_queued = 2_000;
    assert_eq!(of(socket), Some((true, true)));
}

#[test]
fn listeners_are_not_tracked() {
    assert!(!ConnectionTracker::default().saw_server());
    let listening = SocketEntry { remote: end(0), ..socket(TcpState::Listen, 0, 0) };
    assert_eq!(ends(&[&[listening]]), []);
}

#[test]
fn what_is_known_of_a_connection_stays_where_it_is() {
    let mut tracker = ConnectionTracker::default();
    let at_port = |port| SocketEntry { remote: end(port), ..socket(TcpState::Established, 1, 0) };
    let mut sockets: Vec<SocketEntry> = (1..=1000).map(at_port).collect();
    tracker.look(&sockets, MS, 2 * MS);
    let places = |tracker: &ConnectionTracker| -> Vec<*const Followed> {
        (1..=900).map(|port| std::ptr::from_ref(&tracker.open[&end(port)])).collect()
    };
    let (before, room) = (places(&tracker), tracker.open.capacity());
    sockets.reverse();
    tracker.look(&sockets, 3 * MS, 4 * MS);
    assert_eq!(tracker.open.capacity(), room);
    tracker.look(&sockets[100..], 5 * MS, 6 * MS);
    assert!(places(&tracker) == before, "they were moved");
    assert_eq!((tracker.open.len(), tracker.ended.len()), (900, 100));
    let taken = tracker.take();
    assert_eq!((taken.all().count(), tracker.all().count()), (1000, 0));
    assert!(tracker.saw_server());
}

#[test]
fn a_connection_over_a_unix_socket_is_held_and_ended_but_not_dated() {
    let held = SocketEntry {
        local: Endpoint::Unix { socket: 8 },
        remote: Endpoint::Unix { socket: 9 },
        memory: SocketMemory { sndbuf: 3_000, wmem_queued: 800, ..SocketMemory::default() },
        ..socket(TcpState::Established, 0, 0)
    };
    let seen = looked(&[&[held], &[held], &[]])[0];
    assert_eq!((seen.peer, seen.server_socket, seen.is_undated()), (held.remote, NonZeroU32::new(8), true));
    assert_eq!((seen.ended.map(ms), seen.left_bytes), (Some((200, 302)), None));
    assert!(seen.was_full, "three quarters of its send buffer are not free");
    let mut roomy = held;
    roomy.memory.wmem_queued = 700;
    assert!(!looked(&[&[roomy], &[roomy]])[0].was_full);
}

#[test]
fn an_event_is_noticed_by_the_second_sample_after_it() {
    let mut tracker = ConnectionTracker::default();
    for at in [100, 200, 300] {
        tracker.look(&[], at, at + 2);
    }
    assert_eq!(
        [50, 102, 201, 302].map(|at| tracker.noticed_by_ns(at)),
        [Some(202), Some(302), Some(302), None]
    );
}

#[test]
fn connections_from_one_port_at_two_addresses_are_two() {
    use TcpState::Established;
    let at = |ip: [u8; 4], acked| SocketEntry {
        remote: Endpoint::new(ip.into(), 5),
        ..socket(Established, acked, 30)
    };
    let first = [at([127, 0, 0, 1], 9), at([127, 0, 0, 2], 1)];
    let then = [at([127, 0, 0, 1], 9), at([127, 0, 0, 2], 4)];
    let mut seen = looked(&[&first, &then]);
    seen.sort_by_key(|tracked| tracked.peer);
    assert_eq!(
        seen.iter().map(|tracked| tracked.peer.ip().unwrap().to_string()).collect::<Vec<_>>(),
        ["127.0.0.1", "127.0.0.2"]
    );
    assert_eq!(seen.iter().map(|tracked| ms(tracked.acked).0).collect::<Vec<_>>(), [60, 160]);
    let gone = looked(&[&first, &then[1..]]);
    let ended: Vec<_> = gone.iter().filter(|tracked| tracked.ended.is_some()).collect();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].peer, first[0].remote);
}
