//! The reference server's own counters and evictions, read from its admin address.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
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
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct ReportedEviction {
    /// When the connection was ended.
    pub at_ns: u64,
    /// The one reason.
    pub reason: String,
    /// The client's port.
    pub peer_port: u16,
    /// For a timeout: when it ended.
    pub deadline_ns: Option<u64>,
    /// Bytes in the server's send buffer.
    pub send_buffered: u64,
    /// Bytes in the kernel's send queue.
    pub kernel_queued: u64,
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
    pub fn evictions(&self) -> io::Result<Vec<ReportedEviction>> {
        let text = self.get("/evictions?from=0", EVICTIONS_PATIENCE)?;
        csv::Reader::from_reader(text.as_bytes())
            .deserialize()
            .collect::<Result<_, _>>()
            .map_err(io::Error::other)
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
    fn counters_become_metrics() {
        assert_eq!(sample("badpeer_server_reads_total 12"), Some(("server_reads".into(), 12.0)));
        assert_eq!(sample("badpeer_send_buffered 7"), Some(("send_buffered".into(), 7.0)));
        let eviction = sample("badpeer_evictions_total{reason=\"send_limit\"} 3");
        assert_eq!(eviction, Some(("evicted_send_limit".into(), 3.0)));
        assert_eq!(sample("# HELP badpeer_x y"), None);
    }
}
