//! RESP against Redis itself, where it is installed: values of many sizes, pipelines, errors, nulls and arrays.

use serde_json::Value;

use crate::common::{ending, repeat, skip, with_profile, without_pictures};

/// The server, on a free port.
const REDIS: &str = r#"
title = "redis"
warmup = "500ms"
measure = "1500ms"

[server]
command = ["redis-server", "--port", "{port}", "--bind", "127.0.0.1", "--dir", "{dir}", "--save", ""]
install = "with `apt-get install redis-server`"
"#;

/// A group that repeats a command, from 1.2 s on if it needs what another one has set.
fn group(command: &str, load: &str, later: bool) -> String {
    let (start, words) = (if later { "1200ms" } else { "0s" }, load.replace('"', ""));
    format!(
        "[[clients]]\nname = \"{command}, {words}\"\ncount = 2\nstart = \"{start}\"\nprotocol = \"resp\"\n\
         resp = {{ command = \"{command}\" }}\nload = {{ {load} }}\n"
    )
}

/// What each of the groups came to; `None` where there is no Redis, or the machine was too busy to ask it.
fn run(groups: &[String]) -> Option<Vec<Value>> {
    let folder = with_profile(&(REDIS.to_owned() + &groups.concat()));
    let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
    if printed.contains("SKIP") {
        return None;
    }
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    let repeat = repeat(folder.path(), "quick");
    if repeat["invalid"].as_array().is_some_and(|reasons| !reasons.is_empty()) {
        skip(&format!("redis: {}", repeat["invalid"]));
        return None;
    }
    let groups = repeat["groups"].as_array().expect("groups").clone();
    for group in &groups {
        let (content, requests) = (&group["content"], &group["requests"]);
        assert!(requests["answered"].as_u64() > Some(1), "{}: {requests}", group["name"]);
        assert!(requests["unanswered"] == 0 && requests["lost"] == 0, "{}: {requests}", group["name"]);
        assert!(content["corrupt"] == 0 && content["reordered"] == 0, "{}: {content}", group["name"]);
    }
    Some(groups)
}

#[apply(timed_test!)]
fn values_of_every_size_are_read_back() {
    let mut groups = vec![group("PING", "depth = 1", false), group("PING", "depth = 32", false)];
    for size in [1, 100, 65_536, 1_048_576] {
        let pace = if size > 1000 { "rate = \"20/s\"" } else { "depth = 16" };
        groups.push(group("ECHO", &format!("{pace}, payload = {size}"), false));
        groups.push(group(&format!("SET k{size}"), &format!("{pace}, payload = {size}"), false));
        groups.push(group(&format!("GET k{size}"), &format!("{pace}, answer = {size}"), true));
    }
    for found in run(&groups).into_iter().flatten() {
        assert!(found["content"]["errors"] == 0 && found["content"]["first_fault"].is_null(), "{found}");
    }
}

#[apply(timed_test!)]
fn nested_arrays_and_integers_are_accepted() {
    let groups = [
        group("RPUSH list", "rate = \"200/s\", payload = 10", false),
        group("LRANGE list 0 9", "depth = 8", true),
        group("COMMAND INFO get set", "depth = 4", false),
        group("CONFIG GET max*", "depth = 4", false),
        group("EXISTS list", "depth = 4", false),
    ];
    for found in run(&groups).into_iter().flatten() {
        assert_eq!(found["content"]["errors"], 0, "{found}");
    }
}

#[apply(timed_test!)]
fn check_decides_how_much_of_a_value_is_compared() {
    // Somebody changes what others ask for: a value of the user's own, which is never the same for long.
    let changing = |keys: &str| {
        format!(
            "[[clients]]\nname = \"reader\"\ncount = 2\nstart = \"500ms\"\nprotocol = \"resp\"\nload = {{ depth = 1 }}\n\
             resp = {{ command = \"GET number\"{keys} }}\n"
        )
    };
    let counting = group("INCRBY number 1", "rate = \"300/s\"", false);
    // From half a second on it has three digits.
    for (keys, is_wrong) in [("", true), (", check = \"length\"", false), (", check = \"status\"", false)] {
        let folder = with_profile(&[REDIS, &counting, &changing(keys)].concat());
        let (code, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
        if printed.contains("SKIP") {
            return;
        }
        let found = repeat(folder.path(), "quick")["groups"].clone();
        let reader = &found[1];
        assert!(reader["requests"]["answered"].as_u64() > Some(5), "{printed}");
        let corrupt = reader["content"]["corrupt"].as_u64();
        assert!(
            if is_wrong { corrupt > Some(5) } else { corrupt == Some(0) },
            "{keys}: {corrupt:?}: {printed}"
        );
        assert!(!is_wrong || code == Some(1), "{printed}");
        assert!(!is_wrong || printed.contains("If the value changes by itself"), "{printed}");
    }
}

#[apply(timed_test!)]
fn errors_and_nulls_are_distinguished_from_values() {
    let groups = [
        group("SET text", "depth = 1, payload = 10", false),
        group("INCR text", "depth = 4", true),
        group("NOSUCH thing", "depth = 4", false),
        group("GET nothing", "depth = 4, answer = 10", false),
        group("GET text", "depth = 4, answer = 9", true),
    ];
    // The last: Redis has ten bytes where nine are expected.
    let folder = with_profile(&(REDIS.to_owned() + &groups.concat()));
    let (_, printed) = ending(&without_pictures(&["run", "quick.toml"], folder.path()));
    if printed.contains("SKIP") {
        return;
    }
    let found = repeat(folder.path(), "quick")["groups"].clone();
    let content = |index: usize| &found[index]["content"];
    let answered = |index: usize| &found[index]["requests"]["answered"];
    assert_eq!(content(0)["errors"], 0, "{printed}");
    for (index, flaw) in [(1, "resp-error"), (2, "resp-error"), (3, "resp-null")] {
        assert_eq!(&content(index)["errors"], answered(index), "{printed}");
        assert_eq!(content(index)["first_fault"]["flaw"], flaw, "{}", content(index));
        assert!(answered(index).as_u64() > Some(5) && content(index)["corrupt"] == 0, "{}", content(index));
    }
    assert_eq!(&content(4)["corrupt"], answered(4), "a byte too many each time: {}", content(4));
    assert_eq!(content(4)["first_fault"]["flaw"]["length"]["found"], 10, "{}", content(4));
}
