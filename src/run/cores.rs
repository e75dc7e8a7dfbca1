//! Server and clients on different cores, so that neither steals the other's time.

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

/// Which cores belong to whom; empty: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cores {
    pub(super) server: Vec<usize>,
    pub(super) clients: Vec<usize>,
}

impl Cores {
    /// One half of the cores that this process may use for the server, the other for the clients.
    pub(super) fn split() -> Self {
        halves(&allowed(Pid::from_raw(0)))
    }
}

/// The cores that a process may use; none if that cannot be told.
pub(super) fn of_process(pid: u32) -> Vec<usize> {
    allowed(Pid::from_raw(pid as i32))
}

fn allowed(pid: Pid) -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(pid) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&core| allowed.is_set(core).unwrap_or(false)).collect()
}

fn halves(all: &[usize]) -> Cores {
    if all.len() < 2 {
        return Cores::default();
    }
    let (server, clients) = all.split_at(all.len() / 2);
    Cores { server: server.to_vec(), clients: clients.to_vec() }
}

/// While this lives, this thread and every one it starts stay on the clients' cores.
pub(super) struct Confined<'a>(&'a Cores);

impl Cores {
    /// The harness must not take time from the server.
    pub(super) fn confine_harness(&self) -> Confined<'_> {
        // Without it the figures are noisier, which the host's metrics show.
        let _ = stay_on(&self.clients);
        Confined(self)
    }
}

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

    #[test]
    fn no_core_has_two_owners() {
        assert_eq!(halves(&[0, 1]), Cores { server: vec![0], clients: vec![1] });
        assert_eq!(halves(&[2, 5, 9]), Cores { server: vec![2], clients: vec![5, 9] });
        assert_eq!(halves(&[3]), Cores::default());
    }
}
