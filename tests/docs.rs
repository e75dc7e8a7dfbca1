//! What the tables in `docs/` name must be there: every knob with its default, tests, and profiles.

#[path = "common/sources.rs"]
mod sources;

use std::{fs, path::Path};

use badpeer::profile::{SHIPPED, ServerOptions};
use sources::sources;
use yaml_rust2::{Yaml, YamlLoader};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The rows of all tables of a document, cut into cells; without their heads.
fn rows(name: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(Path::new(ROOT).join("docs").join(name)).expect("a document");
    let lines: Vec<&str> = text.lines().collect();
    let is_row = |at: usize| lines[at].starts_with('|') && !lines[at].starts_with("|---");
    let is_head = |at: usize| lines.get(at + 1).is_some_and(|next| next.starts_with("|---"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
    (0..lines.len()).filter(|at| is_row(*at) && !is_head(*at)).map(|at| cells(lines[at])).collect()
}

/// What stands between backquotes.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn profile(name: &str) -> Option<&'static str> {
    SHIPPED.iter().find(|shipped| shipped.name == name).map(|shipped| shipped.text)
}

/// All code, of the program and of its tests.
fn code() -> String {
    let files = ["src", "tests"].into_iter().flat_map(sources);
    files.map(|file| fs::read_to_string(file).expect("text")).collect()
}

#[test]
fn every_knob_is_documented_with_its_default_and_a_profile() {
    let defaults = toml::Table::try_from(ServerOptions::default()).expect("a table");
    let rows = rows("knobs.md");
    let explained: Vec<&str> = rows.iter().flat_map(|row| quoted(&row[0])).collect();
    for key in defaults.keys().map(String::as_str).chain(["root"]) {
        let times = explained.iter().filter(|name| **name == key).count();
        assert_eq!(times, 1, "docs/knobs.md has {times} rows for `{key}`");
    }
    for (row, key) in rows.iter().zip(&explained) {
        let [_, default, does, seen, shown] = &row[..] else { panic!("{key}: {row:?}") };
        let value = defaults.get(*key).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let written = value.map_or("none".to_owned(), |value| format!("`{value}`"));
        assert_eq!(*default, written, "the default of `{key}`");
        assert!(!does.is_empty() && !seen.is_empty(), "`{key}` is not explained");
        for name in quoted(shown) {
            let text = profile(name).unwrap_or_else(|| panic!("`{key}`: there is no profile `{name}`"));
            let turned = text.contains(&format!("\"server.{key}\"")) || text.contains(&format!("\n{key} = "));
            assert!(turned, "the profile `{name}` does not turn `{key}`");
        }
    }
}

#[test]
fn the_manifest_for_kubernetes_has_a_valid_profile_and_as_many_pods_as_shards() {
    let text = fs::read_to_string(Path::new(ROOT).join("deploy/kubernetes.yaml")).expect("a manifest");
    let all = YamlLoader::load_from_str(&text).expect("YAML");
    let named = |kind: &str, name: &str| {
        let is_it = |one: &&Yaml| {
            one["kind"].as_str() == Some(kind) && one["metadata"]["name"].as_str() == Some(name)
        };
        all.iter().find(is_it).unwrap_or_else(|| panic!("there is no {kind} {name}"))
    };
    let profile = named("ConfigMap", "badpeer-profile")["data"]["load.toml"].as_str().expect("a profile");
    let source = badpeer::profile::Source { file: "load.toml".into(), text: profile.to_owned() };
    let profile = source.parse(&[]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(profile.repeats, 1, "a shard runs one repeat");
    let spec = &named("Job", "badpeer-shards")["spec"];
    let container = &spec["template"]["spec"]["containers"][0];
    let shards: i64 =
        container["env"][0]["value"].as_str().and_then(|text| text.parse().ok()).expect("a number");
    assert_eq!(container["env"][0]["name"].as_str(), Some("BADPEER_SHARDS"));
    let job = [&spec["completions"], &spec["parallelism"], &spec["backoffLimit"]].map(Yaml::as_i64);
    assert_eq!(job, [Some(shards), Some(shards), Some(0)]);
    assert_eq!(spec["completionMode"].as_str(), Some("Indexed"));
    assert_eq!(spec["template"]["spec"]["restartPolicy"].as_str(), Some("Never"));
    // Every command is one that badpeer understands, once it is known what stands in capitals, and which shard it is.
    for job in ["badpeer-shards", "badpeer-observer", "badpeer-merge"] {
        let command = &named("Job", job)["spec"]["template"]["spec"]["containers"][0]["command"];
        let words = command.as_vec().expect("words").iter().map(|word| word.as_str().expect("a word"));
        let words = words.map(|word| word.replace("START-AT", "2026-05-01T12:00:00Z").replace("auto", "1/4"));
        let parsed = badpeer::cli::command().try_get_matches_from(words.collect::<Vec<_>>());
        parsed.unwrap_or_else(|error| panic!("{job}: {error}"));
    }
}

#[test]
fn every_invariant_names_existing_tests_or_profiles() {
    let (rows, code) = (rows("invariants.md"), code());
    let numbers: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    assert_eq!(numbers, (1..=21).map(|n| n.to_string()).collect::<Vec<_>>());
    for row in &rows {
        let proofs = quoted(&row[2]);
        assert!(!proofs.is_empty(), "nothing proves number {}", row[0]);
        for proof in proofs {
            let marks =
                ["#[test]\n    ", "#[test]\n", "#[apply(timed_test!)]\n", "#[apply(patient_test!)]\n"];
            let is_test = marks.iter().any(|mark| code.contains(&format!("{mark}fn {proof}(")));
            assert!(is_test || profile(proof).is_some(), "number {}: there is no `{proof}`", row[0]);
        }
    }
}
