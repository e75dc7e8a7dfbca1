//! `--netns`: runs in a network namespace of their own, as they look from outside, and what is said where there can be none.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};

use nix::unistd::geteuid;
use serde_json::{Value, json};

use crate::common::{BADPEER, ending, number, process::started, record, repeat, skip, text, with_profile};

/// Answers that are longer than any segment.
const PROFILE: &str = r#"
title = "long answers"
warmup = "100ms"
measure = "800ms"
sample_every = "50ms"
[server]
protocol = "frame"
[[clients]]
name = "good"
count = 2
load = { rate = "100/s", payload = 16, answer = "256KiB" }
"#;

/// What passed the loopback interface of a process, and what its TCP sent.
#[derive(Clone, Copy, Debug)]
struct Traffic {
    bytes: u64,
    packets: u64,
    segments: u64,
}

impl Traffic {
    /// That in the network namespace of a process, if it is not our own.
    fn of(pid: u32) -> Option<Self> {
        let namespace = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        if namespace(&pid.to_string())? == namespace("self")? {
            return None;
        }
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}")).ok();
        let (devices, tcp) = (read("dev")?, read("snmp")?);
        let loopback = devices.lines().find_map(|line| line.trim().strip_prefix("lo:"))?;
        let mut received = loopback.split_whitespace().map(|word| word.parse().unwrap_or(0));
        let mut lines = tcp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
        let (names, values) = (lines.next()?, lines.next()?);
        let at = names.split_whitespace().position(|name| name == "OutSegs")?;
        let segments = values.split_whitespace().nth(at)?.parse().ok()?;
        Some(Self { bytes: received.next()?, packets: received.next()?, segments })
    }

    fn bytes_per_packet(&self) -> u64 {
        self.bytes / self.packets.max(1)
    }

    fn bytes_per_segment(&self) -> u64 {
        self.bytes / self.segments.max(1)
    }
}

/// Runs a command, and reads the traffic of its process as long as it runs, and a file of its folder in /proc.
fn observed(command: Command, file: &str) -> (Output, Option<Traffic>, String) {
    let mut child = started(command);
    let (mut traffic, mut content) = (None, String::new());
    while child.try_wait().expect("a child").is_none() {
        if let Some(now) = Traffic::of(child.id()) {
            traffic = Some(now);
            content = fs::read_to_string(format!("/proc/{}/{file}", child.id())).unwrap_or(content);
        }
        thread::sleep(Duration::from_millis(10));
    }
    (child.wait_with_output().expect("its output"), traffic, content)
}

/// A command that runs the profile of this folder.
fn run(prefix: &[&str], netns: &str, folder: &Path) -> Command {
    let words = [prefix, &[BADPEER, "run", "quick.toml", "--netns", netns]].concat();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder).env("TMPDIR", folder);
    command
}

/// What `badpeer doctor` finds about this.
fn found(topic: &str) -> Value {
    let output = Command::new(BADPEER).args(["doctor", "--json"]).output().expect("badpeer runs");
    let findings: Value = serde_json::from_str(&text(&output.stdout)).expect("JSON");
    let all = findings.as_array().expect("findings");
    all.iter().find(|finding| finding["topic"] == topic).expect(topic).clone()
}

/// Whether a test can be made; says so otherwise.
fn has_namespaces(test: &str) -> bool {
    let found = found("netns");
    if found["state"] != "good" {
        skip(&format!("{test}: {}", found["found"]));
    }
    found["state"] == "good"
}

#[apply(timed_test!)]
fn segments_in_a_network_namespace_are_as_long_as_its_mtu_allows() {
    if !has_namespaces("segments in a network namespace") {
        return;
    }
    for (netns, loopback, has_short_segments, has_short_packets) in [
        ("mtu=1500", json!({ "mtu": 1500, "segmentation_offload": true }), true, false),
        ("mtu=1500,offload=off", json!({ "mtu": 1500, "segmentation_offload": false }), true, true),
        ("offload=on", json!({ "mtu": 65536, "segmentation_offload": true }), false, false),
    ] {
        let folder = with_profile(PROFILE);
        let (output, traffic, _) = observed(run(&[], netns, folder.path()), "stat");
        let (code, printed) = ending(&output);
        assert!(matches!(code, Some(0 | 1 | 4)), "{netns}: {code:?} {printed}");
        assert_eq!(record(folder.path(), "quick")["machine"]["loopback"], loopback, "{netns}");
        let traffic = traffic.expect("a namespace of its own");
        assert!(traffic.bytes > 1 << 20, "{netns}: {traffic:?}");
        assert_eq!(traffic.bytes_per_segment() <= 1500, has_short_segments, "{netns}: {traffic:?}");
        assert_eq!(traffic.bytes_per_packet() <= 1500, has_short_packets, "{netns}: {traffic:?}");
    }
}

#[apply(timed_test!)]
fn a_user_namespace_keeps_the_users_ids_and_what_is_measured() {
    const TEST: &str = "a user namespace";
    // Root makes a network namespace without one, unless it may not.
    let without: &[&str] = &["setpriv", "--bounding-set", "-sys_admin"];
    let is_root = geteuid().is_root();
    if is_root && Command::new("setpriv").arg("--version").output().is_err() {
        return skip(&format!("{TEST}: there is no setpriv"));
    }
    if !has_namespaces(TEST) {
        return;
    }
    let folder = with_profile(PROFILE);
    let prefix = if is_root { without } else { &[] };
    let (output, _, map) = observed(run(prefix, "mtu=1500", folder.path()), "uid_map");
    let (code, printed) = ending(&output);
    if code == Some(3) && printed.contains("cannot make a network namespace") {
        return skip(&format!("{TEST}: {printed}"));
    }
    assert!(matches!(code, Some(0 | 1 | 4)), "{code:?} {printed}");
    let own = geteuid().to_string();
    assert_eq!(map.split_whitespace().collect::<Vec<_>>(), [&own, &own, "1"]);
    let kept = folder.path().join("reports/quick/latest/record.json");
    assert_eq!(fs::metadata(kept).expect("a record").uid(), geteuid().as_raw());
    let repeat = repeat(folder.path(), "quick");
    for name in ["server_rss_peak", "kernel_memory_peak", "sockets_established_peak", "listener_drops"] {
        number(&repeat, name);
    }
}

#[apply(timed_test!)]
fn a_refused_network_namespace_is_explained_and_shown_by_the_doctor() {
    let folder = with_profile(PROFILE);
    let refusing = |arguments: &str| {
        let script = format!("echo 0 > /proc/sys/user/max_net_namespaces && exec {BADPEER} {arguments}");
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "sh", "-c", &script]).current_dir(folder.path());
        command.env("TMPDIR", folder.path()).output().map(|output| ending(&output))
    };
    let Ok((code, printed)) = refusing("doctor") else {
        return skip("a refused namespace: there is no unshare");
    };
    if code != Some(0) {
        return skip(&format!("a refused namespace: {printed}"));
    }
    let words = printed.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "netns missing no more namespaces are allowed (user.max_user_namespaces ",
        "user.max_net_namespaces 0)",
        "netem missing not tried, for want of a network namespace",
    ] {
        assert!(words.contains(part), "{part}: {printed}");
    }
    let (code, printed) = refusing("run quick.toml --netns mtu=1500").expect("it runs");
    assert_eq!(code, Some(3), "{printed}");
    let message = "badpeer: --netns: cannot make a network namespace: no more namespaces are allowed (user.";
    assert!(printed.contains(message) && printed.contains("; sysctl -w user."), "{printed}");
    assert!(!folder.path().join("reports").exists(), "nothing was run");
}

#[apply(timed_test!)]
fn the_doctor_says_whether_the_kernel_has_netem() {
    let netem = found("netem");
    let words = netem["found"].as_str().expect("words");
    let is_known = ["the kernel has it", "the kernel does not have it", "not tried", "refused"];
    assert!(is_known.iter().any(|known| words.starts_with(known)), "{netem}");
    if found("netns")["state"] == "good" {
        assert!(words.starts_with("the kernel"), "{netem}");
    }
}
