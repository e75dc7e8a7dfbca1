//! What the README shows must work: its commands parse, its profile is valid, its links lead somewhere.

use std::{fs, path::Path};

use badpeer::{gate, profile::Source};
use yaml_rust2::{Yaml, YamlLoader};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn readme() -> String {
    fs::read_to_string(Path::new(ROOT).join("README.md")).expect("a README")
}

/// The blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    let text = readme();
    let mut parts = text.split("```");
    let mut found = Vec::new();
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        if let Some(body) = block.strip_prefix(language).and_then(|rest| rest.strip_prefix('\n')) {
            found.push(body.to_owned());
        }
    }
    assert!(!found.is_empty(), "no block of {language}");
    found
}

#[test]
fn every_command_is_one_that_badpeer_knows() {
    let mut checked = 0;
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let command = line.split('#').next().unwrap_or_default().trim();
        let Some(arguments) =
            command.strip_prefix("badpeer ").or(command.strip_prefix("cargo run --release -- "))
        else {
            continue;
        };
        let words = std::iter::once("badpeer").chain(arguments.split_whitespace());
        badpeer::cli::command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{line}: {error}"));
        checked += 1;
    }
    assert!(checked >= 9, "{checked} commands");
}

/// Every command line of badpeer in a workflow.
fn badpeers(value: &Yaml, found: &mut Vec<String>) {
    match value {
        Yaml::String(text) => {
            let lines = text.lines().map(str::trim).filter(|line| line.starts_with("badpeer "));
            found.extend(lines.map(str::to_owned));
        }
        Yaml::Array(values) => values.iter().for_each(|value| badpeers(value, found)),
        Yaml::Hash(values) => values.values().for_each(|value| badpeers(value, found)),
        _ => {}
    }
}

#[test]
fn the_workflows_are_yaml_and_their_commands_are_known() {
    let own = fs::read_to_string(Path::new(ROOT).join(".github/workflows/ci.yml")).expect("our workflow");
    let mut commands = Vec::new();
    for text in blocks("yaml").into_iter().chain([own]) {
        let parsed = YamlLoader::load_from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert!(parsed.len() == 1 && parsed[0].as_hash().is_some(), "{text}");
        badpeers(&parsed[0], &mut commands);
    }
    for command in &commands {
        let words = shlex::split(command).expect("words");
        badpeer::cli::command()
            .try_get_matches_from(words)
            .unwrap_or_else(|error| panic!("{command}: {error}"));
    }
    assert_eq!(commands.len(), 4, "{commands:#?}");
}

#[test]
fn the_profiles_are_valid() {
    for text in blocks("toml") {
        let wanted = if text.contains("[sweep]") { 2 } else { 1 };
        let points =
            Source { file: "README.md".into(), text }.expand(&[]).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(points.len(), wanted);
    }
}

#[test]
fn every_link_into_the_repository_leads_somewhere() {
    let text = readme();
    let mut checked = 0;
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !target.starts_with("http") {
            assert!(Path::new(ROOT).join(target).exists(), "{target}");
            checked += 1;
        }
    }
    assert!(checked >= 3, "{checked} links");
}

#[test]
fn the_readme_names_every_profile() {
    for shipped in badpeer::profile::SHIPPED {
        assert!(readme().contains(&format!("`{}`", shipped.name)), "{}", shipped.name);
    }
}

#[test]
fn the_oldest_rust_is_the_one_that_is_tested() {
    let manifest = fs::read_to_string("Cargo.toml").expect("a manifest");
    let line = manifest.lines().find(|line| line.starts_with("rust-version = ")).expect("a version");
    let version = line.trim_start_matches("rust-version = ").trim_matches('"');
    assert!(readme().contains(&format!("a Rust toolchain ({version} or later)")), "{version}");
    let workflow = fs::read_to_string(".github/workflows/ci.yml").expect("a workflow");
    assert!(workflow.contains(&format!("rustup toolchain install {version} ")), "{version}");
}

#[test]
fn the_limits_are_those_that_runs_are_judged_by() {
    let text = readme().split_whitespace().collect::<Vec<_>>().join(" ");
    let ms = |ns: f64| format!("{:.0} ms", ns / 1e6);
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    for said in [
        format!("in the window | {} |", ms(gate::WORST_PACING_ERROR_NS)),
        format!("50 ms each | {} of the window", percent(gate::MOST_PAUSED)),
        format!(
            "{} of the cores in use; a note from {} |",
            percent(gate::MOST_STEAL),
            percent(gate::NOTABLE_STEAL)
        ),
        format!("for {} of the window or more", percent(gate::SATURATED)),
        format!("requests more than {} late", ms(gate::WORST_BUSY_PACING_ERROR_NS)),
        format!("From {} on a note", percent(gate::BUSY)),
        format!("waited for its core for {}", percent(gate::NOTABLE_RUN_DELAY)),
        format!("for {} of the time (CPU pressure)", percent(gate::NOTABLE_PRESSURE)),
    ] {
        assert!(text.contains(&said), "the README does not say: {said}");
    }
}
