//! Core experiments through the built program: what one prints, and what a run of one leaves behind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use badpeer::record::{Record, Verdict};
use serde_json::Value;

use crate::common::{BADPEER, badpeer, ending, heeding, record, with_profile};

/// A small experiment that passes at once.
const QUICK: &str = r#"
title = "quick"

[core]
experiment = "backlog"
backlog = "64KiB"
steps = 100

[sweep]
"core.buffer" = ["contiguous", "chained"]

[expect]
"core_moved_per_byte @ core.buffer=chained" = "= 0"
core_footprint = "< 1MiB"
"#;

/// What one experiment prints.
fn found(arguments: &[&str]) -> Value {
    let output = badpeer(&[&["core"], arguments].concat(), Path::new("."));
    assert!(output.status.success(), "{arguments:?}: {:?}", ending(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[apply(timed_test!)]
fn only_a_chained_buffer_frees_memory_by_itself() {
    let of = |kind: &str| found(&["backlog", "--buffer", kind, "--backlog", "64MiB", "--steps", "10"]);
    let (chained, contiguous) = (of("chained"), of("contiguous"));
    let mib = |found: &Value, name: &str| found[name].as_f64().expect("a number") / f64::from(1 << 20);
    for found in [&chained, &contiguous] {
        assert!((64.0..80.0).contains(&mib(found, "core_rss_loaded")), "{found}");
        assert!(mib(found, "core_rss_shrunk") < 2.0, "{found}");
    }
    assert!(mib(&chained, "core_rss_drained") < 2.0, "{chained}");
    assert!(mib(&contiguous, "core_rss_drained") > 60.0, "{contiguous}");
}

#[apply(timed_test!)]
fn the_seed_decides_which_deadlines_move() {
    let stale = |seed: &str| {
        let short = ["--armed", "100", "--timeout", "1ms", "--tick", "10us", "--steps", "9999"];
        found(&[&["--seed", seed, "timers", "--scheme", "lazy"], &short[..]].concat())["core_stale_per_step"]
            .clone()
    };
    assert_eq!(stale("1"), stale("1"));
    assert_ne!(stale("1"), stale("2"));
}

#[apply(timed_test!)]
fn a_core_run_writes_only_applicable_reports() {
    let folder = with_profile(QUICK);
    let output = badpeer(&["run", "quick.toml", "--repeats", "2", "-d", "1s"], folder.path());
    let (code, printed) = ending(&output);
    assert_eq!(code, Some(0), "{printed}");
    assert!(printed.contains("core_footprint") && printed.contains("2 repeats, seed 42"), "{printed}");
    assert!(!printed.contains("warm-up") && !printed.contains("group"), "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() <= 80 || line.contains("page")), "{printed}");
    let latest = folder.path().join("reports/quick/latest");
    let names = fs::read_dir(&latest).expect("reports").map(|entry| entry.expect("an entry").file_name());
    let mut files: Vec<String> = names.map(|name| name.into_string().expect("text")).collect();
    files.retain(|name| !(name.starts_with("sweep-") && name.contains(".svg")));
    files.sort();
    let expected = [
        "index.html",
        "record.json",
        "summary.csv",
        "sweep-core_cpu_per_step.png",
        "sweep-core_footprint.png",
        "sweep-core_moved_per_byte.png",
    ];
    assert_eq!(files, expected);
    let page = fs::read_to_string(latest.join("index.html")).expect("a page");
    assert!(page.contains(">core_moved_per_byte</th>") && page.contains("core moved per byte"), "{page}");
    assert!(page.contains("experiment = "), "{page}");
    assert!(
        !page.contains("send_limit") && !page.contains("Clients") && !page.contains("server_rss"),
        "{page}"
    );
    let record: Record = serde_json::from_value(record(folder.path(), "quick")).expect("a record");
    assert_eq!(record.verdict(), Verdict::Pass);
    assert!(record.points.iter().all(|point| point.repeats.len() == 2));
}

#[apply(timed_test!)]
fn keys_without_effect_in_a_core_experiment_are_refused() {
    let changed = |with: &str, instead: &str| QUICK.replace(with, instead);
    for (profile, part) in [
        (changed("[core]", "[server]\n[core]"), "quick.toml:4: server: a [core] experiment has no server"),
        (changed("[core]", "measure = \"1s\"\n[core]"), "quick.toml:4: measure: a [core] experiment"),
        (changed("steps =", "stesp ="), "did you mean `steps`?"),
        (changed("\"backlog\"", "\"backlgo\""), "did you mean `backlog`?"),
        (changed("steps = 100", "room = \"4KiB\""), "core.room: needs buffer = \"contiguous\""),
        (changed("\"64KiB\"", "\"900TiB\""), "`900TiB` is not a size"),
        (changed("\"64KiB\"", "\"900GiB\""), "of memory"),
        (changed("core_footprint =", "server_rss_peak ="), "not a metric of a core experiment"),
    ] {
        let folder = with_profile(&profile);
        let (code, printed) = ending(&badpeer(&["run", "quick.toml"], folder.path()));
        assert!(code == Some(2) && printed.contains(part), "{printed}\nlacks\n{part}");
        assert!(!folder.path().join("reports").exists(), "nothing was run");
    }
    let folder = with_profile(QUICK);
    let (code, printed) = ending(&badpeer(&["run", "quick.toml", "--set", "warmup=1s"], folder.path()));
    assert!(code == Some(2) && printed.contains("--set warmup=1s: a [core] experiment"), "{printed}");
}

#[apply(timed_test!)]
fn an_interrupt_ends_the_experiment_and_its_process() {
    let folder = with_profile(&QUICK.replace("steps = 100", "steps = 4000000000"));
    let generator = heeding()
        .args(["run", "quick.toml"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("badpeer runs");
    let experiment = child_of(generator.id());
    let status = Command::new("kill").args(["-INT", &generator.id().to_string()]).status().expect("kill");
    assert!(status.success());
    let (code, printed) = ending(&generator.wait_with_output().expect("an end"));
    assert_eq!(code, Some(130), "{printed}");
    assert!(!Path::new(&format!("/proc/{experiment}")).exists(), "the experiment goes on");
    assert!(!folder.path().join("reports").exists(), "nothing was measured");
}

#[apply(timed_test!)]
fn a_killed_badpeer_leaves_no_experiment_behind() {
    let folder = with_profile(&QUICK.replace("steps = 100", "steps = 4000000000"));
    let mut generator = Command::new(BADPEER)
        .args(["run", "quick.toml"])
        .current_dir(folder.path())
        .spawn()
        .expect("badpeer runs");
    let experiment = child_of(generator.id());
    generator.kill().expect("killed");
    generator.wait().expect("an end");
    let patience = Instant::now() + Duration::from_secs(5);
    while fs::read_to_string(format!("/proc/{experiment}/stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
        assert!(Instant::now() < patience, "the experiment outlives badpeer");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The process of `badpeer core` that this one has started, once there is one.
fn child_of(parent: u32) -> u32 {
    let is_core = |pid: &u32| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        command.split(|byte| *byte == 0).any(|word| word == b"core")
    };
    let patience = Instant::now() + Duration::from_secs(10);
    loop {
        if let Some(pid) = badpeer::probe::descendants(parent).into_iter().find(is_core) {
            return pid;
        }
        assert!(Instant::now() < patience, "the experiment never started");
        std::thread::sleep(Duration::from_millis(5));
    }
}
