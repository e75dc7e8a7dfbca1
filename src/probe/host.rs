//! The machine: what it is, and what it does to a measurement (steal, pressure, dropped connections).

use std::fs;
use std::io;

use super::proc_file::{ProcFile, number_after};
use crate::record::{Loopback, Machine};
use crate::sys;
use nix::sys::utsname::uname;
use nix::unistd::{SysconfVar, sysconf};

/// Describes this machine. What cannot be found out is `unknown` or 0.
#[must_use]
pub fn describe_machine() -> Machine {
    let (kernel, arch) = uname().map_or_else(
        |_| (unknown(), unknown()),
        |name| (name.release().to_string_lossy().into_owned(), name.machine().to_string_lossy().into_owned()),
    );
    let online = sysconf(SysconfVar::_NPROCESSORS_ONLN).ok().flatten();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    Machine {
        kernel,
        arch,
        cpu: cpu_model(&fs::read_to_string("/proc/cpuinfo").unwrap_or_default()),
        cores: online.and_then(|count| usize::try_from(count).ok()).unwrap_or(0),
        memory_bytes: number_after(&memory, "MemTotal:").unwrap_or(0) * 1024,
        loopback: loopback().ok(),
    }
}

/// The loopback interface of our network namespace.
fn loopback() -> io::Result<Loopback> {
    let interface = sys::Loopback::open()?;
    Ok(Loopback { mtu: interface.mtu()?, segmentation_offload: interface.segmentation_offload().ok() })
}

fn unknown() -> String {
    "unknown".to_string()
}

/// `model name` on x86 and some ARM, `cpu` on POWER, `uarch` on RISC-V, `Model` on small boards.
fn cpu_model(cpuinfo: &str) -> String {
    let value = |wanted: &str| {
        let mut pairs = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        pairs.find_map(|(key, value)| (key.trim() == wanted).then(|| value.trim().to_string()))
    };
    ["model name", "cpu", "uarch", "Model"].into_iter().find_map(value).unwrap_or_else(unknown)
}

/// One instant of the machine. All are totals since it was booted (the network counters: of our network namespace).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HostReading {
    /// CPU time that the hypervisor gave to others, over all CPUs, in nanoseconds with the grain of a clock tick.
    pub steal_ns: u64,
    /// CPU time of all kinds, idle and steal included, over all CPUs, likewise: what the steal is a share of.
    pub cpu_ns: u64,
    /// CPU time that tasks used on the CPUs that are watched, interrupts left out, likewise; `None` where none are watched.
    pub watched_ns: Option<u64>,
    /// Time in which at least one runnable task waited for a CPU, in nanoseconds; `None` where the kernel does not
    /// say it, see [`HostProbe::no_pressure`].
    pub cpu_pressure_ns: Option<u64>,
    /// Connections dropped because an accept queue was full.
    pub listen_overflows: u64,
    /// Connections and SYNs dropped by listening sockets for any reason.
    pub listen_drops: u64,
    /// TCP segments sent again.
    pub retransmitted_segments: u64,
}

/// Reads the machine. Costs some tens of microseconds.
#[derive(Debug)]
pub struct HostProbe {
    stat: ProcFile,
    pressure: Result<ProcFile, String>,
    snmp: ProcFile,
    netstat: ProcFile,
    nanoseconds_per_tick: u64,
    watched: Vec<usize>,
}

impl HostProbe {
    /// Open the files of /proc.
    ///
    /// # Errors
    /// When /proc/stat or /proc/net is hidden. A missing /proc/pressure is no error.
    pub fn new() -> io::Result<Self> {
        let ticks_per_second = sysconf(SysconfVar::CLK_TCK)?.and_then(|ticks| u64::try_from(ticks).ok());
        Ok(Self {
            stat: ProcFile::open("/proc/stat")?,
            pressure: open_pressure(),
            snmp: ProcFile::open("/proc/net/snmp")?,
            netstat: ProcFile::open("/proc/net/netstat")?,
            nanoseconds_per_tick: 1_000_000_000 / ticks_per_second.unwrap_or(100).max(1),
            watched: Vec::new(),
        })
    }

    /// Watches what tasks use of these CPUs.
    #[must_use]
    pub fn watching(self, cpus: &[usize]) -> Self {
        Self { watched: cpus.to_vec(), ..self }
    }

    /// Why there is no CPU pressure here, in words; `None` when there is.
    #[must_use]
    pub fn no_pressure(&self) -> Option<&str> {
        self.pressure.as_ref().err().map(String::as_str)
    }

    /// Read the machine now. A counter that the kernel does not have is 0.
    ///
    /// # Errors
    /// When a file that could be opened cannot be read.
    pub fn read(&mut self) -> io::Result<HostReading> {
        let cpu_pressure_ns = match &mut self.pressure {
            Ok(file) => some_total_us(file.read()?).map(|us| us * 1000),
            Err(_) => None,
        };
        let netstat = self.netstat.read()?;
        let stat = self.stat.read()?;
        let (steal, all) = cpu_ticks(stat).unwrap_or_default();
        let watched = task_ticks(stat, &self.watched);
        Ok(HostReading {
            steal_ns: steal * self.nanoseconds_per_tick,
            cpu_ns: all * self.nanoseconds_per_tick,
            watched_ns: watched.map(|ticks| ticks * self.nanoseconds_per_tick),
            cpu_pressure_ns,
            listen_overflows: counter(netstat, "TcpExt:", "ListenOverflows").unwrap_or(0),
            listen_drops: counter(netstat, "TcpExt:", "ListenDrops").unwrap_or(0),
            retransmitted_segments: counter(self.snmp.read()?, "Tcp:", "RetransSegs").unwrap_or(0),
        })
    }
}

/// The file may be there and refuse to be read: a kernel booted with `psi=0` says `EOPNOTSUPP`.
fn open_pressure() -> Result<ProcFile, String> {
    let open =
        ProcFile::open("/proc/pressure/cpu").and_then(|mut file| file.read().map(str::len).map(|_| file));
    open.map_err(|error| error.to_string())
}

/// Steal and the sum of all: columns 8, and 1 to 8, of the line `cpu` of `proc_stat(5)`. What guests of our own used, in
/// the columns behind, is in the first two already.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let columns = stat.strip_prefix("cpu ")?.lines().next()?.split_whitespace().take(8);
    let ticks: Vec<u64> = columns.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some((*ticks.get(7)?, ticks.iter().sum()))
}

/// What tasks used of some CPUs: columns 1 to 3 of their lines of `proc_stat(5)`, `user`, `nice` and `system`.
/// Interrupts are left out: the kernel counts some of them against the task that they interrupted, and some against
/// none.
fn task_ticks(stat: &str, cpus: &[usize]) -> Option<u64> {
    let of_line = |line: &str| -> Option<u64> {
        let (number, columns) = line.strip_prefix("cpu")?.split_once(' ')?;
        cpus.contains(&number.parse().ok()?).then_some(())?;
        columns.split_whitespace().take(3).map(|ticks| ticks.parse::<u64>().ok()).sum()
    };
    let found: Vec<u64> = stat.lines().filter_map(of_line).collect();
    (!found.is_empty() && found.len() == cpus.len()).then(|| found.iter().sum())
}

/// `some … total=` in microseconds: `Documentation/accounting/psi.rst`.
fn some_total_us(pressure: &str) -> Option<u64> {
    let some = pressure.lines().find(|line| line.starts_with("some "))?;
    some.split_once("total=")?.1.trim().parse().ok()
}

/// A counter of /proc/net/snmp or /proc/net/netstat: a line of names, then a line of numbers, both after `group`.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(group));
    let position = lines.next()?.split_whitespace().position(|word| word == name)?;
    lines.next()?.split_whitespace().nth(position)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proc_files_are_parsed() {
        let stat =
            "cpu  16283 0 5359 174262 515 0 62 19 0 0\ncpu0 8000 0 2600 87000 250 0 31 9 0 0\nctxt 5\n";
        assert_eq!(cpu_ticks(stat), Some((19, 196_500)));
        assert_eq!(cpu_ticks("cpu  1 2 3 4\n"), None);
        let cpus = "cpu  9 9 9 9 9 9 9 9 0 0\ncpu0 8 1 2 90 5 3 3 9 0 0\ncpu1 5 0 1 9 0 0 0 0 0 0\ncpu10 7 0 0 9 0 0 0 0 0 0\n";
        assert_eq!(
            [&[0][..], &[0, 1], &[10], &[2], &[]].map(|of| task_ticks(cpus, of)),
            [Some(11), Some(17), Some(7), None, None]
        );
        let pressure = "some avg10=4.45 avg60=2.89 avg300=1.88 total=15319897\nfull avg10=0.00 total=0\n";
        assert_eq!(some_total_us(pressure), Some(15_319_897));
        assert_eq!(some_total_us("full avg10=0.00 total=0\n"), None);
    }

    /// Two looks at a machine of two cores, two seconds apart, on a host that sold its cores twice.
    #[test]
    fn steal_beyond_the_limit_makes_a_run_invalid() {
        use crate::{
            gate,
            metric::{Fold, Metric, Stat},
            profile::SHIPPED,
            record::Repeat,
        };
        let before = "cpu  180 0 90 300 5 0 10 40 0 0\ncpu0 90 0 45 150 3 0 5 20 0 0\n";
        let repeat = |after: &str| -> Repeat {
            let steal = cpu_ticks(after).unwrap().0 - cpu_ticks(before).unwrap().0;
            // 100 ticks a second.
            let rate = steal as f64 / 100.0 / 2.0;
            let mut repeat: Repeat = serde_json::from_str(EMPTY).unwrap();
            let stat = Stat { metric: Metric::HostSteal, fold: Fold::Rate };
            repeat.summary.insert(stat.name(), rate);
            repeat
        };
        let control = SHIPPED[0].source().parse(&[]).unwrap();
        let examined = |after: &str| gate::examine(&control, &repeat(after));
        let oversold = examined("cpu  350 0 180 350 5 0 15 80 0 0\ncpu0 175 0 90 175 3 0 7 40 0 0\n");
        assert!(
            oversold.disturbed[0].contains("took 10 % of the time of the cores in use (steal)"),
            "{oversold:?}"
        );
        let shared = examined("cpu  350 0 180 350 5 0 15 79 0 0\n");
        assert!(shared.disturbed.is_empty() && shared.notes[0].contains("took 9.8 %"), "{shared:?}");
    }

    /// A repeat of which nothing is known but the cores it used.
    const EMPTY: &str = r#"{"seed":1,"window_ns":[0,2000000000],"cut_short":false,"effective":{"server_cores":[0],
        "client_cores":[1],"address":"","client_receive_buffer":[],"client_send_buffer":[],"server_exit":""},
        "series":{"at_ns":[],"columns":{}},"groups":[],"evictions":[],"summary":{},"invalid":[],"notes":[]}"#;

    #[test]
    fn counters_are_found_by_name() {
        let text = "TcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 1 22 333\nIpExt: InNoRoutes\nIpExt: 9\n";
        assert_eq!(counter(text, "TcpExt:", "ListenOverflows"), Some(22));
        assert_eq!(counter(text, "TcpExt:", "ListenDrops"), Some(333));
        assert_eq!(counter(text, "IpExt:", "InNoRoutes"), Some(9));
        assert_eq!(counter(text, "TcpExt:", "Listen"), None);
        assert_eq!(counter(text, "Tcp:", "RetransSegs"), None);
    }

    #[test]
    fn the_cpu_model_is_read_where_the_kernel_names_it() {
        assert_eq!(cpu_model("processor\t: 0\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n"), "AMD EPYC");
        assert_eq!(cpu_model("processor : 0\nCPU part : 0xd0c\n"), "unknown");
    }

    #[test]
    fn this_machine_is_described_and_read() {
        let machine = describe_machine();
        assert!(machine.cores >= 1 && machine.memory_bytes > 1 << 20, "{machine:?}");
        assert!(machine.kernel.starts_with(|first: char| first.is_ascii_digit()), "{machine:?}");
        assert!(machine.loopback.is_some_and(|loopback| loopback.mtu >= 68), "{machine:?}");
        let mut probe = HostProbe::new().unwrap();
        let reading = probe.read().unwrap();
        assert_eq!(reading.cpu_pressure_ns.is_none(), probe.no_pressure().is_some());
        assert!(reading.listen_drops >= reading.listen_overflows);
    }
}
