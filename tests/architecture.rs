//! The rules of the architecture: layers, captions, lengths, and where `unsafe` is allowed.

#[path = "common/sources.rs"]
mod sources;

use std::{fs, path::Path};

use sources::sources;

/// Modules from the bottom up: a module imports only from layers below its own.
const LAYERS: &[&[&str]] = &[
    &["units"],
    &["buffer", "timers", "metric"],
    &["behavior", "load", "codec"],
    &["profile"],
    &["record", "stats"],
    &["gate"],
    &["sys", "files"],
    &["reactor"],
    &["server", "client", "probe"],
    &["experiment", "run", "report", "doctor"],
    &["cli"],
];

/// So many of the lowest layers use no clock, socket, file or thread.
const CORE_LAYERS: usize = 6;

/// No file is longer.
const LONGEST_FILE: usize = 400;

/// The module that a file of `src` belongs to, and its text without its tests.
fn module(path: &Path) -> (String, String) {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).expect("in src");
    let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).expect("text");
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned();
    (first.trim_end_matches(".rs").to_owned(), code)
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|modules| modules.contains(&module))
}

/// Every module that the code names behind `crate::`.
fn imports(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let depth_one =
            if let Some(group) = rest.strip_prefix('{') { names_of(group) } else { vec![word(rest)] };
        modules.extend(depth_one);
    }
    modules
}

/// The names at the top of a `{…}` group.
fn names_of(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut start) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => start = true,
            c if start && depth == 1 && c.is_alphabetic() => {
                names.push(word(&group[at..]));
                start = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

#[test]
fn imports_point_to_lower_layers() {
    for path in sources("src") {
        let (own, code) = module(&path);
        if own == "main" || own == "lib" {
            continue;
        }
        let own_layer = layer(&own).unwrap_or_else(|| panic!("{}: give the module a layer", path.display()));
        for other in imports(&code).into_iter().filter(|other| *other != own) {
            let below = layer(&other).is_some_and(|layer| layer < own_layer);
            assert!(below, "{} imports crate::{other}, which does not lie below {own}", path.display());
        }
    }
}

#[test]
fn run_does_not_import_the_server() {
    for path in sources("src/run") {
        assert!(!imports(&module(&path).1).contains(&"server".to_owned()), "{}", path.display());
    }
}

#[test]
fn the_core_uses_no_clock_socket_file_or_thread() {
    for path in sources("src") {
        let (own, code) = module(&path);
        if layer(&own).is_none_or(|layer| layer >= CORE_LAYERS) {
            continue;
        }
        for forbidden in
            ["std::net", "std::fs", "std::thread", "std::process", "Instant::", "SystemTime", "nix::"]
        {
            assert!(!code.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}

#[test]
fn every_file_has_a_caption_and_is_short() {
    for path in ["src", "tests", "benches"].into_iter().flat_map(sources) {
        let text = fs::read_to_string(&path).expect("text");
        let first = text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 10, "{} opens with: {first}", path.display());
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines", path.display());
    }
}

#[test]
fn unsafe_is_only_in_sys_with_its_justification() {
    for path in sources("src") {
        let (_, code) = module(&path);
        let blocks = code.matches("unsafe {").count();
        if path.ends_with("src/sys/calls.rs") {
            assert_eq!(blocks, code.matches("// SAFETY:").count(), "a block without its reason");
            assert!(blocks > 0);
        } else {
            assert_eq!(blocks, 0, "{}", path.display());
        }
    }
}

#[test]
fn grouped_and_inline_imports_are_found() {
    let code =
        "use crate::{\n    metric::{Fold, Row},\n    units,\n};\nfn f() { crate::sys::monotonic_ns() }";
    assert_eq!(imports(code), ["metric", "units", "sys"]);
}
