//! The reference server: an epoll loop that keeps its limits, counts what it does, and says whom it evicted and why.
//!
//! ```text
//!   epoll ─→ connection ─ receive ─→ inbound ─→ protocol ─→ outbound ─ send ─→ peer
//!               ↑  ↑                                          │  │
//!   timers ─────┘  └── EPOLLOUT, only while something waits ──┘  └─→ over the limit: evicted
//! ```
//! One receive and one send for a small request; the rest of this module is about peers that misbehave.
//!
//! From the top down: the thread models run event loops, an event loop owns its acceptor and its connections, a connection
//! knows the context of its thread, and a protocol knows two buffers. Nothing looks up.

mod accept;
mod admin;
mod close_reason;
mod common;
mod connection;
mod context;
mod counters;
mod event_loop;
mod journal;
mod planted;
mod policy;
mod protocol;
mod shutdown;
mod socket_file;
mod thread_model;
mod timers;
mod transport;

use std::{io, net::SocketAddr, path::PathBuf, sync::Arc, thread};

use nix::sys::{
    resource::{Resource, getrlimit, setrlimit},
    signal::{SigSet, Signal},
    signalfd::{SfdFlags, SignalFd},
};

pub use close_reason::{CloseKind, EvictionReason};

use self::{
    accept::Acceptor, admin::Admin, common::Common, protocol::Site, shutdown::ShutdownSignals,
    socket_file::SocketFile, thread_model::ThreadModel,
};
use crate::{
    address::{Address, most_backlog, resolve},
    profile::{
        Dispatch, ServerOptions,
        unix_path::{self, FRESH},
    },
    sys,
    units::{Count, OrOff},
};

/// Why the server cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address could not be parsed.
    #[error(
        "`{0}` could not be parsed as an address; write for instance 127.0.0.1:8080, [::1]:8080, 127.0.0.1:0 or \
         unix:/tmp/app.sock"
    )]
    Address(String),
    /// No UNIX-domain socket can have this path.
    #[error("--listen: {0}")]
    Path(String),
    /// Options that are impossible together.
    #[error("--{0} {1}")]
    Options(String, &'static str),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {}", listen_failure(**address, source))]
    Listen {
        /// As asked for.
        address: Box<Address>,
        /// What the kernel says.
        source: io::Error,
    },
    /// The root is no directory whose files can be served.
    #[error("cannot serve the files of `{}`: {source}; --root takes a directory that can be read", .path.display())]
    Root {
        /// As asked for.
        path: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// Something else that the kernel refused.
    #[error("the server stopped because of a system error: {0}")]
    Kernel(#[from] io::Error),
}

fn listen_failure(address: Address, error: &io::Error) -> String {
    match error.kind() {
        _ if address.is_unix() => error.to_string(),
        io::ErrorKind::AddrInUse => "address already in use; choose another --listen or port 0".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address; try 127.0.0.1".to_owned(),
        io::ErrorKind::PermissionDenied => "not permitted; choose a port from 1024 on, or port 0".to_owned(),
        _ => error.to_string(),
    }
}

/// Where a server can be reached; a port 0 that was asked for is replaced by the one that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For those who are served.
    pub service: Address,
    /// For those who watch: `GET /metrics` and `GET /evictions?from=N`.
    pub admin: Option<SocketAddr>,
}

/// A server that listens and is about to run.
pub struct Server {
    addresses: Addresses,
    admin: Option<Admin>,
    thread_model: ThreadModel,
    shutdown: Arc<ShutdownSignals>,
    /// That of a UNIX-domain socket, which goes with the server.
    socket_file: Option<SocketFile>,
}

/// Stops a server from another thread.
#[derive(Clone, Debug)]
pub struct StopHandle(Arc<ShutdownSignals>);

impl StopHandle {
    /// The loops end after the turn they are in, and close all connections.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Server {
    /// Listens on `options.listen` and, for those who watch, on `admin`. From now on peers can connect; they are
    /// served by [`run`](Self::run). From now on the process may hold as many descriptors as
    /// [`ServerOptions::descriptors`] says.
    ///
    /// # Errors
    /// [`ServeError`], with what to write instead.
    pub fn bind(options: &ServerOptions, admin: Option<SocketAddr>) -> Result<Self, ServeError> {
        options.check().map_err(|(key, message)| ServeError::Options(key.replace('_', "-"), message))?;
        limit_descriptors(options.descriptors)?;
        check_backlog(options)?;
        if let Some(path) = &options.root {
            let cannot = |source| ServeError::Root { path: path.clone(), source };
            Site::open(Some(path), 1, None).map_err(cannot)?;
        }
        let acceptors = open_acceptors(&listen_addresses(&options.listen)?, options)?;
        let service = acceptors[0].address()?;
        let socket_file = if let Address::Unix(address) = &service { SocketFile::of(address) } else { None };
        let common = Common::new(options)?;
        let thread_model = ThreadModel::new(options, acceptors, &common)?;
        let watched = |address| {
            let opened = Admin::open(address, thread_model.counters().into(), Arc::clone(&common.journal));
            opened.map_err(|source| ServeError::Listen { address: Box::new(address.into()), source })
        };
        let admin = admin.map(watched).transpose()?;
        let addresses = Addresses { service, admin: admin.as_ref().map(Admin::address).transpose()? };
        Ok(Self { addresses, admin, thread_model, shutdown: common.shutdown, socket_file })
    }

    /// Where it can be reached.
    #[must_use]
    pub fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// What ends [`run`](Self::run).
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        StopHandle(Arc::clone(&self.shutdown))
    }

    /// Serves, in this thread, until `SIGTERM` or `SIGINT` arrives or the [`StopHandle`] is used. After a signal, the
    /// answers under way are finished first, for as long as [`ServerOptions::drain`] allows or until the next signal.
    /// A signal that the process was started to ignore stays ignored. The signals are blocked in this thread meanwhile; where others of the process take them, they do not arrive
    /// here.
    ///
    /// # Errors
    /// When the kernel refuses what no server can do without.
    pub fn run(self) -> Result<(), ServeError> {
        self.run_with(|| {})
    }

    /// The same; `ready` is called once, when all threads are there that it takes.
    ///
    /// # Errors
    /// When the kernel refuses what no server can do without.
    pub fn run_with(self, ready: impl FnOnce()) -> Result<(), ServeError> {
        let Self { admin, thread_model, shutdown, socket_file: _socket_file, .. } = self;
        let signals = Signals::block()?;
        thread::scope(|scope| {
            if let Some(admin) = &admin {
                let end = shutdown.stop_event();
                thread::Builder::new()
                    .name("admin".to_owned())
                    .spawn_scoped(scope, move || admin.serve(end))?;
            }
            let served = thread_model.run(&signals.fd, ready);
            shutdown.stop();
            Ok(served?)
        })
    }
}

/// The addresses that this text means; `unix:` alone is a path that nothing has.
fn listen_addresses(listen: &str) -> Result<Vec<Address>, ServeError> {
    let text = if listen == FRESH { socket_file::fresh() } else { listen.to_owned() };
    resolve(&text).map_err(|error| match unix_path::of(&text) {
        Some(_) => ServeError::Path(error.to_string()),
        None => ServeError::Address(text.clone()),
    })
}

/// Listens on the first of these addresses that can be listened on; if none can, says why not on the first.
fn open_acceptors(addresses: &[Address], options: &ServerOptions) -> Result<Vec<Acceptor>, ServeError> {
    let open = |address: &Address| {
        let acceptors = match options.dispatch {
            Dispatch::Reactors => Acceptor::open_several(*address, options, options.threads.0 as usize),
            _ => Acceptor::open(*address, options).map(|acceptor| vec![acceptor]),
        };
        acceptors.map_err(|source| ServeError::Listen { address: Box::new(*address), source })
    };
    let first = open(&addresses[0]);
    first.or_else(|error| addresses[1..].iter().find_map(|address| open(address).ok()).ok_or(error))
}

/// Whether the kernel grants the backlog that was asked for.
fn check_backlog(options: &ServerOptions) -> Result<(), ServeError> {
    let refused = most_backlog().and_then(|most| options.refused_backlog(most));
    refused.map_or(Ok(()), |message| Err(ServeError::Options("backlog".to_owned(), message)))
}

/// A connection is a descriptor: as many as were asked for, or else as the hard limit allows.
fn limit_descriptors(most: OrOff<Count>) -> Result<(), ServeError> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(io::Error::from)?;
    let soft = most.0.map_or(hard, |Count(most)| u64::from(most));
    if soft > hard {
        let remedy = "is more than the hard limit of the process allows: raise it (`ulimit -Hn` as root), or ask for less";
        return Err(ServeError::Options("descriptors".to_owned(), remedy));
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).map_err(io::Error::from)?;
    Ok(())
}

/// `SIGTERM` and `SIGINT` as readiness, and the mask as it was before.
struct Signals {
    fd: SignalFd,
    before: SigSet,
}

impl Signals {
    fn block() -> io::Result<Self> {
        let awaited = sys::heeded(&[Signal::SIGTERM, Signal::SIGINT]);
        let fd = SignalFd::with_flags(&awaited, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        let before = SigSet::thread_get_mask()?;
        awaited.thread_block()?;
        Ok(Self { fd, before })
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        // Taken, or it would strike as soon as the mask is back.
        while let Ok(Some(_)) = self.fd.read_signal() {}
        let _ = self.before.thread_set_mask();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(listen: &str) -> String {
        let options = ServerOptions { listen: listen.to_owned(), ..ServerOptions::default() };
        Server::bind(&options, None).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_invalid_address_is_refused_with_the_remedy() {
        assert_eq!(
            refused("8080"),
            "`8080` could not be parsed as an address; write for instance 127.0.0.1:8080, [::1]:8080, 127.0.0.1:0 or \
             unix:/tmp/app.sock"
        );
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        assert_eq!(
            refused(&address),
            format!("cannot listen on {address}: address already in use; choose another --listen or port 0")
        );
        assert!(refused("192.0.2.1:0").contains("no such address"));
    }

    #[test]
    fn listens_on_the_first_usable_address_of_a_name() {
        let [nowhere, here] = ["192.0.2.1:0", "127.0.0.1:0"].map(|text| text.parse().unwrap());
        for dispatch in [Dispatch::Single, Dispatch::Reactors] {
            let options = ServerOptions { dispatch, ..ServerOptions::default() };
            let acceptors = open_acceptors(&[nowhere, here], &options).unwrap();
            assert!(acceptors[0].address().unwrap().inet().unwrap().ip().is_loopback());
            let error = open_acceptors(&[nowhere, nowhere], &options).err().unwrap().to_string();
            assert!(error.contains("192.0.2.1:0: this machine has no such address"), "{error}");
        }
    }
}
