//! `badpeer run --shards`: all shards of a run on this machine, and what happens when one of them, or all, are ended.

use std::{
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use badpeer::probe::descendants;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::common::{
    BADPEER, badpeer, ending, heeding, host::patience, leftovers, number, process::send, process::started,
    record, repeat, texts, with_profile, without_pictures,
};

/// Good clients of a server that is started for them.
fn profile(more: &str) -> TempDir {
    with_profile(&format!(
        "title = \"quick\"\nwarmup = \"300ms\"\nmeasure = \"{}ms\"\n{more}\n[server]\nsend_timeout = \"9s\"\n\
         [[clients]]\nname = \"open\"\ncount = 3\nload = {{ rate = \"400/s\", payload = \"100B\" }}\n",
        1500 * patience()
    ))
}

/// A run of so many shards, once it drives the server; and its shards.
fn running(folder: &TempDir, count: &str) -> (Child, Vec<u32>) {
    let mut command = heeding();
    command
        .args(["run", "quick.toml", "--format", "csv", "--shards", count])
        .current_dir(folder.path())
        .env("TMPDIR", folder.path());
    let child = started(command);
    let waited = Instant::now();
    let shards = loop {
        let is_shard = |pid: &u32| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"shard")
        };
        let own: Vec<u32> = descendants(child.id()).into_iter().filter(is_shard).collect();
        let at_work = folder.path().join("reports/quick").read_dir().into_iter().flatten().flatten();
        let files =
            at_work.map(|run| run.path().join("shards-1")).filter_map(|folder| folder.read_dir().ok());
        if own.len().to_string() == count && files.flatten().count() >= own.len() {
            thread::sleep(Duration::from_millis(1000 * patience()));
            break own;
        }
        assert!(waited.elapsed() < Duration::from_secs(30), "the shards do not start: {own:?}");
        thread::sleep(Duration::from_millis(10));
    };
    (child, shards)
}

fn finished(child: Child) -> (Option<i32>, String) {
    let (code, printed) = ending(&child.wait_with_output().expect("an end"));
    (code, printed.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn are_gone(processes: &[u32]) -> bool {
    let waited = Instant::now();
    let is_there = |pid: &u32| std::path::Path::new(&format!("/proc/{pid}")).exists();
    while processes.iter().any(is_there) {
        if waited.elapsed() > Duration::from_secs(8) {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}

#[apply(patient_test!)]
fn shards_share_a_server_that_is_started_for_them() {
    let folder = profile("repeats = 2");
    // More shards than connections: some have nothing to do.
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml", "--shards", "4"], folder.path()));
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    let record = record(folder.path(), "quick");
    let repeats = record["points"][0]["trials"].as_array().expect("repeats");
    assert_eq!(
        repeats.iter().map(|repeat| repeat["seed"].as_u64()).collect::<Vec<_>>(),
        [Some(42), Some(43)]
    );
    for (index, repeat) in repeats.iter().enumerate() {
        let opened = &repeat["groups"][0]["ledger"]["opened"];
        assert_eq!((opened, &repeat["cut_short"]), (&3.into(), &false.into()));
        assert!(!texts(repeat, "invalid").contains("shard"), "{}", texts(repeat, "invalid"));
        assert!(number(repeat, "server_reads_per_request") > 0.5, "the server's own counters");
        assert!(number(repeat, "open.longest_silence") < 1e9, "{}", number(repeat, "open.longest_silence"));
        assert_eq!(repeat["effective"]["server_exit"], "exit code 0");
        let kept = folder.path().join(format!("reports/quick/latest/shards-{}/shard-2-of-4.json", index + 1));
        assert!(kept.is_file(), "{}", kept.display());
    }
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[apply(patient_test!)]
fn a_shard_that_is_killed_is_named_and_the_others_are_kept() {
    let folder = profile("");
    let (child, shards) = running(&folder, "3");
    send(Signal::SIGKILL, shards[1]);
    let (code, printed) = finished(child);
    assert_eq!(code, Some(4), "{printed}");
    let repeat = repeat(folder.path(), "quick");
    let invalid = texts(&repeat, "invalid");
    assert!(invalid.contains(&format!("process {}) did not finish", shards[1])), "{invalid}");
    assert_eq!(repeat["groups"][0]["ledger"]["opened"], 2, "of the other two");
    assert!(are_gone(&shards));
}

#[apply(patient_test!)]
fn an_interrupt_ends_all_shards_and_keeps_what_they_measured() {
    let folder = profile("");
    let (child, shards) = running(&folder, "2");
    send(Signal::SIGINT, child.id());
    let (code, printed) = finished(child);
    assert_eq!(code, Some(130), "{printed}");
    let record = record(folder.path(), "quick");
    assert_eq!(record["interrupted"], true);
    let group = &record["points"][0]["trials"][0]["groups"][0];
    assert_eq!(group["ledger"]["opened"], 3, "{group}");
    assert!(group["requests"]["answered"].as_u64() > Some(50), "{group}");
    assert!(are_gone(&shards));
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[apply(patient_test!)]
fn no_shard_outlives_a_badpeer_that_was_killed() {
    let folder = profile("");
    // Far longer than is waited for them.
    let path = folder.path().join("quick.toml");
    let text = std::fs::read_to_string(&path).expect("a profile");
    std::fs::write(path, text.replace("warmup = \"300ms\"", "warmup = \"60s\"")).expect("written");
    let (mut child, shards) = running(&folder, "2");
    send(Signal::SIGKILL, child.id());
    child.wait().expect("an end");
    assert!(are_gone(&shards));
}

#[apply(timed_test!)]
fn a_core_experiment_has_no_shards() {
    let folder = TempDir::new().expect("a folder");
    let (code, printed) = ending(&badpeer(&["run", "core-shift", "--shards", "2"], folder.path()));
    assert!(code == Some(2) && printed.contains("`core-shift` is a core experiment"), "{printed}");
    let mut command = Command::new(BADPEER);
    command.arg("shard").stdin(std::process::Stdio::null());
    let (code, printed) = ending(&command.output().expect("it runs"));
    assert!(code == Some(3) && printed.contains("is started by `badpeer run --shards`"), "{printed}");
}
