//! The reference server's own counters and evictions, read from its admin address.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    time::Duration,
};

use crate::metric::{Metric, Row, Scope};

/// The list of evictions is asked for once, and may take longer.
const EVICTIONS_PATIENCE: Duration = Duration::from_secs(3);

/// Reads the counters of a reference server.
#[derive(Debug)]
pub struct ReferenceProbe {
    admin: SocketAddr,
}

/// An eviction as the server reports it; times are on the monotonic clock, in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ReportedEviction {
    /// Its number, counted from 0: the server drops the oldest when there are too many.
    pub index: u64,
    /// When the connection was ended.
    pub at_ns: u64,
    /// The one reason: the key of the server that set the limit or timeout, such as `send_timeout`, or `protocol`.
    pub reason: String,
    /// The client's port; 0 where it has none.
    pub peer_port: u16,
    /// The client's address; `None` from an older server, which does not say it.
    #[serde(default)]
    pub peer_address: Option<IpAddr>,
    /// The number of the server's own socket, where its clients have no address: at a UNIX-domain socket.
    #[serde(default)]
    pub socket: Option<u32>,
    /// For a timeout: what it was counted from.
    pub progress_ns: Option<u64>,
    /// For a timeout: when it ended.
    pub deadline_ns: Option<u64>,
    /// Bytes in the server's send buffer.
    pub send_buffered: u64,
    /// Bytes in the kernel's send queue.
    pub kernel_queued: u64,
}

/// The evictions that the server still has, and how many it has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Journal {
    /// In order.
    pub evictions: Vec<ReportedEviction>,
    /// Evictions that the server no longer has: its list is bounded.
    pub lost: u64,
}

impl Journal {
    fn of(evictions: Vec<ReportedEviction>) -> Self {
        let numbered = evictions.last().map_or(0, |last| last.index + 1);
        Self { lost: numbered.saturating_sub(evictions.len() as u64), evictions }
    }
}

impl ReferenceProbe {
    /// Reads from this address.
    #[must_use]
    pub const fn new(admin: SocketAddr) -> Self {
        Self { admin }
    }

    /// Sets every metric that the server has a counter for: the counter `badpeer_NAME` or `badpeer_NAME_total` is the
    /// metric NAME, and `badpeer_evictions_total{reason="R"}` is `evicted_R`.
    ///
    /// # Errors
    /// When the server does not answer within `patience`.
    pub fn read(&self, row: &mut Row, patience: Duration) -> io::Result<()> {
        let text = self.get("/metrics", patience)?;
        let mut evictions = 0.0;
        for (name, value) in text.lines().filter_map(sample) {
            if name.starts_with("evicted_") {
                evictions += value;
            }
            let named = |metric: &&Metric| metric.spec().name == name && metric.spec().scope == Scope::Run;
            if let Some(&metric) = Metric::ALL.iter().find(named) {
                row.set(metric, value);
            }
        }
        row.set(Metric::Evictions, evictions);
        Ok(())
    }

    /// Every eviction so far.
    ///
    /// # Errors
    /// When the server does not answer, or says what cannot be read.
    pub fn evictions(&self) -> io::Result<Journal> {
        let text = self.get("/evictions?from=0", EVICTIONS_PATIENCE)?;
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        reader.deserialize().collect::<Result<_, _>>().map(Journal::of).map_err(io::Error::other)
    }

    fn get(&self, path: &str, patience: Duration) -> io::Result<String> {
        let answer = self.ask(path, patience).map_err(|error| match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                let silence = format!("its admin address did not answer within {patience:?}");
                io::Error::new(ErrorKind::TimedOut, silence)
            }
            _ => error,
        })?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("its admin address answers {path} with {answer:.40}"))),
        }
    }

    fn ask(&self, path: &str, patience: Duration) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.admin, patience)?;
        stream.set_read_timeout(Some(patience))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.admin)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

/// A line of Prometheus text as a metric's name and value.
fn sample(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.strip_prefix("badpeer_")?.rsplit_once(' ')?;
    let value = value.parse().ok()?;
    if let Some((_, rest)) = name.split_once("evictions_total{reason=\"") {
        return Some((format!("evicted_{}", rest.strip_suffix("\"}")?), value));
    }
    Some((name.strip_suffix("_total").unwrap_or(name).to_owned(), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evictions_dropped_from_the_list_are_counted() {
        let eviction = |index| ReportedEviction {
            index,
            at_ns: 9,
            reason: "send_timeout".into(),
            peer_port: 7,
            peer_address: None,
            socket: None,
            progress_ns: Some(1),
            deadline_ns: Some(8),
            send_buffered: 0,
            kernel_queued: 0,
        };
        assert_eq!(Journal::of(Vec::new()).lost, 0);
        assert_eq!(Journal::of(vec![eviction(0), eviction(1)]).lost, 0);
        assert_eq!(Journal::of(vec![eviction(5), eviction(6)]).lost, 5);
    }

    #[test]
    fn server_counters_become_metrics() {
        assert_eq!(sample("badpeer_server_reads_total 12"), Some(("server_reads".into(), 12.0)));
        assert_eq!(sample("badpeer_send_buffered 7"), Some(("send_buffered".into(), 7.0)));
        let eviction = sample("badpeer_evictions_total{reason=\"send_limit\"} 3");
        assert_eq!(eviction, Some(("evicted_send_limit".into(), 3.0)));
        assert_eq!(sample("# HELP badpeer_x y"), None);
    }
}
