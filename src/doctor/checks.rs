//! The checks themselves: from what was read to a finding. Those that take arguments are pure.

use std::fs;

use super::finding::{Finding, State, good};
use crate::gate;
use crate::probe::{Halves, HostProbe, ProcessProbe, SocketProbe, Topology};

fn last_number(text: &str) -> u64 {
    text.split_whitespace().last().and_then(|word| word.parse().ok()).unwrap_or(0)
}

/// The limit counts for each process, so that server and clients, being two, each spend one on a connection; a
/// server that hosts its own clients would spend two.
pub(super) fn descriptors(soft: u64, hard: u64) -> Finding {
    const ENOUGH: u64 = 65_536;
    const KEPT_FOR_OTHER_USE: u64 = 64;
    let connections = soft.saturating_sub(KEPT_FOR_OTHER_USE);
    let found = format!(
        "{soft} for each process (hard limit {hard}): {connections} connections with server and clients in two \
         processes, {} in one process",
        connections / 2
    );
    let finding = good("descriptors", found);
    if soft >= ENOUGH {
        return finding;
    }
    let mend = if hard > soft {
        format!("ulimit -n {}", hard.min(ENOUGH))
    } else {
        format!("sudo prlimit --pid $$ --nofile={ENOUGH}:{ENOUGH}")
    };
    finding.but(State::Limited, format!("at most {connections} connections at once"), mend)
}

/// `usable` is what the standard library makes of the affinity mask and of the quota of the control group.
pub(super) fn cores(online: usize, allowed: usize, usable: usize) -> Finding {
    let finding = good("cores", format!("{online} online, {allowed} allowed for badpeer"));
    if allowed < 2 {
        let costs =
            "server and load generator share one core: rates and latencies are not those of the server alone";
        let mend = if online < 2 { "a machine with 2 cores or more" } else { "taskset -pc 0-1 $$" };
        return finding.but(State::Missing, costs, mend);
    }
    if usable < allowed {
        let costs = format!(
            "a control group limits the CPU time to that of {usable} cores: its pauses look like latency"
        );
        return finding.but(State::Limited, costs, "raise cpu.max of the control group (docker run --cpus)");
    }
    finding
}

/// How the cores would be shared out between server and clients.
pub(super) fn topology(topology: &Topology) -> Finding {
    let Halves { server, clients } = topology.halves();
    let list = |cpus: &[usize]| cpus.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let shared = if server.is_empty() {
        "both sides share it".to_owned()
    } else {
        format!("CPU {} for the server, {} for the load generator", list(&server), list(&clients))
    };
    let finding = good("core topology", format!("{topology}: {shared}"));
    if topology.is_one_core() {
        let costs =
            "server and load generator share one physical core: each is slower while the other computes";
        return finding.but(State::Limited, costs, "a machine, or an affinity mask, with 2 physical cores");
    }
    if topology.unknown().is_some() {
        let costs = "server and load generator may share a physical core and slow each other down unnoticed";
        return finding.but(State::Missing, costs, "mount sysfs at /sys");
    }
    finding
}

/// `6.8.0-45-generic` is (6, 8).
fn version(release: &str) -> (u32, u32) {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

pub(super) fn kernel(release: &str) -> Finding {
    let finding = good("kernel", release.to_string());
    match version(release) {
        (0..5, _) | (5, 0..11) => finding.but(
            State::Limited,
            "no epoll_pwait2: timers are late by up to 1 ms; descriptors are counted by listing them",
            "Linux 5.11, better 6.2 or later",
        ),
        (5, _) | (6, 0..2) => finding.but(
            State::Limited,
            "descriptors are counted by listing them, which takes time with thousands",
            "Linux 6.2 or later",
        ),
        _ => finding,
    }
}

pub(super) fn socket_buffers(send: &str, receive: &str) -> Finding {
    let (send_most, receive_most) = (last_number(send), last_number(receive));
    let found = format!("tcp_wmem {send}, tcp_rmem {receive}");
    let finding = good("socket buffers", found);
    if send_most < 1 << 20 || receive_most < 1 << 20 {
        return finding.but(
            State::Limited,
            "stalls begin earlier than on other machines, and bulk throughput may be limited",
            r#"sysctl -w net.ipv4.tcp_wmem="4096 16384 4194304" net.ipv4.tcp_rmem="4096 131072 6291456""#,
        );
    }
    finding
}

pub(super) fn backlog(most: &str) -> Finding {
    let finding = good("accept queue", format!("somaxconn {most}"));
    if last_number(most) >= 1024 {
        return finding;
    }
    let costs = format!(
        "servers have a backlog of at most {most}: badpeer connects no faster than they accept, but in a storm \
         (`connect_rate`) of more connections some are dropped, and the client retries 1 s later"
    );
    finding.but(State::Limited, costs, "sysctl -w net.core.somaxconn=4096")
}

/// Really tried: a port without sockets is asked for.
pub(super) fn socket_diagnosis() -> Finding {
    match SocketProbe::new().and_then(|mut probe| probe.read(std::net::SocketAddr::from(([127, 0, 0, 1], 1))))
    {
        Ok(_) => good("sock_diag", "answers".to_string()),
        Err(error) => good("sock_diag", format!("refused: {error}")).but(
            State::Missing,
            "kernel memory and queues of the server's sockets are not measured",
            "modprobe tcp_diag; or run outside of the sandbox that forbids netlink",
        ),
    }
}

pub(super) fn proportional_memory() -> Finding {
    match ProcessProbe::new(std::process::id()).and_then(|mut probe| probe.read_pss()) {
        Ok(_) => good("smaps_rollup", "readable (PSS of processes of the same user)".to_string()),
        Err(error) => good("smaps_rollup", error.to_string()).but(
            State::Missing,
            "no PSS: memory is measured as RSS, which counts shared pages in full",
            "Linux 4.14 or later with CONFIG_PROC_PAGE_MONITOR",
        ),
    }
}

pub(super) fn host() -> [Finding; 2] {
    let probe = HostProbe::new().and_then(|mut probe| Ok((probe.read()?, probe)));
    let (pressure, steal) = match &probe {
        Ok((reading, probe)) => {
            let pressure = fs::read_to_string("/proc/pressure/cpu").unwrap_or_default();
            let hidden = probe.no_pressure().map(str::to_string);
            (
                hidden.map_or_else(|| Ok(recent_pressure(&pressure)), Err),
                Some((reading.steal_ns, reading.cpu_ns)),
            )
        }
        Err(error) => (Err(error.to_string()), None),
    };
    let guest = fs::read_to_string("/proc/cpuinfo").is_ok_and(|cpuinfo| cpuinfo.contains(" hypervisor"));
    [pressure_finding(pressure), steal_finding(steal, guest)]
}

/// Share of the last minute in which some task waited for a CPU: `some avg60=`, a percentage.
fn recent_pressure(pressure: &str) -> f64 {
    let some = pressure.lines().find_map(|line| line.strip_prefix("some "));
    let mut words = some.unwrap_or_default().split_whitespace();
    let percent: Option<f64> = words.find_map(|word| word.strip_prefix("avg60=")?.parse().ok());
    percent.unwrap_or(0.0) / 100.0
}

fn pressure_finding(share: Result<f64, String>) -> Finding {
    match share {
        Ok(share) => {
            let found = format!("some task waited for a core for {:.0} % of the last minute", share * 100.0);
            let finding = good("CPU pressure", found);
            if share < gate::NOTABLE_PRESSURE {
                return finding;
            }
            finding.but(
                State::Limited,
                "other programs use the cores: they increase latencies, and stalls of the load generator make a run \
                 INVALID",
                "end other programs, or wait for them; `ps -eo pcpu,args --sort=-pcpu | head`",
            )
        }
        Err(reason) => good("CPU pressure", reason).but(
            State::Missing,
            "a measurement disturbed by other programs is harder to recognize",
            "boot with psi=1",
        ),
    }
}

/// `steal_and_all` is the time that other guests took, and all time there was, since the machine was booted.
fn steal_finding(steal_and_all: Option<(u64, u64)>, guest: bool) -> Finding {
    let costs = "other guests of the same host may slow the run down unnoticed";
    let Some((steal, all)) = steal_and_all else {
        return good("steal time", "not readable".to_string()).but(State::Missing, costs, "mount /proc");
    };
    if steal == 0 && guest {
        return good("steal time", "0 since boot, in a virtual machine".to_string()).but(
            State::Limited,
            format!("the hypervisor may hide it: {costs}"),
            "nothing can be done from inside; measure pairs (`badpeer compare`), and compare only those",
        );
    }
    let share = steal as f64 / all.max(1) as f64;
    let finding = good("steal time", format!("{:.2} % since boot", share * 100.0));
    if share < gate::NOTABLE_STEAL {
        return finding;
    }
    let limit = gate::MOST_STEAL * 100.0;
    let costs = format!(
        "rates and latencies vary with other guests of the host; a run with {limit:.0} % or more is INVALID"
    );
    finding.but(State::Limited, costs, "a machine or instance type with dedicated cores")
}

pub(super) fn counters(tried: Result<&str, String>, paranoid: &str) -> Finding {
    let paranoid_is = |level: &str| format!("{level}; kernel.perf_event_paranoid {paranoid}");
    match tried {
        Ok(scope) => good("counters", paranoid_is(&format!("instructions are counted {scope}"))),
        Err(reason) => good("counters", paranoid_is(&reason)).but(
            State::Missing,
            "instructions are not counted; CPU time is compared instead, which varies more",
            if last_number(paranoid) > 2 {
                "sysctl -w kernel.perf_event_paranoid=2"
            } else {
                "a machine that shows its counters (bare metal, or a guest with a virtual PMU)"
            },
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_can_be_raised_to_the_hard_limit() {
        let finding = descriptors(1024, 4096);
        assert_eq!((finding.state, finding.mend.as_str()), (State::Limited, "ulimit -n 4096"));
        assert!(finding.found.contains("960 connections") && finding.found.contains("480 in one process"));
        assert!(descriptors(1024, 1024).mend.starts_with("sudo prlimit"));
        assert_eq!(descriptors(1 << 20, 1 << 20).state, State::Good);
    }

    #[test]
    fn only_allowed_cores_are_counted() {
        let states =
            [cores(2, 2, 2), cores(8, 8, 4), cores(8, 1, 1), cores(1, 1, 1)].map(|found| found.state);
        assert_eq!(states, [State::Good, State::Limited, State::Missing, State::Missing]);
        assert!(cores(8, 1, 1).mend.starts_with("taskset"));
    }

    #[test]
    fn the_split_of_cores_is_reported() {
        let of = |siblings: &'static str| Topology::of(&[0, 1], move |_| Ok(siblings.to_owned()));
        let one = topology(&of("0-1"));
        assert_eq!(one.state, State::Limited);
        assert_eq!(
            one.found,
            "1 physical core of 2 hardware threads (0+1): CPU 0 for the server, 1 for the load generator"
        );
        let hidden = Topology::of(&[0, 1], |_| Err(std::io::Error::other("no sysfs")));
        assert_eq!(topology(&hidden).state, State::Missing);
        let two = Topology::of(&[0, 1], |cpu| Ok(cpu.to_string()));
        assert_eq!(topology(&two).state, State::Good);
        assert!(topology(&Topology::of(&[3], |_| Ok("3".to_owned()))).found.ends_with("both sides share it"));
    }

    #[test]
    fn kernels_are_compared_by_number() {
        assert_eq!(version("6.8.0-45-generic"), (6, 8));
        assert_eq!(version("5.10+"), (5, 10));
        let states =
            ["4.19.0", "5.10.1", "5.15.0", "6.1.9", "6.2.0", "10.0"].map(|release| kernel(release).state);
        assert_eq!(states[..4], [State::Limited; 4]);
        assert_eq!(states[4..], [State::Good; 2]);
        assert!(kernel("5.10.1").costs.contains("epoll_pwait2") && !kernel("5.11.0").costs.contains("epoll"));
    }

    #[test]
    fn small_kernel_settings_are_reported() {
        assert_eq!(socket_buffers("4096 16384 4194304", "4096 131072 6291456").state, State::Good);
        assert_eq!(socket_buffers("4096 16384 65536", "4096 131072 6291456").state, State::Limited);
        assert_eq!((backlog("128").state, backlog("4096").state), (State::Limited, State::Good));
    }

    #[test]
    fn hidden_information_is_reported_with_its_reason() {
        let steal = |steal| Some((steal, 10_000));
        assert_eq!(steal_finding(steal(0), true).state, State::Limited);
        assert_eq!(steal_finding(steal(0), false).state, State::Good);
        assert_eq!(steal_finding(None, false).state, State::Missing);
        assert_eq!(pressure_finding(Err("not there".to_string())).found, "not there");
        let hidden = counters(Err("not permitted".to_string()), "4");
        assert_eq!(hidden.found, "not permitted; kernel.perf_event_paranoid 4");
        assert!(
            hidden.mend.starts_with("sysctl")
                && !counters(Err(String::new()), "2").mend.starts_with("sysctl")
        );
        assert_eq!(counters(Ok("everywhere"), "2").state, State::Good);
    }

    #[test]
    fn steal_and_pressure_are_judged_by_the_gates_limits() {
        assert_eq!(steal_finding(Some((99, 10_000)), true).found, "0.99 % since boot");
        assert_eq!(steal_finding(Some((99, 10_000)), true).state, State::Good);
        let stolen = steal_finding(Some((100, 10_000)), true);
        assert!(
            stolen.state == State::Limited && stolen.costs.contains("10 % or more is INVALID"),
            "{stolen:?}"
        );
        let pressure =
            |avg60| recent_pressure(&format!("some avg10=1.00 avg60={avg60} avg300=3.00 total=9\n"));
        assert_eq!(pressure_finding(Ok(pressure("24.99"))).state, State::Good);
        assert_eq!(pressure_finding(Ok(pressure("25.00"))).state, State::Limited);
        assert!(recent_pressure("full avg60=7.00").abs() < f64::EPSILON, "that of all tasks is another");
    }
}
