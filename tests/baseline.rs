//! Runs that are kept, and later ones against them, with the program itself.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::Value;

const PROFILE: &str = "title = \"t\"\nrepeats = 3\n[core]\nexperiment = \"decode\"\nvolume = \"256KiB\"\n";

fn run(folder: &Path, words: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_badpeer"))
        .args(["run", "ours.toml"])
        .args(words)
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
    let (code, said, errors) = run(folder.path(), &["--save-baseline", "main"]);
    assert_eq!(code, 0, "{errors}");
    assert!(said.contains("kept as a baseline: reports/baselines/main/ours.json"), "{said}");
    edit(folder.path(), |record| {
        for trial in record["points"][0]["trials"].as_array_mut().expect("trials") {
            for number in ["core_cpu_per_step", "core_cpu_per_byte"] {
                let value = trial["summary"][number].as_f64().expect(number);
                trial["summary"][number] = (value * factor).into();
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

#[test]
fn worse_in_every_repeat_is_exit_code_1() {
    let folder = kept(0.01);
    let (code, said, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("REGRESSION  Every repeat is worse") && said.contains("core_cpu_per_step"),
        "{said}"
    );
    assert!(said.lines().all(|line| line.chars().count() <= 80 || line.starts_with("page: ")), "{said}");
    let (code, json, _) = run(folder.path(), &["--baseline", "main", "--json"]);
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((code, json[0]["baseline"]["call"].as_str()), (1, Some("REGRESSION")));
}

#[test]
fn better_is_a_pass() {
    let folder = kept(100.0);
    let (code, said, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("REGRESSION"), "{said}");
}

#[test]
fn a_baseline_of_another_kernel_is_shown_and_not_gated() {
    let folder = kept(0.01);
    edit(folder.path(), |record| record["machine"]["kernel"] = "2.4.0".into());
    let (code, said, _) = run(folder.path(), &["--baseline", "main"]);
    assert_eq!(code, 4, "nothing is proven: {said}");
    assert!(said.contains("another kernel: 2.4.0 then") && said.contains("not gated"), "{said}");
}

#[test]
fn a_baseline_that_is_not_there_is_told_before_anything_runs() {
    let folder = kept(1.0);
    let (code, said, errors) = run(folder.path(), &["--baseline", "other"]);
    assert_eq!((code, said.as_str()), (2, ""), "{errors}");
    assert!(
        errors.contains("no baseline `other` of ours") && errors.contains("--save-baseline other"),
        "{errors}"
    );
    let (code, _, errors) = run(folder.path(), &["--save-baseline", "../outside"]);
    assert!(code == 2 && errors.contains("write letters"), "{errors}");
}
