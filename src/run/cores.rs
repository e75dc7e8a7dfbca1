//! Server and load generator on different physical cores, so that neither takes time from the other.

use nix::{
    sched::{CpuSet, sched_setaffinity},
    unistd::Pid,
};

use crate::probe::{Halves, Topology};

/// Which cores belong to whom; empty: any.
#[derive(Clone, Debug, Default)]
pub(super) struct Cores {
    pub(super) server: Vec<usize>,
    pub(super) clients: Vec<usize>,
    pub(super) topology: Topology,
}

impl Cores {
    /// One half of the physical cores that this process may use for the server, the other for the clients.
    pub(super) fn split() -> Self {
        let topology = Topology::read();
        let Halves { server, clients } = topology.halves();
        Self { server, clients, topology }
    }

    /// What was done, in words.
    pub(super) fn words(&self) -> String {
        let done = if self.server.is_empty() {
            "server and load generator share the only core"
        } else if self.topology.is_one_core() {
            "server and load generator use different hardware threads of it"
        } else {
            "server and load generator use different cores"
        };
        format!("{}: {done}", self.topology)
    }

    /// Notes on processes that share cores, if the server may use `server_cores`.
    pub(super) fn notes(&self, server_cores: &[usize], client_threads: u32) -> Vec<String> {
        let mut notes = Vec::new();
        if self.server.is_empty() {
            notes.push(
                "server and load generator share the only core, so rates mean little: use a machine with 2 \
                cores or more"
                    .to_owned(),
            );
        } else if server_cores.iter().any(|core| self.clients.contains(core)) {
            let text = "server and load generator may share a core, so rates mean little unless the server is pinned to \
                 other cores (`taskset`)";
            notes.push(text.to_owned());
        } else if self.topology.share_a_core(server_cores, &self.clients) {
            notes.push(format!(
                "server and load generator run on hardware threads of the same physical core (server \
                 {server_cores:?}, load generator {:?}) and slow each other down: rates and CPU time are not those of \
                 a server with cores of its own",
                self.clients
            ));
        }
        if let Some(why) = self.topology.unknown() {
            notes.push(format!(
                "the topology of the cores could not be read ({why}): server and load generator may share a physical \
                 core"
            ));
        }
        let of_clients = self.clients.len();
        if of_clients > 0 && client_threads as usize > of_clients {
            notes.push(format!(
                "{client_threads} threads of the load generator share {of_clients} core(s): they wait for each other, \
                 which increases latencies; use fewer threads"
            ));
        }
        notes
    }

    /// The load generator must not take time from the server.
    pub(super) fn confine_load_generator(&self) -> Confined<'_> {
        // Without it the figures are noisier, which the host's metrics show.
        let _ = stay_on(&self.clients);
        Confined(self)
    }
}

/// While this lives, this thread and every one it starts stay on the clients' cores.
pub(super) struct Confined<'a>(&'a Cores);

impl Drop for Confined<'_> {
    fn drop(&mut self) {
        let _ = stay_on(&[&self.0.server[..], &self.0.clients].concat());
    }
}

/// Keeps this thread, and every thread and process that it starts from now on, on these cores.
pub(super) fn stay_on(cores: &[usize]) -> nix::Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core)?;
    }
    sched_setaffinity(Pid::from_raw(0), &set)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(allowed: &[usize], siblings: &str) -> Cores {
        let topology = Topology::of(allowed, |cpu| {
            let own = cpu.to_string();
            let listed = siblings.split(',').any(|other| other == own);
            Ok(if listed { siblings.to_owned() } else { own })
        });
        let Halves { server, clients } = topology.halves();
        Cores { server, clients, topology }
    }

    #[test]
    fn separate_cores_get_no_note() {
        let apart = cores(&[0, 1, 2, 3], "0,2");
        assert_eq!((apart.server.clone(), apart.clients.clone()), (vec![0, 2], vec![1, 3]));
        assert_eq!(apart.notes(&apart.server, 2), Vec::<String>::new());
        assert!(
            apart.words().ends_with(": server and load generator use different cores"),
            "{}",
            apart.words()
        );
    }

    #[test]
    fn shared_cores_get_a_note() {
        let one = cores(&[0, 1], "0,1");
        assert!(one.notes(&one.server, 1)[0].contains("hardware threads of the same physical core"));
        assert!(one.words().ends_with("different hardware threads of it"));
        let single = cores(&[3], "3");
        assert!(single.notes(&[], 1)[0].contains("share the only core"));
        // A server that was there before us may be on a sibling of a core of the clients, or on any core.
        let pairs = cores(&[0, 1, 2, 4], "0,4");
        assert_eq!(pairs.clients, [1, 2]);
        assert!(pairs.notes(&[1], 1)[0].contains("may share a core"));
        assert!(
            pairs.notes(&pairs.server, 3)[0].starts_with("3 threads of the load generator share 2 core(s)")
        );
    }
}
