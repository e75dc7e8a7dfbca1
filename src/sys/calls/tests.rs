//! System calls that are made safe here, tried.

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::*;

const NOTHING: libc::epoll_event = libc::epoll_event { events: 0, u64: 0 };

#[test]
fn a_wait_is_never_shorter_than_requested() {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    for wait in [epoll_wait_ns, epoll_wait_ms] {
        let asked = Duration::from_micros(1_300);
        let start = monotonic_ns();
        assert_eq!(wait(epoll.0.as_fd(), &mut [NOTHING; 4], Some(asked)).unwrap(), 0);
        let waited = Duration::from_nanos(monotonic_ns() - start);
        assert!(waited >= asked, "{waited:?}");
    }
}

#[test]
fn readiness_arrives_with_its_token_without_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, 77)).unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut events = [NOTHING; 4];
    assert_eq!(epoll_wait_ns(epoll.0.as_fd(), &mut events, None).unwrap(), 1);
    assert_eq!({ events[0].u64 }, 77);
    assert_eq!(epoll_wait_ns(epoll.0.as_fd(), &mut [], None).unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn bytes_queued_in_the_kernel_are_reported() {
    use std::io::Write;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    assert_eq!(send_queue_bytes(client.as_fd()).unwrap(), 0);
    client.set_nonblocking(true).unwrap();
    let payload = vec![7; 65_536];
    while client.write(&payload).is_ok() {}
    let (info, memory) = (tcp_info(client.as_fd()).unwrap(), socket_memory(client.as_fd()).unwrap());
    assert_eq!(info.state, 1);
    assert!(
        info.notsent_bytes > 0 && info.notsent_bytes as usize <= send_queue_bytes(client.as_fd()).unwrap()
    );
    assert!(memory.wmem_queued >= info.notsent_bytes && memory.kernel_bytes() > 0, "{memory:?}");
    assert!(socket_memory(server.as_fd()).unwrap().rmem_alloc > 0);
    assert!(receive_queue_bytes(server.as_fd()).unwrap() > 0);
    set_notsent_lowat(client.as_fd(), 4096).unwrap();
    assert!(set_notsent_lowat(File::open("/dev/null").unwrap().as_fd(), 1).is_err());
    assert!(tcp_info(File::open("/dev/null").unwrap().as_fd()).is_err());
}

#[test]
fn the_other_calls_succeed() {
    trim_heap();
    set_timer_slack_ns(1).unwrap();
    assert_eq!(prctl::get_timerslack().unwrap(), 1);
    set_timer_slack_ns(0).unwrap();
}

#[test]
fn unsharing_descriptors_leaves_those_of_other_threads_open() {
    let (kept, other) = (File::open("/proc/self/stat").unwrap(), File::open("/dev/zero").unwrap());
    let alone = std::thread::scope(|scope| {
        let look = || {
            unshare_descriptors(&[kept.as_fd()]).unwrap();
            let listed = std::fs::read_dir("/proc/thread-self/fd").unwrap().count();
            ((&kept).read(&mut [0]).unwrap(), listed)
        };
        scope.spawn(look).join().unwrap()
    });
    // Three standard ones, the kept one and that of the listing.
    assert_eq!(alone, (1, 5));
    assert_eq!((&other).read(&mut [0]).unwrap(), 1);
}
