//! The admin listener: counters and evictions over a few lines of HTTP, in a thread of its own. A client that sends or
//! reads slowly does not delay the server.

use std::{
    io::{self, ErrorKind},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::Arc,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::eventfd::EventFd,
};

use super::{counters::Counters, journal::Journal, transport::Transport};
use crate::sys;

/// A client that neither sends nor reads anything for this long is closed.
const PATIENCE: Duration = Duration::from_secs(2);

/// No request that is understood here is longer.
const LONGEST_REQUEST: usize = 8 * 1024;

/// Clients at the same time; for one more, the one that has been silent for longest is closed.
const MOST_CLIENTS: usize = 16;

/// A second listener, for monitoring.
pub(super) struct Admin {
    listener: TcpListener,
    counters: Arc<[Arc<Counters>]>,
    journal: Arc<Journal>,
}

/// A client of the admin listener.
struct AdminClient {
    transport: Transport,
    phase: Phase,
    /// When it is closed, unless it does something before; in nanoseconds of the monotonic clock.
    until_ns: u64,
}

/// How far the exchange has come.
enum Phase {
    /// What has come of the request.
    Asking(Vec<u8>),
    /// The answer, and how much of it was taken.
    Answered(Vec<u8>, usize),
}

impl AdminClient {
    fn new(stream: TcpStream) -> io::Result<Self> {
        let transport = Transport::tcp(stream)?;
        Ok(Self { transport, phase: Phase::Asking(Vec::new()), until_ns: until_ns() })
    }

    fn awaits(&self) -> PollFlags {
        match self.phase {
            Phase::Asking(_) => PollFlags::POLLIN,
            Phase::Answered(..) => PollFlags::POLLOUT,
        }
    }

    /// Goes on as far as is possible now.
    ///
    /// # Errors
    /// When the exchange is over, or the client is at fault.
    fn go_on(&mut self, admin: &Admin) -> io::Result<()> {
        match &mut self.phase {
            Phase::Asking(request) => {
                let mut piece = [0; 1024];
                let count = self.transport.receive(&mut piece)?;
                request.extend_from_slice(&piece[..count]);
                if count == 0 || request.len() > LONGEST_REQUEST {
                    return Err(ErrorKind::InvalidData.into());
                }
                if request.windows(4).any(|end| end == b"\r\n\r\n") {
                    let request = std::str::from_utf8(request).map_err(|_| ErrorKind::InvalidData)?;
                    self.phase = Phase::Answered(admin.answer(request).into_bytes(), 0);
                }
            }
            Phase::Answered(answer, taken) => {
                *taken += self.transport.send(&answer[*taken..])?;
                if *taken == answer.len() {
                    return Err(ErrorKind::WriteZero.into());
                }
            }
        }
        self.until_ns = until_ns();
        Ok(())
    }

    /// Whether it is to be kept.
    fn is_kept_after(&mut self, ready: bool, now_ns: u64, admin: &Admin) -> bool {
        let went_on = if ready { self.go_on(admin) } else { Ok(()) };
        let is_well =
            |error: io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        went_on.map_or_else(is_well, |()| true) && now_ns < self.until_ns
    }
}

fn until_ns() -> u64 {
    sys::monotonic_ns() + PATIENCE.as_nanos() as u64
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

    /// Answers requests until `stop` is readable, with descriptors of this thread's own: monitoring must work
    /// when the connections have taken all of the server's.
    pub(super) fn serve(&self, stop: &EventFd) {
        // A kernel too old for it leaves the table shared, and clients wait while it is full.
        let _ = sys::unshare_descriptors(&[self.listener.as_fd(), stop.as_fd()]);
        let mut clients: Vec<AdminClient> = Vec::new();
        loop {
            let Ok(ready) = self.wait(stop, &clients) else { continue };
            let [is_stopped, is_asked, ready @ ..] = &ready[..] else { continue };
            if *is_stopped {
                return;
            }
            let (now_ns, mut ready) = (sys::monotonic_ns(), ready.iter());
            clients.retain_mut(|client| client.is_kept_after(ready.next() == Some(&true), now_ns, self));
            if *is_asked {
                self.accept(&mut clients);
            }
        }
    }

    /// Waits until something happens, or a client is to be closed: whether `stop`, the listener, and each client is
    /// ready.
    fn wait(&self, stop: &EventFd, clients: &[AdminClient]) -> io::Result<Vec<bool>> {
        let listeners = [stop.as_fd(), self.listener.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        let streams = clients.iter().map(|client| PollFd::new(client.transport.as_fd(), client.awaits()));
        let mut watched: Vec<PollFd<'_>> = listeners.into_iter().chain(streams).collect();
        let soonest_ns = clients.iter().map(|client| client.until_ns).min();
        let timeout = soonest_ns.map_or(PollTimeout::NONE, |until_ns| {
            let left_ms = until_ns.saturating_sub(sys::monotonic_ns()).div_ceil(1_000_000);
            PollTimeout::from(u16::try_from(left_ms).unwrap_or(u16::MAX))
        });
        poll(&mut watched, timeout)?;
        Ok(watched.iter().map(|fd| fd.any() == Some(true)).collect())
    }

    fn accept(&self, clients: &mut Vec<AdminClient>) {
        match self.listener.accept().and_then(|(stream, _)| AdminClient::new(stream)) {
            Ok(client) => {
                if clients.len() == MOST_CLIENTS {
                    // The others were heard later.
                    let longest = clients.iter().enumerate().min_by_key(|(_, client)| client.until_ns);
                    if let Some((index, _)) = longest {
                        clients.swap_remove(index);
                    }
                }
                clients.push(client);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // Without a descriptor for it, the next look is not at once.
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_and_evictions_are_served() {
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
                "\r\n\r\nindex,at_ns,reason,peer_port,progress_ns,deadline_ns,send_buffered,kernel_queued,peer_address,socket\n"
            ));
        }
        assert!(answer("/evictions?from=x").starts_with("HTTP/1.1 400 "));
        assert!(answer("/favicon.ico").starts_with("HTTP/1.1 404 "));
        assert!(admin.answer("POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
    }
}
