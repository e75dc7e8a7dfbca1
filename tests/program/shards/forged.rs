//! Files of shards that were changed: with numbers that no shard has, or as if it had been on another machine.

use std::{fs, path::Path};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{change, merged, prepared, run_all, state};
use crate::common::{badpeer, ending, number, repeat, texts};

type Change = fn(&mut Value);

/// Changes what a shard measured, and the SHA-256 with it: nothing but the content says that it is not a shard's.
fn forge(folder: &Path, name: &str, whole: &str, change: Change) {
    let mut part: Value = serde_json::from_str(whole).expect("JSON");
    change(&mut part);
    let text = part.to_string();
    fs::write(folder.join("parts").join(format!("{name}.part.json")), &text).expect("written");
    let mut own = state(folder, &format!("{name}.json"));
    let digest: Vec<String> =
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    own["part"]["sha256"] = digest.concat().into();
    fs::write(folder.join("parts").join(format!("{name}.json")), own.to_string()).expect("written");
}

#[apply(patient_test!)]
fn what_cannot_be_of_a_shard_is_left_out() {
    let (_server, _, folder) = prepared();
    run_all(folder.path(), 2);
    let name = "shard-2-of-2";
    let path = folder.path().join(format!("parts/{name}.part.json"));
    let whole = fs::read_to_string(path).expect("a file");
    let cases: [(&str, Change); 9] = [
        ("no number of `kept` can be as large as", |part| {
            part["kept"]["groups"][0]["requests"]["answered_in_window"] = u64::MAX.into();
        }),
        ("no number of `ticks` can be as large as", |part| part["ticks"][3]["at_ns"] = (1_u64 << 50).into()),
        ("cannot have been counted", |part| {
            part["ticks"][5]["groups"][0][1]["response"] = serde_json::json!([[100, 1_u64 << 45]]);
        }),
        ("the 2 groups of the profile", |part| {
            part["kept"]["groups"].as_array_mut().expect("groups").truncate(1);
        }),
        ("a sample does not have the 2 groups", |part| part["ticks"][0]["groups"] = serde_json::json!([])),
        ("there is no metric `nothing`", |part| part["ticks"][0]["run"]["nothing"] = 1.into()),
        ("but the profile has 5", |part| part["kept"]["groups"][1]["count"] = 6.into()),
        ("is of group 9", |part| part["kept"]["ports"][0]["group"] = 9.into()),
        ("invalid type", |part| part["kept"]["stopped_ns"] = "soon".into()),
    ];
    for (problem, change) in cases {
        forge(folder.path(), name, &whole, change);
        let (code, printed) = merged(folder.path());
        let problems = texts(&repeat(folder.path(), "quick"), "invalid");
        assert!(code == Some(4) && !printed.contains("panicked"), "{problem}: {printed}");
        assert!(
            problems.contains("measured is left out") && problems.contains(problem),
            "{problem}: {problems}"
        );
    }
    forge(folder.path(), name, &whole, |_| {});
    let (_, printed) = merged(folder.path());
    let problems = texts(&repeat(folder.path(), "quick"), "invalid");
    assert!(!problems.contains("left out"), "the same again: {printed}");
}

#[apply(patient_test!)]
fn clocks_of_other_machines_must_be_synchronized() {
    let (_server, _, folder) = prepared();
    run_all(folder.path(), 2);
    let boot_id =
        state(folder.path(), "shard-2-of-2.json")["host"]["boot_id"].as_str().expect("an id").to_owned();
    let all = ["shard-1-of-2.json", "shard-2-of-2.json", "observer.json"];
    // As if the second shard had been on a machine with another clock.
    change(folder.path(), "shard-2-of-2.json", &boot_id, "another");
    let set_error = |name: &str, error: Value| {
        let mut own = state(folder.path(), name);
        own["host"]["clock"]["error_ns"] = error;
        fs::write(folder.path().join("parts").join(name), own.to_string()).expect("written");
    };
    let found = || {
        let (code, printed) = merged(folder.path());
        assert!(matches!(code, Some(0 | 4)), "{printed}");
        let repeat = repeat(folder.path(), "quick");
        (code, texts(&repeat, "invalid"), texts(&repeat, "notes"), repeat)
    };
    for name in all {
        set_error(name, Value::Null);
    }
    let (code, invalid, _, _) = found();
    assert!(code == Some(4) && invalid.contains("nobody synchronizes the clock of"), "{invalid}");
    for name in all {
        set_error(name, 30_000_000.into());
    }
    let (_, invalid, notes, merged) = found();
    assert!(!invalid.contains("clock"), "{invalid}");
    assert!(notes.contains("their clocks are at most 60"), "{notes}");
    let columns = merged["series"]["columns"].as_object().expect("columns");
    assert!(!columns.contains_key("client_receive_queue"), "half of the clients were not seen");
    // On a busy machine some looks are left out; without the server's side all of them would be missing.
    let samples = merged["series"]["at_ns"].as_array().expect("samples").len();
    assert!(number(&merged, "looks_missed") < samples as f64 / 2.0, "the server's sockets were looked at");
    assert!(columns.contains_key("server_sockets") && columns.contains_key("open.alive"));
    assert_eq!(number(&merged, "open.connections_unseen") as u64, 0, "the bounds are wide enough");
    set_error("observer.json", 80_000_000.into());
    let (code, invalid, _, _) = found();
    assert!(code == Some(4) && invalid.contains("apart, more than 100 ms"), "{invalid}");
    let (code, printed) = ending(&badpeer(&["merge", "parts", "--max-skew", "200ms"], folder.path()));
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    let invalid = texts(&repeat(folder.path(), "quick"), "invalid");
    assert!(!invalid.contains("clock"), "{invalid}");
}
