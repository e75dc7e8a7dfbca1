//! What this machine allows, what each limitation costs a measurement, and how to remove it.

mod checks;
mod finding;
mod loopback;
mod ports;

use std::fmt::Write;

use nix::sys::resource::{Resource, getrlimit};

pub use self::finding::{Finding, State};
use crate::{
    address::local_ports,
    client::spreads,
    probe::{TaskCounters, Topology, allowed_cpus, describe_machine},
    sys::Event,
    text,
};

/// Examines this machine as the current user. Takes some milliseconds, and changes nothing that lasts: the kernel may load a
/// module.
#[must_use]
pub fn examine() -> Vec<Finding> {
    let machine = describe_machine();
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((0, 0));
    let usable_cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut findings = vec![
        checks::descriptors(soft, hard),
        client_ports(),
        ports::source_addresses(
            &ports::addresses(),
            spreads(std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into()),
            local_ports(),
        ),
        checks::cores(machine.cores, allowed_cpus(0).len(), usable_cores),
        checks::topology(&Topology::read()),
        checks::kernel(&machine.kernel),
        checks::socket_buffers(&setting("net/ipv4/tcp_wmem"), &setting("net/ipv4/tcp_rmem")),
        checks::backlog(&setting("net/core/somaxconn")),
        checks::socket_diagnosis(),
        checks::proportional_memory(),
    ];
    findings.extend(checks::host());
    findings.extend(loopback::loopback());
    findings.push(checks::counters(instructions(), &setting("kernel/perf_event_paranoid")));
    findings
}

fn client_ports() -> Finding {
    let sockstat = std::fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let (most, reuse) = (setting("net/ipv4/tcp_max_tw_buckets"), setting("net/ipv4/tcp_tw_reuse"));
    let ended = ports::Ended { sockstat: &sockstat, most: &most, reuse: &reuse };
    ports::ports(&setting("net/ipv4/ip_local_port_range"), ended)
}

/// Whether instructions are counted here, and where; really tried.
fn instructions() -> Result<&'static str, String> {
    let mut counters = TaskCounters::new(Event::Instructions, &[std::process::id()])?;
    match counters.read() {
        Some(1..) => Ok(counters.scope()),
        _ => Err("the counter stays at 0".to_owned()),
    }
}

/// A kernel setting, on one line; empty when it cannot be read.
fn setting(path: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/{path}")).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The findings as plain text, at most 80 columns wide unless a single word is longer.
#[must_use]
pub fn render(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let state = format!("{:?}", finding.state).to_lowercase();
        out += &paragraph(finding.topic, &state, &finding.found);
        for (label, detail) in [("costs", &finding.costs), ("fix", &finding.mend)] {
            if !detail.is_empty() {
                out += &paragraph("", label, detail);
            }
        }
    }
    let count = |state| findings.iter().filter(|finding| finding.state == state).count();
    let (limited, missing) = (count(State::Limited), count(State::Missing));
    let _ = writeln!(out, "\n{} good, {limited} limited, {missing} missing", count(State::Good));
    if limited + missing > 0 {
        out.push_str("Commands that change the system (sysctl -w, modprobe) need root.\n");
    }
    out
}

/// A line or several: what was looked at, what is said of it, and the text beside both.
fn paragraph(topic: &str, label: &str, detail: &str) -> String {
    const WIDTH: usize = 80;
    let first = format!("{topic:<15} {label:<8}");
    text::hanging(&first, detail, first.len(), WIDTH)
}

#[cfg(test)]
mod tests {
    use super::{finding::good, *};

    #[test]
    fn every_bad_finding_names_its_cost_and_its_remedy() {
        for finding in examine() {
            let good = finding.state == State::Good;
            assert!(!finding.topic.is_empty() && !finding.found.is_empty(), "{finding:?}");
            assert_eq!((finding.costs.is_empty(), finding.mend.is_empty()), (good, good), "{finding:?}");
        }
    }

    #[test]
    fn the_text_is_aligned_and_fits_the_terminal() {
        let long = "word ".repeat(40);
        let findings =
            [good("cores", "2".to_string()), good("ports", long).but(State::Limited, "much", "ulimit -n 1")];
        let text = render(&findings);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "cores           good    2");
        assert!(lines[1].starts_with("ports           limited word word") && lines[1].len() <= 80);
        assert!(lines[2].starts_with(&format!("{}word", " ".repeat(24))));
        assert!(text.contains("\n                costs   much\n                fix     ulimit -n 1\n"));
        assert!(text.contains("\n1 good, 1 limited, 0 missing\n"));
        assert!(render(&examine()).lines().all(|line| line.chars().count() <= 80));
    }

    #[test]
    fn a_finding_has_the_documented_json_form() {
        let json = serde_json::to_string(&good("cores", "2".to_string())).unwrap();
        assert_eq!(json, r#"{"topic":"cores","state":"good","found":"2","costs":"","mend":""}"#);
    }
}
