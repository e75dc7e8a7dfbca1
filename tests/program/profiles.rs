//! Every shipped profile, run briefly through the built program.

use std::process::Command;

use badpeer::{
    profile::{Core, SHIPPED, Shipped},
    record::Record,
    units::Span,
};

use crate::common::host::{Cpu, judged};

/// Runs a profile briefly; its record, unless the program that it drives is not installed.
fn brief(shipped: &Shipped) -> Option<Record> {
    let name = shipped.name;
    let profile = shipped.source().parse(&[]).expect("valid");
    let brevity: &[&str] = match profile.core {
        // Thousands of connections take seconds to come about in a debug build.
        None if name == "many-slow-readers" => {
            &["-d", "600ms", "--set", "warmup=600ms", "--set", "clients.slow reader.count=200"]
        }
        // It takes a while until a thousand are connected, or until a group comes that is late.
        None if name == "initial-capacity"
            || profile.clients.iter().any(|group| group.start != Span::default()) =>
        {
            &["-d", "600ms", "--set", "warmup=600ms"]
        }
        None => &["-d", "300ms", "--set", "warmup=400ms"],
        Some(Core::Decode(_)) => &["--set", "core.volume=64KiB", "--set", "core.piece=16B"],
        Some(_) => &["--set", "core.steps=2000"],
    };
    let folder = tempfile::TempDir::new().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_badpeer"))
        .args(["run", name])
        .args(brevity)
        // Pictures of pixels are drawn from the same figures as those of vectors: a debug build takes a minute for some.
        .args(["--format", "csv,svg,html", "--quiet", "--out"])
        .arg(folder.path())
        .output()
        .expect("badpeer runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    // That is too little for some expectations, but enough for the accounts to add up.
    assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{name}: {:?} {printed}", output.status);
    if String::from_utf8_lossy(&output.stdout).contains("SKIP") {
        return None;
    }
    let text =
        std::fs::read_to_string(folder.path().join(name).join("latest/record.json")).expect("a record");
    Some(serde_json::from_str(&text).expect("a record"))
}

/// Every `PARTS`th of the profiles, from the one with this index; each of them is repeated alone if it fails beside others.
fn check_part(part: usize) {
    for shipped in SHIPPED.iter().skip(part).step_by(PARTS) {
        judged(shipped.name, Cpu::now, || check(shipped));
    }
}

/// A test for each part, so that they run side by side.
macro_rules! parts {
    ($($name:ident = $part:literal)*) => {
        const PARTS: usize = [$($part),*].len();

        $(
            #[test]
            fn $name() {
                check_part($part);
            }
        )*

        #[test]
        fn no_part_is_missing() {
            assert_eq!([$($part),*], std::array::from_fn::<usize, PARTS, _>(|part| part));
        }
    };
}

parts! {
    every_profile_runs_and_its_counts_balance_1 = 0
    every_profile_runs_and_its_counts_balance_2 = 1
    every_profile_runs_and_its_counts_balance_3 = 2
    every_profile_runs_and_its_counts_balance_4 = 3
    every_profile_runs_and_its_counts_balance_5 = 4
    every_profile_runs_and_its_counts_balance_6 = 5
}

fn check(shipped: &Shipped) {
    let name = shipped.name;
    let Some(record) = brief(shipped) else { return };
    for (point, repeat) in record.points.iter().flat_map(|p| p.repeats.iter().map(move |repeat| (p, repeat)))
    {
        if record.profile.core.is_some() {
            assert!(!repeat.summary.is_empty(), "{name}");
            continue;
        }
        // The one mistake of the server's own that mixes up what a client reads.
        let shared = point.axes.get("server.dispatch").is_some_and(|dispatch| dispatch == "workers-shared");
        let server_exit = repeat.effective.server_exit.as_str();
        let as_stopped = if record.profile.server.program().is_some() { "signal 15" } else { "exit code 0" };
        assert!(["exit code 0", as_stopped].contains(&server_exit), "{name}: {server_exit}");
        for group in &repeat.groups {
            let spec = record.profile.clients.iter().find(|spec| spec.name == group.name).expect("a group");
            let swept = record.profile.sweep.contains_key(&format!("clients.{}.count", spec.name));
            let opened = group.ledger.opened;
            // One more fetches the copy of what a group uploads.
            let count = u64::from(spec.count) + u64::from(spec.uploads_in_ranges());
            let once = opened == count;
            let again = spec.reconnect.is_some() && opened > count;
            assert!(swept || once || again, "{name}: {:?}", group.ledger);
            assert!(group.ledger.balances(), "{name}: {:?}", group.ledger);
            let requests = group.requests;
            let ended = requests.answered + requests.unanswered + requests.lost;
            assert_eq!(requests.started, ended, "{name}, {}: {requests:?}", group.name);
            if spec.tx.race().is_none() && spec.rx.race().is_none() && !shared {
                let content = &group.content;
                assert_eq!(content.corrupt, 0, "{name}, {:?}: {:?}", point.axes, content.first_fault);
            }
        }
    }
}
