//! Reference servers to test against, and the clients' tools: what the suites about them share.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::HashMap,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    os::fd::{AsFd, AsRawFd},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use badpeer::{
    buffer::Kind,
    codec::{
        Decoder,
        frame::{self, HEADER_BYTES, Header},
    },
    profile::{ServerOptions, Service, Trigger},
    server::{Addresses, ServeError, Server, StopHandle},
    sys,
};
use nix::sys::{
    signal::Signal,
    socket::{AddressFamily, SockFlag, SockType, SockaddrStorage, connect, setsockopt, socket, sockopt},
};

use crate::common::process::{Mortal, send, serving};

pub(super) const MS: u64 = 1_000_000;
pub(super) const ANY_PORT: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A server in a thread, stopped and joined at the end of the test.
pub(super) struct Running {
    watched: Watched,
    stop: StopHandle,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Running {
    pub(super) fn start(options: &ServerOptions) -> Self {
        let server = Server::bind(options, Some(ANY_PORT.into())).unwrap();
        let (watched, stop) = (Watched(server.addresses()), server.stop_handle());
        Self { watched, stop, thread: Some(thread::spawn(|| server.run())) }
    }
}

impl std::ops::Deref for Running {
    type Target = Watched;
    fn deref(&self) -> &Watched {
        &self.watched
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            assert!(matches!(ended, Some(Ok(Ok(())))));
        }
    }
}

/// A server, wherever it runs, seen through both of its listeners.
pub(super) struct Watched(pub(super) Addresses);

impl Watched {
    pub(super) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0.service).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream
    }

    /// A connection whose kernel takes little for it.
    pub(super) fn connect_narrow(&self, receive_buffer: usize) -> TcpStream {
        let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None).unwrap();
        setsockopt(&fd, sockopt::RcvBuf, &receive_buffer).unwrap();
        connect(fd.as_raw_fd(), &SockaddrStorage::from(self.0.service.inet().unwrap())).unwrap();
        TcpStream::from(fd)
    }

    pub(super) fn ask(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(self.0.admin.unwrap()).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: test\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        body.to_owned()
    }

    pub(super) fn metrics(&self) -> HashMap<String, u64> {
        let text = self.ask("/metrics");
        let samples = text.lines().filter(|line| !line.starts_with('#'));
        samples
            .map(|line| line.rsplit_once(' ').unwrap())
            .map(|(k, v)| (k.into(), v.parse().unwrap()))
            .collect()
    }

    pub(super) fn metric(&self, name: &str) -> u64 {
        *self.metrics().get(name).unwrap_or_else(|| panic!("no metric {name}"))
    }

    pub(super) fn waits(&self) -> u64 {
        self.metric("badpeer_server_waits_total")
    }

    pub(super) fn wait_for(&self, name: &str, value: u64) {
        let start = Instant::now();
        while self.metric(name) != value {
            assert!(start.elapsed().as_secs() < 5, "{name} is {}, not {value}", self.metric(name));
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// The only eviction, once there is one: its fields by name.
    pub(super) fn eviction(&self) -> HashMap<String, String> {
        let start = Instant::now();
        loop {
            let csv = self.ask("/evictions?from=0");
            let lines: Vec<&str> = csv.lines().collect();
            assert!(lines.len() <= 2, "{csv}");
            if let [names, event] = lines[..] {
                return names.split(',').map(String::from).zip(event.split(',').map(String::from)).collect();
            }
            assert!(start.elapsed().as_secs() < 5, "nobody was evicted");
            thread::sleep(Duration::from_millis(2));
        }
    }
}

pub(super) fn options(toml: &str) -> ServerOptions {
    toml::from_str(toml).unwrap()
}

/// Both triggers, both buffers.
pub(super) fn every_kind(protocol: Service) -> impl Iterator<Item = ServerOptions> {
    [Trigger::Level, Trigger::Edge].into_iter().flat_map(move |trigger| {
        [Kind::Contiguous, Kind::Chained].map(move |buffer| ServerOptions {
            protocol,
            trigger,
            buffer,
            ..ServerOptions::default()
        })
    })
}

/// The same, with these knobs.
pub(super) fn every_kind_with(knobs: &str) -> impl Iterator<Item = ServerOptions> {
    let knobs = options(knobs);
    every_kind(knobs.protocol).map(move |kind| ServerOptions {
        trigger: kind.trigger,
        buffer: kind.buffer,
        ..knobs.clone()
    })
}

pub(super) fn request(sequence: u64, answer: u32) -> Vec<u8> {
    let header = Header { sequence, stream: 1, answer, offset: sequence * u64::from(answer) };
    frame::opening(&header, 0).to_vec()
}

pub(super) fn requests(count: u64, answer: u32) -> Vec<u8> {
    (0..count).flat_map(|sequence| request(sequence, answer)).collect()
}

/// Reads `count` answers of `size` bytes, checks every byte and the order; `pause` after every read.
pub(super) fn expect_answers(stream: &mut TcpStream, count: u64, size: u32, pause: Duration) {
    let mut decoder = Decoder::Frame(frame::Decoder::new(1, size));
    let mut answered = Vec::new();
    let mut piece = vec![0; 64 * 1024];
    while (answered.len() as u64) < count {
        let got = stream.read(&mut piece).unwrap();
        assert!(got > 0, "the server closed after {} of {count} answers", answered.len());
        decoder.feed(&piece[..got], &mut |answer| answered.push(answer.sequence));
        thread::sleep(pause);
    }
    assert_eq!(answered, (0..count).collect::<Vec<_>>());
    let tally = decoder.tally();
    assert_eq!((tally.corrupt, tally.verified), (0, count * (u64::from(size) + HEADER_BYTES as u64)));
}

/// Reads until there is nothing more: how it ended.
pub(super) fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut piece = vec![0; 1 << 20];
    while stream.read(&mut piece)? > 0 {}
    Ok(())
}

pub(super) fn reset(stream: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream, sockopt::Linger, &at_once).unwrap();
    drop(stream);
}

/// When a connection last received something, as its own kernel sees it.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) received: u64,
    pub(super) looked_ns: u64,
    pub(super) not_before_ns: u64,
}

impl Progress {
    pub(super) fn look(&mut self, stream: &TcpStream) {
        const ESTABLISHED: u8 = 1;
        let now_ns = sys::monotonic_ns();
        let info = sys::tcp_info(stream.as_fd()).unwrap();
        if info.state == ESTABLISHED && info.bytes_received != self.received {
            self.received = info.bytes_received;
            self.not_before_ns = self.looked_ns;
        }
        self.looked_ns = now_ns;
    }
}

pub(super) fn was_refused(mut stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    !matches!(stream.read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

/// `badpeer serve`, ended with the test.
pub(super) struct Serving {
    child: Mortal,
    pub(super) server: Watched,
}

impl Serving {
    pub(super) fn start(flags: &[&str]) -> Self {
        let (child, addresses) = serving(&[&["--admin", "127.0.0.1:0"], flags].concat());
        let (service, admin) = addresses.split_once(", admin on ").unwrap();
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let server = Watched(Addresses { service: address(service).into(), admin: Some(address(admin)) });
        Self { child, server }
    }

    pub(super) fn with(options: &ServerOptions) -> Self {
        let flags = options.to_flags();
        Self::start(&flags.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    pub(super) fn terminate(&self) {
        send(Signal::SIGTERM, self.pid());
    }

    /// How long it took to end, well.
    pub(super) fn ended(mut self) -> Duration {
        let start = Instant::now();
        assert_eq!(self.child.0.wait().unwrap().code(), Some(0));
        start.elapsed()
    }
}
