//! A running server: found, measured, and left running.

use std::{net::TcpStream, os::unix::net::UnixStream};

use super::{
    RunError,
    address::{
        NO_LISTENER, PATIENCE, elsewhere, listening, obstacle, resolved, the_one_that_accepts, why_silent,
    },
    server::{ServerExit, Target},
};
use crate::{
    address::Address,
    probe::{ProcessProbe, allowed_cpus, listeners},
    profile::Attach,
};

/// A server that was running before.
#[derive(Debug)]
pub(super) struct Attached {
    service: Address,
    processes: Vec<u32>,
    watched: Vec<ProcessProbe>,
    notes: Vec<String>,
}

impl Attached {
    /// Finds the server and its processes.
    pub(super) fn find(attach: &Attach) -> Result<Self, RunError> {
        let Reached { service, listeners } = reach(&attach.address)?;
        let mut found = Self { service, processes: Vec::new(), watched: Vec::new(), notes: Vec::new() };
        found.note("the server was already running: its figures include what it held before");
        let Some(sockets) = listeners else {
            found.note("the server is on another machine: its processes and sockets were not measured");
            return Ok(found);
        };
        found.processes = match attach.pid {
            Some(pid) => vec![pid],
            None => found.who_listens(&sockets),
        };
        for &pid in &found.processes {
            let probe = ProcessProbe::new(pid).and_then(|mut probe| probe.read().map(|_| probe));
            let probe = probe.map_err(|e| RunError::Start(format!("cannot read process {pid}: {e}")))?;
            found.watched.push(probe);
        }
        Ok(found)
    }

    fn who_listens(&mut self, sockets: &[u32]) -> Vec<u32> {
        let mut holders = listeners::holders(sockets, listeners::everyone());
        // A service manager keeps the sockets of the services that it starts.
        holders.processes.retain(|&pid| pid != 1);
        let top = listeners::topmost(&holders.processes);
        let names: Vec<String> = top.iter().map(|&pid| format!("{pid} ({})", listeners::name(pid))).collect();
        if top.is_empty() {
            let why = "it could not be determined which process listens there; run badpeer as its user or as root, or give \
                 its pid";
            self.note(&format!("the server's memory, CPU time and descriptors were not measured: {why}"));
        } else {
            self.note(&format!(
                "measured as the server, including all child processes: process {}",
                names.join(", ")
            ));
        }
        top
    }

    fn note(&mut self, note: &str) {
        self.notes.push(note.to_owned());
    }
}

impl Target for Attached {
    fn service(&self) -> Address {
        self.service
    }

    fn processes(&self) -> &[u32] {
        &self.processes
    }

    fn cores(&self, _given: &[usize]) -> Vec<usize> {
        let mut all: Vec<usize> = self.processes.iter().flat_map(|&pid| allowed_cpus(pid)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    fn still_runs(&mut self) -> Result<(), String> {
        if self.watched.is_empty() || self.watched.iter_mut().any(|probe| probe.read().is_ok()) {
            return Ok(());
        }
        let pids: Vec<String> = self.processes.iter().map(u32::to_string).collect();
        Err(format!("the server exited by itself: process {} is gone", pids.join(", ")))
    }

    fn end(&mut self) -> ServerExit {
        ServerExit { words: "left running".into(), in_order: true }
    }

    fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }
}

/// A server that can be reached.
#[derive(Debug)]
pub(in crate::run) struct Reached {
    pub(in crate::run) service: Address,
    /// The inodes of its listening sockets; `None` if it is on another machine.
    pub(in crate::run) listeners: Option<Vec<u32>>,
}

/// Sees whether a server listens there. On this machine that disturbs nothing; on another one it takes a connection.
pub(in crate::run) fn reach(address: &str) -> Result<Reached, RunError> {
    let service = the_one_that_accepts(&resolved(address)?);
    let unreachable = |why: &str| {
        RunError::Start(format!(
            "cannot reach {service}: {why}; start the server first, or give the command that starts it"
        ))
    };
    let service = match service {
        Address::Inet(service) => service,
        Address::Unix(_) => return reach_unix(service),
    };
    if !Address::Inet(service).is_here() {
        TcpStream::connect_timeout(&service, PATIENCE).map_err(|error| unreachable(&error.to_string()))?;
        return Ok(Reached { service: service.into(), listeners: None });
    }
    let sockets = listening(&[service.into()])?;
    // Where the kernel passes connections on, into another network namespace for example, nothing listens here.
    if sockets.is_empty() && TcpStream::connect_timeout(&service, PATIENCE).is_err() {
        return Err(unreachable(&format!("nothing listens there{}", elsewhere(service.into()))));
    }
    Ok(Reached { service: service.into(), listeners: Some(sockets) })
}

/// The same of a UNIX-domain socket.
fn reach_unix(service: Address) -> Result<Reached, RunError> {
    let unreachable = |why: &str| RunError::Start(format!("cannot reach {service}: {why}"));
    if let Some(why) = service.path().and_then(obstacle) {
        return Err(unreachable(&why));
    }
    let sockets = listening(&[service])?;
    // In another network namespace it does not show, and can be reached all the same.
    if sockets.is_empty() && !accepts_unix(service) {
        return Err(unreachable(service.path().map_or(NO_LISTENER, why_silent)));
    }
    Ok(Reached { service, listeners: Some(sockets) })
}

/// Whether it takes a connection.
fn accepts_unix(service: Address) -> bool {
    service.path().is_some_and(|path| UnixStream::connect(path).is_ok())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn find(address: String, pid: Option<u32>) -> Result<Attached, RunError> {
        Attached::find(&Attach { address, pid })
    }

    #[test]
    fn an_attached_server_is_found_by_its_port_and_left_running() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut found = find(format!("localhost:{}", address.port()), None).unwrap();
        assert_eq!((found.service(), found.processes()), (address.into(), &[std::process::id()][..]));
        assert!(found.notes().iter().any(|note| note.contains("process")), "{:?}", found.notes());
        assert!(!found.cores(&[]).is_empty());
        assert_eq!((found.still_runs(), found.end().words.as_str()), (Ok(()), "left running"));
    }

    #[test]
    fn all_addresses_of_a_name_are_tried() {
        let at = |listener: &TcpListener| Address::from(listener.local_addr().unwrap());
        let free = at(&TcpListener::bind("127.0.0.1:0").unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = at(&listener);
        assert_eq!(the_one_that_accepts(&[free, address]), address);
        assert_eq!(the_one_that_accepts(&[free, free]), free);
        // Where there is IPv6, `localhost` has an address in it.
        let Ok(six) = TcpListener::bind("[::1]:0") else { return };
        let address = at(&six);
        let localhost = format!("localhost:{}", six.local_addr().unwrap().port());
        if resolved(&localhost).unwrap().contains(&address) {
            let found = find(localhost, None).unwrap();
            assert_eq!(found.service(), address);
        }
    }

    #[test]
    fn a_missing_server_is_reported() {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let error = find(free.to_string(), None).unwrap_err().to_string();
        assert!(error.contains("nothing listens there; start the server first"), "{error}");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let error = find(format!("127.0.0.2:{port}"), None).unwrap_err().to_string();
        let wanted =
            format!("nothing listens there (a server listens at 127.0.0.1:{port}); start the server first");
        assert!(error.contains(&wanted), "{error}");
        let error = find(listener.local_addr().unwrap().to_string(), Some(u32::MAX)).unwrap_err().to_string();
        assert!(error.contains("cannot read process 4294967295"), "{error}");
        assert!(find("nowhere.invalid:80".into(), None).unwrap_err().to_string().contains("cannot resolve"));
    }
}
