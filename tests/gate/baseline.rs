//! Baselines, with the built program: runs that are kept, and later runs compared with them.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const PROFILE: &str = "title = \"t\"\nrepeats = 5\n[core]\nexperiment = \"decode\"\nvolume = \"256KiB\"\n";

/// A run with these options; its reports are the tables, unless the options name others.
fn run(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let formats: &[&str] = if words.contains(&"--format") { &[] } else { &["--format", "csv"] };
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_badpeer"))
        .args(["run", "ours.toml"])
        .args([formats, words].concat())
        .current_dir(folder)
        .env_remove("GITHUB_ACTIONS")
        .output()
        .expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("an exit code"), text(stdout), text(stderr))
}

/// A folder with a profile, and a baseline of which a number of each repeat is so many times as large.
fn kept(factor: f64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("ours.toml"), PROFILE).expect("written");
    let (code, printed, errors) = run(folder.path(), &["--save-baseline", "main"]);
    assert_eq!(code, 0, "{errors}");
    assert!(printed.contains("kept as a baseline: reports/baselines/main/ours.json"), "{printed}");
    edit(folder.path(), |record| {
        for repeat in record["points"][0]["trials"].as_array_mut().expect("trials") {
            for number in ["core_cpu_per_step", "core_cpu_per_byte"] {
                let value = repeat["summary"][number].as_f64().expect(number);
                repeat["summary"][number] = (value * factor).into();
            }
        }
    });
    folder
}

fn edit(folder: &Path, change: impl Fn(&mut Value)) {
    let file = folder.join("reports/baselines/main/ours.json");
    let mut record: Value = serde_json::from_slice(&fs::read(&file).expect("kept")).expect("JSON");
    change(&mut record);
    fs::write(&file, record.to_string()).expect("written");
}

#[apply(timed_test!)]
fn a_run_worse_in_every_repeat_is_exit_code_1() {
    let folder = kept(0.01);
    let (code, printed, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 1, "{printed}");
    assert!(
        printed.contains("REGRESSION  Every repeat of this run is worse")
            && printed.contains("core_cpu_per_step"),
        "{printed}"
    );
    assert!(
        printed.lines().all(|line| line.chars().count() <= 80 || line.starts_with("page: ")),
        "{printed}"
    );
    let (code, json, _) = run(folder.path(), &["--baseline", "main", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, json[0]["baseline"]["call"].as_str()), (1, Some("REGRESSION")));
}

#[apply(timed_test!)]
fn every_report_includes_the_baseline_and_can_be_recreated() {
    let folder = kept(0.01);
    let (code, printed, _) = run(folder.path(), &["--baseline", "main", "--format", "junit,markdown,html"]);
    assert_eq!(code, 1, "{printed}");
    let latest = folder.path().join("reports/ours/latest");
    let read = |file: &str| fs::read_to_string(latest.join(file)).expect(file);
    let failure = "core_cpu_per_step since the baseline main";
    let junit = read("junit.xml");
    assert!(junit.contains(failure) && junit.contains("type=\"REGRESSION\""), "{junit}");
    assert!(read("summary.md").contains("## Against the baseline main"));
    assert!(
        read("index.html").contains("Every repeat of this run is worse than every repeat of the baseline")
    );
    fs::remove_file(latest.join("junit.xml")).unwrap();
    let again = Command::new(env!("CARGO_BIN_EXE_badpeer"))
        .args(["report", "reports/ours/latest", "--format", "junit"])
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    assert!(again.status.success());
    assert_eq!(read("junit.xml"), junit, "the same from what was kept");
}

#[apply(timed_test!)]
fn an_unreadable_baseline_is_refused_before_the_run() {
    let folder = kept(1.0);
    fs::write(folder.path().join("history.csv"), "no,history\n1,2\n").unwrap();
    let (code, _, errors) = run(folder.path(), &["--history=history.csv"]);
    assert!(code == 2 && errors.contains("history.csv:1:"), "{code}: {errors}");
    fs::write(folder.path().join("reports/baselines/main/ours.json"), "{").unwrap();
    let (code, printed, errors) = run(folder.path(), &["--baseline", "main"]);
    assert!(code == 2 && errors.contains("ours.json is not a record"), "{code}: {printed}{errors}");
    let runs = fs::read_dir(folder.path().join("reports/ours")).unwrap().count();
    assert_eq!(runs, 2, "the baseline's run, and `latest`");
}

#[apply(timed_test!)]
fn a_better_run_passes() {
    let folder = kept(100.0);
    let (code, printed, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 0, "{printed}");
    assert!(!printed.contains("REGRESSION"), "{printed}");
}

#[apply(timed_test!)]
fn a_baseline_of_another_kernel_gates_no_times() {
    let folder = kept(0.01);
    edit(folder.path(), |record| record["machine"]["kernel"] = "2.4.0".into());
    let (code, printed, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 4, "nothing is proven: {printed}");
    assert!(printed.contains("the kernel changed: 2.4.0 then") && printed.contains("not gated"), "{printed}");
}

#[apply(timed_test!)]
fn a_missing_baseline_is_refused_before_the_run() {
    let folder = kept(1.0);
    let (code, printed, errors) = run(folder.path(), &["--baseline", "other"]);
    assert_eq!((code, printed.as_str()), (2, ""), "{errors}");
    assert!(
        errors.contains("no baseline `other` of ours") && errors.contains("--save-baseline other"),
        "{errors}"
    );
    let (code, _, errors) = run(folder.path(), &["--save-baseline", "../outside"]);
    assert!(code == 2 && errors.contains("write letters"), "{errors}");
}

#[apply(timed_test!)]
fn a_baseline_of_another_profile_with_the_same_name_is_kept() {
    let folder = kept(1.0);
    let at = |file: &str| folder.path().join(file);
    let keep = |profile: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_badpeer"))
            .args(["run", profile, "--save-baseline", "main", "--out"])
            .arg(at("reports"))
            .current_dir(folder.path())
            .output()
            .expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let baseline = || fs::read_to_string(at("reports/baselines/main/ours.json")).expect("a baseline");
    // A changed version of the profile replaces the one before.
    fs::write(at("ours.toml"), PROFILE.replace("256KiB", "128KiB")).expect("written");
    assert_eq!(keep("ours.toml").0, Some(0));
    fs::write(at("ours.toml"), PROFILE.replace("256KiB", "128KiB").replace("\"t\"", "\"u\""))
        .expect("written");
    assert_eq!(keep("./ours.toml").0, Some(0), "in other words");
    // Another file of that name does not, be it there or in the place of the first.
    let before = baseline();
    let other = PROFILE.replace("256KiB", "64KiB").replace("\"t\"", "\"another\"");
    fs::create_dir(at("other")).expect("a folder");
    fs::write(at("other/ours.toml"), PROFILE).expect("written");
    let runs = || fs::read_dir(at("reports/ours")).expect("runs").count();
    let count = runs();
    let refused = |(code, printed): (Option<i32>, String)| {
        assert_eq!(code, Some(2), "{printed}");
        assert!(
            printed.contains("belongs to another profile") && printed.contains("--save-baseline"),
            "{printed}"
        );
        assert_eq!(
            (baseline(), runs()),
            (before.clone(), count),
            "nothing was measured, and nothing replaced"
        );
    };
    refused(keep("other/ours.toml"));
    fs::write(at("ours.toml"), other).expect("written");
    refused(keep("ours.toml"));
}
