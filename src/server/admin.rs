//! The side door: what the server counts and whom it evicted, over a few lines of HTTP, in a thread of its own.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::EventFd,
};

use super::{counters::Counters, eviction::Journal};
use crate::sys;

/// A peer that sends no request for this long is let go: the next one waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// No request that is understood here is longer.
const LONGEST_REQUEST: usize = 8 * 1024;

/// A second listener, for those who watch.
pub(super) struct Admin {
    listener: TcpListener,
    counters: Arc<[Arc<Counters>]>,
    journal: Arc<Journal>,
}

impl Admin {
    pub(super) fn open(
        address: SocketAddr,
        counters: Arc<[Arc<Counters>]>,
        journal: Arc<Journal>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self { listener, counters, journal })
    }

    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers one request after the other until `stop` is readable, with descriptors of this thread's own: who watches
    /// must not be shut out when the connections have taken all of the server's.
    pub(super) fn serve(&self, stop: &EventFd) {
        // A kernel too old for it leaves the table shared, and the askers waiting while it is full.
        let _ = sys::unshare_descriptors(&[self.listener.as_fd(), stop.as_fd()]);
        loop {
            let mut watched =
                [self.listener.as_fd(), stop.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
            let polled = poll(&mut watched, PollTimeout::NONE);
            if polled.is_ok() && watched[1].any() == Some(true) {
                return;
            }
            // A request that fails is the asker's business; without a descriptor for it, the next look is not at once.
            match self.listener.accept() {
                Ok((stream, _)) => drop(self.converse(stream)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn converse(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = read_request(&mut stream)?;
        stream.write_all(self.answer(&request).as_bytes())
    }

    fn answer(&self, request: &str) -> String {
        let target = request.strip_prefix("GET ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        match path {
            "/metrics" => respond(
                "200 OK",
                "text/plain; version=0.0.4; charset=utf-8",
                &Counters::prometheus(&self.counters),
            ),
            "/evictions" => match query.strip_prefix("from=").unwrap_or("0").parse() {
                Ok(from) => respond("200 OK", "text/csv; charset=utf-8", &self.journal.csv(from)),
                Err(_) => respond("400 Bad Request", "text/plain", "from= wants the number of an event\n"),
            },
            _ => respond("404 Not Found", "text/plain", "here are /metrics and /evictions?from=N\n"),
        }
    }
}

fn respond(status: &str, content_type: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}

/// Reads up to the empty line; what is longer or slower than allowed is an error.
fn read_request(stream: &mut TcpStream) -> io::Result<String> {
    let deadline = sys::monotonic_ns() + PATIENCE.as_nanos() as u64;
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let left = deadline.saturating_sub(sys::monotonic_ns());
        if left == 0 || request.len() > LONGEST_REQUEST {
            return Err(io::ErrorKind::InvalidData.into());
        }
        stream.set_read_timeout(Some(Duration::from_nanos(left).max(Duration::from_micros(1))))?;
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => request.extend_from_slice(&piece[..count]),
        }
    }
    String::from_utf8(request).map_err(|_| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_answered() {
        let admin =
            Admin::open("127.0.0.1:0".parse().unwrap(), Arc::new([]), Arc::default()).expect("a free port");
        let answer = |target: &str| admin.answer(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        let (head, body) =
            answer("/metrics").split_once("\r\n\r\n").map(|(a, b)| (a.to_owned(), b.len())).unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("\r\nContent-Type: text/plain; version=0.0.4"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {body}\r\n")), "{head}");
        for target in ["/evictions", "/evictions?from=17"] {
            assert!(answer(target).ends_with(
                "\r\n\r\nindex,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued\n"
            ));
        }
        assert!(answer("/evictions?from=x").starts_with("HTTP/1.1 400 "));
        assert!(answer("/favicon.ico").starts_with("HTTP/1.1 404 "));
        assert!(admin.answer("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    }
}
