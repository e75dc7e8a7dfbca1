//! Which of the CPUs that this process may use are hardware threads of one physical core.

use std::{
    fmt::{self, Write},
    fs, io,
};

use nix::{
    sched::{CpuSet, sched_getaffinity},
    unistd::Pid,
};

/// The CPUs that a process may use; none if that is unknown.
#[must_use]
pub fn allowed_cpus(pid: u32) -> Vec<usize> {
    let Ok(allowed) = sched_getaffinity(Pid::from_raw(pid as i32)) else { return Vec::new() };
    (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu).unwrap_or(false)).collect()
}

/// CPUs by physical core. If the kernel does not say, a CPU counts as a core of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topology {
    /// The CPUs of each physical core, in the order of their numbers; cores by their first CPU.
    cores: Vec<Vec<usize>>,
    /// Why it is not known of all CPUs, if so.
    unknown: Option<String>,
}

/// Which CPUs are whose; empty: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Halves {
    /// The server's.
    pub server: Vec<usize>,
    /// The clients'.
    pub clients: Vec<usize>,
}

impl Topology {
    /// That of the CPUs that this process may use.
    #[must_use]
    pub fn read() -> Self {
        Self::of(&allowed_cpus(0), |cpu| {
            fs::read_to_string(format!("/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list"))
        })
    }

    /// That of the CPUs `allowed`, in ascending order, when `siblings` gives the list of hardware threads of a CPU's core
    /// as the kernel writes it (`0,4` or `0-1`). Threads that are not allowed, or offline, do not count.
    pub fn of(allowed: &[usize], siblings: impl Fn(usize) -> io::Result<String>) -> Self {
        let mut topology = Self::default();
        for &cpu in allowed {
            let list = siblings(cpu).and_then(|list| {
                cpu_list(&list).ok_or_else(|| io::Error::other(format!("unexpected list `{}`", list.trim())))
            });
            let list = list.unwrap_or_else(|error| {
                topology.unknown.get_or_insert_with(|| format!("CPU {cpu}: {error}"));
                vec![cpu]
            });
            let is_sibling = |core: &mut Vec<usize>| core.iter().any(|other| list.contains(other));
            let mut core: Vec<usize> = topology.cores.extract_if(.., is_sibling).flatten().collect();
            core.push(cpu);
            topology.cores.push(core);
        }
        topology.cores.sort();
        topology
    }

    /// How many physical cores there are.
    #[must_use]
    pub fn cores(&self) -> usize {
        self.cores.len()
    }

    /// Why the hardware threads of some CPU are not known.
    #[must_use]
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }

    /// Whether one physical core is all there is, and it has several hardware threads: both sides must share it then.
    #[must_use]
    pub fn is_one_core(&self) -> bool {
        self.cores.len() == 1 && self.cores[0].len() > 1
    }

    /// One half of the physical cores, the smaller one, for the server, and the other for the clients: all hardware threads
    /// of a core go to the same side. Where there is one core only, its threads are shared out, which is better than the
    /// same thread for both; where there is one thread only, nothing is.
    #[must_use]
    pub fn halves(&self) -> Halves {
        let threads: Vec<Vec<usize>>;
        let units = if self.is_one_core() {
            threads = self.cores[0].iter().map(|cpu| vec![*cpu]).collect();
            &threads
        } else {
            &self.cores
        };
        if units.len() < 2 {
            return Halves::default();
        }
        let (server, clients) = units.split_at(units.len() / 2);
        Halves { server: sorted(server), clients: sorted(clients) }
    }

    /// Whether some physical core has a CPU of both.
    #[must_use]
    pub fn share_a_core(&self, some: &[usize], others: &[usize]) -> bool {
        let has = |core: &[usize], cpus: &[usize]| core.iter().any(|cpu| cpus.contains(cpu));
        self.cores.iter().any(|core| has(core, some) && has(core, others))
    }
}

/// In words: `2 physical cores of 2 hardware threads (0+4, 1+5)`.
impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 16;
        let plural =
            |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        write!(f, "{}", plural(self.cores.len(), "physical core"))?;
        let least = self.cores.iter().map(Vec::len).min().unwrap_or(0);
        let most = self.cores.iter().map(Vec::len).max().unwrap_or(0);
        if least == most {
            write!(f, " of {}", plural(most, "hardware thread"))?;
        } else {
            write!(f, " of {least} to {}", plural(most, "hardware thread"))?;
        }
        let mut lists = String::new();
        for (index, core) in self.cores.iter().take(SHOWN).enumerate() {
            let names: Vec<String> = core.iter().map(usize::to_string).collect();
            write!(lists, "{}{}", if index == 0 { "" } else { ", " }, names.join("+"))?;
        }
        let more = if self.cores.len() > SHOWN { ", …" } else { "" };
        write!(f, " ({lists}{more})")?;
        match &self.unknown {
            Some(why) => {
                write!(f, "; it is not known which CPUs are hardware threads of the same core: {why}")
            }
            None => Ok(()),
        }
    }
}

fn sorted(cores: &[Vec<usize>]) -> Vec<usize> {
    let mut cpus = cores.concat();
    cpus.sort_unstable();
    cpus
}

/// `0-1,8` is 0, 1 and 8: the list format of `Documentation/admin-guide/cputopology.rst`. `None` where it is none.
fn cpu_list(text: &str) -> Option<Vec<usize>> {
    let mut cpus = Vec::new();
    for part in text.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last < CpuSet::count()).then_some(())?;
        cpus.extend(first..=last);
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose cores have these hardware threads, of which `allowed` may be used.
    fn machine(allowed: &[usize], cores: &[&'static str]) -> Topology {
        Topology::of(allowed, |cpu| {
            let is_its = |list: &&&str| cpu_list(list).is_some_and(|cpus| cpus.contains(&cpu));
            cores
                .iter()
                .find(is_its)
                .map(|list| format!("{list}\n"))
                .ok_or_else(|| io::Error::other("not there"))
        })
    }

    fn halves(allowed: &[usize], cores: &[&'static str]) -> (Vec<usize>, Vec<usize>) {
        let Halves { server, clients } = machine(allowed, cores).halves();
        (server, clients)
    }

    #[test]
    fn hardware_threads_of_a_core_stay_together() {
        let of_4 = ["0,4", "1,5", "2,6", "3,7"];
        let all: Vec<usize> = (0..8).collect();
        assert_eq!(halves(&all, &of_4), (vec![0, 1, 4, 5], vec![2, 3, 6, 7]));
        assert_eq!(halves(&[0, 1, 4, 5], &of_4), (vec![0, 4], vec![1, 5]));
        assert_eq!(halves(&[0, 1, 2, 3], &["0-1", "2-3"]), (vec![0, 1], vec![2, 3]));
        assert_eq!(halves(&[0, 1], &["0", "1"]), (vec![0], vec![1]));
        assert_eq!(halves(&[2, 5, 9], &["2", "5", "9"]), (vec![2], vec![5, 9]));
    }

    #[test]
    fn an_affinity_mask_may_allow_one_thread_of_a_core() {
        assert_eq!(halves(&[0, 1, 5], &["0,4", "1,5"]), (vec![0], vec![1, 5]));
        assert_eq!(halves(&[4, 5], &["0,4", "1,5"]), (vec![4], vec![5]));
        assert_eq!(halves(&[1, 2, 4], &["0,4", "1,5", "2,6"]), (vec![1], vec![2, 4]));
    }

    #[test]
    fn an_offline_thread_belongs_to_no_side() {
        // The list of an online CPU leaves offline ones out; that of an offline one is not there.
        assert_eq!(halves(&[0, 1, 2, 3, 4], &["0,4", "1", "2", "3"]), (vec![0, 1, 4], vec![2, 3]));
    }

    #[test]
    fn cores_of_three_and_four_threads_are_not_split() {
        assert_eq!(halves(&[0, 1, 2, 3, 4, 5], &["0-2", "3-5"]), (vec![0, 1, 2], vec![3, 4, 5]));
        let of_8: Vec<usize> = (0..8).collect();
        assert_eq!(halves(&of_8, &["0,2,4,6", "1,3,5,7"]), (vec![0, 2, 4, 6], vec![1, 3, 5, 7]));
    }

    #[test]
    fn a_single_core_is_split_by_threads_with_a_note() {
        let one = machine(&[0, 1], &["0-1"]);
        assert!(one.is_one_core() && one.share_a_core(&[0], &[1]));
        assert_eq!(one.halves(), Halves { server: vec![0], clients: vec![1] });
        assert_eq!(one.to_string(), "1 physical core of 2 hardware threads (0+1)");
        let three = machine(&[1, 2, 3], &["1-3"]);
        assert_eq!(three.halves(), Halves { server: vec![1], clients: vec![2, 3] });
        let single = machine(&[3], &["3,7"]);
        assert!(!single.is_one_core());
        assert_eq!(single.halves(), Halves::default());
        assert_eq!(machine(&[], &[]).halves(), Halves::default());
    }

    #[test]
    fn cpus_of_unknown_topology_count_as_cores_with_a_note() {
        let hidden = Topology::of(&[0, 1, 2], |_| Err(io::Error::other("no sysfs")));
        assert_eq!(hidden.halves(), Halves { server: vec![0], clients: vec![1, 2] });
        assert_eq!(hidden.unknown(), Some("CPU 0: no sysfs"));
        assert!(hidden.to_string().ends_with("are hardware threads of the same core: CPU 0: no sysfs"));
        let odd = Topology::of(&[0, 1], |_| Ok("0-x\n".to_owned()));
        assert!(odd.unknown().is_some_and(|why| why.contains("`0-x`")) && odd.cores() == 2);
        // Two of three say nothing, the last names them all.
        let part = Topology::of(&[0, 1, 2, 3], |cpu| match cpu {
            0 | 1 => Err(io::Error::other("gone")),
            2 => Ok("0-2".to_owned()),
            _ => Ok("3".to_owned()),
        });
        assert_eq!(part.halves(), Halves { server: vec![0, 1, 2], clients: vec![3] });
    }

    #[test]
    fn a_core_shared_by_both_sides_is_found() {
        let topology = machine(&[0, 1, 4, 5], &["0,4", "1,5"]);
        assert!(topology.share_a_core(&[0], &[4, 1]) && topology.share_a_core(&[5], &[5]));
        assert!(!topology.share_a_core(&[0, 4], &[1, 5]) && !topology.share_a_core(&[], &[1]));
    }

    #[test]
    fn cpu_lists_have_the_format_of_the_kernel() {
        assert_eq!(cpu_list("0-1,8\n"), Some(vec![0, 1, 8]));
        for wrong in ["", "1-0", "a", "0-", "99999999"] {
            assert_eq!(cpu_list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn each_cpu_belongs_to_one_side_at_most() {
        let topology = Topology::read();
        let Halves { server, clients } = topology.halves();
        assert!(server.iter().all(|cpu| !clients.contains(cpu)));
        assert_eq!(topology.share_a_core(&server, &clients), topology.is_one_core());
    }
}
