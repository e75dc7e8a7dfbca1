//! Every shipped profile, run briefly through the built program.

use std::process::Command;

use badpeer::{
    profile::SHIPPED,
    record::{Outcome, Record},
};

/// Runs a profile for a second; its record.
fn brief(name: &str) -> Record {
    let folder = tempfile::TempDir::new().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_badpeer"))
        .args(["run", name, "-d", "700ms", "--set", "warmup=600ms", "--quiet", "--out"])
        .arg(folder.path())
        .output()
        .expect("badpeer runs");
    let said = String::from_utf8_lossy(&output.stderr);
    // A second is too short for some expectations, but never for the run to stand.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{name}: {:?} {said}", output.status);
    let text =
        std::fs::read_to_string(folder.path().join(name).join("latest/record.json")).expect("a record");
    serde_json::from_str(&text).expect("a record")
}

#[test]
fn every_profile_runs_and_its_accounts_add_up() {
    for shipped in SHIPPED {
        let record = brief(shipped.name);
        assert!(matches!(record.outcome(), Outcome::Pass | Outcome::Fail), "{}", shipped.name);
        for trial in record.points.iter().flat_map(|point| &point.trials) {
            assert_eq!(trial.effective.server_exit, "exit code 0", "{}", shipped.name);
            for group in &trial.groups {
                let spec =
                    record.profile.clients.iter().find(|spec| spec.name == group.name).expect("a group");
                assert_eq!(group.ledger.opened, u64::from(spec.count), "{}", group.name);
                assert!(group.ledger.balances(), "{}: {:?}", group.name, group.ledger);
                let requests = group.requests;
                assert_eq!(
                    requests.started,
                    requests.answered + requests.unanswered + requests.lost,
                    "{}: {requests:?}",
                    group.name
                );
                if !spec.tx.about().name.contains("race") {
                    assert_eq!(group.content.corrupt, 0, "{}: {:?}", group.name, group.content.first_fault);
                }
            }
        }
    }
}
