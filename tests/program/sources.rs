//! Clients that come from several addresses: each connection is still told from the others, though their ports are the same.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{BADPEER, ending, number, repeat, skip};

/// Runs a profile in a network namespace of its own, where connections have so few local ports, from 40000 on. `None` where
/// that is not possible here.
fn run_with_ports(ports: u32, profile: &str, folder: &Path) -> Option<(Option<i32>, String)> {
    fs::write(folder.join("few.toml"), profile).expect("written");
    let script = format!(
        "ip link set lo up && ip -6 address add fd00::2/128 dev lo nodad && \
         echo '40000 {}' >/proc/sys/net/ipv4/ip_local_port_range && echo 0 >/proc/sys/net/ipv4/tcp_tw_reuse || exit 99; exec {BADPEER} run few.toml --format csv -v",
        39_999 + ports
    );
    let output = Command::new("unshare").args(["-rn", "sh", "-c", &script]).current_dir(folder).output();
    match output {
        Ok(output) if !matches!(output.status.code(), Some(99) | None) => Some(ending(&output)),
        other => {
            skip(&format!("no network namespace of our own here (unshare -rn): {other:?}"));
            None
        }
    }
}

fn addresses(repeat: &Value) -> BTreeMap<String, u64> {
    serde_json::from_value(repeat["effective"]["client_addresses"].clone()).expect("addresses and counts")
}

/// Clients that request much and never read it, and good ones, from three addresses with 11 free ports: 9 connections from
/// each of them share 11 ports.
const STALLED: &str = r#"
title = "few ports"
warmup = "100ms"
measure = "3s"
sample_every = "50ms"
source = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]

[server]
listen = "127.0.0.1:7000"
send_timeout = "500ms"
send_buffer = "64KiB"

[[clients]]
name = "stalled"
count = 24
recv_buffer = "16KiB"
load = { depth = 1, payload = "16B", answer = "512KiB" }
rx = "stall"

[[clients]]
name = "good"
count = 3
load = { depth = 1, payload = "128B" }

[expect]
"stalled.evicted" = "= 24"
"good.evicted" = "= 0"
"#;

#[apply(timed_test!)]
fn connections_from_one_port_at_several_addresses_are_told_apart() {
    let folder = TempDir::new().expect("a folder");
    let Some((code, printed)) = run_with_ports(12, STALLED, folder.path()) else { return };
    let repeat = repeat(folder.path(), "few");
    assert_eq!(
        addresses(&repeat),
        ["1", "2", "3"].map(|last| (format!("127.0.0.{last}"), 9)).into(),
        "{printed}"
    );
    let groups: Vec<&str> =
        repeat["evictions"].as_array().expect("a list").iter().filter_map(|e| e["group"].as_str()).collect();
    assert_eq!(groups, ["stalled"; 24], "{printed}");
    for (name, wanted) in [
        ("evictions_unmatched", 0.0),
        ("stalled.server_ended", 24.0),
        ("stalled.connections_unseen", 0.0),
        ("good.connections_unseen", 0.0),
        ("other_clients", 0.0),
        ("other_requests", 0.0),
    ] {
        assert!((number(&repeat, name) - wanted).abs() < 0.5, "{name}: {printed}");
    }
    assert!(matches!(code, Some(0 | 4)), "the host may be busy: {printed}");
}

fn idle(top: &str, count: u32, more: &str) -> String {
    format!(
        "title = \"few ports\"\nwarmup = \"100ms\"\nmeasure = \"1s\"\n{top}\n[server]\nlisten = \"127.0.0.1:7000\"\n\
         [[clients]]\nname = \"idle\"\ncount = {count}\ntx = \"idle\"\n{more}\n"
    )
}

#[test]
fn loopback_addresses_take_turns_by_default() {
    let folder = TempDir::new().expect("a folder");
    let Some((code, printed)) = run_with_ports(50, &idle("", 80, ""), folder.path()) else {
        return;
    };
    assert!(matches!(code, Some(0 | 4)), "the host may be busy: {printed}");
    // Three from each, a sixteenth of its ports.
    let used = addresses(&repeat(folder.path(), "few"));
    assert_eq!((used.len(), used["127.0.0.1"], used["127.0.0.27"]), (27, 3, 2), "{used:?}");
}

#[test]
fn more_connections_than_an_address_has_ports_are_refused_before_the_run() {
    let folder = TempDir::new().expect("a folder");
    let profile = idle("source = [\"127.0.0.1\"]", 80, "");
    let Some((code, printed)) = run_with_ports(50, &profile, folder.path()) else { return };
    let message =
        "few: 80 connections cannot come from one address 127.0.0.1: it has 50 local ports to one server";
    assert!(printed.contains(message) && printed.contains("--source"), "{printed}");
    assert_eq!(code, Some(3), "{printed}");
    assert!(!folder.path().join("reports").exists());
}

#[apply(timed_test!)]
fn clients_out_of_ports_report_how_many_there_were() {
    let folder = TempDir::new().expect("a folder");
    // Each connection leaves its port in TIME-WAIT.
    let profile =
        idle("source = [\"127.0.0.1\"]", 40, "lifetime = \"50ms\"\nreconnect = { at_most = \"1000/s\" }");
    let Some((code, printed)) = run_with_ports(50, &profile, folder.path()) else { return };
    assert_eq!(code, Some(4), "{printed}");
    assert!(
        printed.contains("ran out of local ports after") && printed.contains("ip_local_port_range"),
        "{printed}"
    );
    assert_eq!(repeat(folder.path(), "few")["effective"]["shortage"], "ports");
}

#[test]
fn ipv6_addresses_take_turns() {
    let folder = TempDir::new().expect("a folder");
    let profile = idle("source = [\"::1\", \"fd00::2\"]", 30, "").replace("127.0.0.1:7000", "[::1]:7000");
    let Some((code, printed)) = run_with_ports(50, &profile, folder.path()) else { return };
    assert!(matches!(code, Some(0 | 4)), "the host may be busy: {printed}");
    let used = addresses(&repeat(folder.path(), "few"));
    assert_eq!(used, [("::1".to_owned(), 15), ("fd00::2".to_owned(), 15)].into(), "{printed}");
}
