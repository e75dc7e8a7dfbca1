//! The JSON schemas: those that are committed are those that are generated, they take what badpeer reads and writes, and
//! refuse what it refuses.

use std::{fs, path::Path};

use badpeer::{
    cli::schema::{Kind, schema},
    metric::{Metric, Scope},
    profile::Source,
};
use jsonschema::Validator;
use serde_json::Value;

use super::fixture;

const COMMITTED: [(Kind, &str); 3] =
    [(Kind::Profile, "profile"), (Kind::Record, "record"), (Kind::Comparison, "comparison")];

fn validator(kind: Kind) -> Validator {
    let schema: Value = serde_json::from_str(&schema(kind)).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
}

fn faults(kind: Kind, instance: &Value) -> Vec<String> {
    validator(kind).iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// What the schema and the parser say of a profile.
fn judged(text: &str) -> (bool, bool) {
    let instance: Value = toml::from_str(text).expect("TOML");
    let source = Source { file: "test.toml".into(), text: text.to_owned() };
    (validator(Kind::Profile).is_valid(&instance), source.parse(&[]).is_ok())
}

#[test]
fn committed_schemas_match_the_generated_ones() {
    for (kind, name) in COMMITTED {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schema/{name}.schema.json"));
        let committed = fs::read_to_string(&path).expect("the schema");
        assert!(
            committed == schema(kind),
            "make it again: badpeer schema {name} > schema/{name}.schema.json"
        );
        assert!(committed.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
    }
}

#[test]
fn the_record_names_every_reason_for_evictions() {
    let schema: Value = serde_json::from_str(&schema(Kind::Record)).expect("JSON");
    let described = schema["$defs"]["Eviction"]["properties"]["reason"]["description"].as_str();
    let described = described.expect("a description");
    let names = Metric::ALL.iter().filter(|metric| metric.spec().scope == Scope::Run);
    let reasons: Vec<&str> = names.filter_map(|metric| metric.spec().name.strip_prefix("evicted_")).collect();
    assert_eq!(reasons.len(), 10);
    for reason in reasons {
        assert!(described.contains(&format!("`{reason}`")), "{described} does not name {reason}");
    }
}

#[test]
fn every_shipped_profile_is_valid_and_names_its_schema() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
    let mut seen = 0;
    for entry in fs::read_dir(folder).expect("profiles") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.starts_with("#:schema ../schema/profile.schema.json\n"), "{}", path.display());
        let instance: Value = toml::from_str(&text).expect("TOML");
        assert_eq!(faults(Kind::Profile, &instance), Vec::<String>::new(), "{}", path.display());
        seen += 1;
    }
    assert!(seen > 40, "{seen} profiles");
}

#[test]
fn written_files_are_valid() {
    let sample = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("reports/sample/record.json"));
    let sample: Value = serde_json::from_slice(&sample.expect("the sample")).expect("JSON");
    let made =
        [fixture::record(), fixture::sweep()].map(|record| serde_json::to_value(record).expect("JSON"));
    for record in made.iter().chain([&sample]) {
        assert_eq!(faults(Kind::Record, record), Vec::<String>::new());
    }
    let mut broken = made[0].clone();
    broken["points"][0]["trials"][0]["groups"][0]["ledger"]["opened"] = "many".into();
    assert_eq!(faults(Kind::Record, &broken).len(), 1);
    let comparison = serde_json::to_value(fixture::comparison("control", 2.0)).expect("JSON");
    assert_eq!(faults(Kind::Comparison, &comparison), Vec::<String>::new());
}

/// A profile with this in the place of its group's load, behavior and so on.
fn profile(server: &str, group: &str) -> String {
    format!("title = \"t\"\n[server]\n{server}\n[[clients]]\nname = \"g\"\ncount = 1\n{group}")
}

#[test]
fn schema_and_parser_accept_the_same_profiles() {
    let load = "load = { depth = 1, payload = 9 }";
    for (server, group) in [
        ("", load),
        ("trigger = \"edge\"\nsend_limit = \"1.5MiB\"\nsend_timeout = \"off\"\nthreads = 2", load),
        ("command = [\"nginx\"]\nfiles = [\"nginx.conf\"]\nenv = { A = \"1\" }", load),
        ("attach = { address = \"127.0.0.1:80\", pid = 7 }", load),
        (
            "",
            "load = { rate = \"500/s to 4000/s over 8s then 4000/s\", arrivals = \"poisson\", payload = \"64KiB\" }",
        ),
        ("", "load = { rate = 10, payload = 9 }\nstart = 0.5\nlifetime = \"2 s\"\nreconnect = {}"),
        ("", &format!("{load}\nrx = \"stall\"\ntx = {{ fragment = {{ bytes = 3, random = true }} }}")),
        ("", &format!("{load}\nrx = {{ slow = {{ bytes = 1024, every = \"100ms\" }} }}")),
    ] {
        let text = profile(server, group);
        let instance: Value = toml::from_str(&text).expect("TOML");
        assert_eq!(faults(Kind::Profile, &instance), Vec::<String>::new(), "{text}");
        assert_eq!(judged(&text), (true, true), "{text}");
    }
}

#[test]
fn schema_and_parser_refuse_the_same_profiles() {
    let load = "load = { depth = 1, payload = 9 }";
    for (server, group) in [
        ("comand = [\"a\"]", load),
        ("trigger = \"level\"\ncommand = [\"a\"]", load),
        ("files = [\"a\"]", load),
        ("trigger = \"sometimes\"", load),
        ("send_limit = \"many\"", load),
        ("send_limit = -1", load),
        ("send_timeout = \"10 parsecs\"", load),
        ("threads = 0", load),
        ("threads = \"1.5\"", load),
        ("min_rate = \"64KiB/m\"", load),
        ("attach = { adress = \"127.0.0.1:80\" }", load),
        ("", "load = { depth = \"three\", payload = 9 }"),
        ("", "load = { depth = 1, payload = 9, colour = 1 }"),
        ("", &format!("{load}\nrx = \"stal\"")),
        ("", &format!("{load}\nrx = \"slow\"")),
        ("", &format!("{load}\nrx = {{ slow = {{ bytes = 1024, evry = \"100ms\" }} }}")),
        ("", &format!("{load}\nprotocol = \"gopher\"")),
        ("", &format!("{load}\ncolour = 1")),
    ] {
        let text = profile(server, group);
        assert_eq!(judged(&text), (false, false), "{text}");
    }
    for text in ["seed = 1", "title = \"t\"\ncolour = 1", "title = \"t\"\nrepeats = 0"] {
        assert_eq!(judged(text), (false, false), "{text}");
    }
}

#[test]
fn the_schema_describes_every_key() {
    let schema: Value = serde_json::from_str(&schema(Kind::Profile)).expect("JSON");
    let kinds = schema["$defs"].as_object().expect("kinds").iter();
    for (name, kind) in kinds.map(|(name, kind)| (name.as_str(), kind)).chain([("Profile", &schema)]) {
        let Some(keys) = kind["properties"].as_object() else { continue };
        for (key, value) in keys {
            assert!(value["description"].as_str().is_some_and(|text| !text.is_empty()), "{name}.{key}");
        }
    }
}
