//! Made-up groups that went wrong, and what is said of them.

use indexmap::IndexMap;

use super::*;
use crate::{
    codec::Tally,
    record::{Repeat, Requests},
};

/// What is said of a group with these keys that came to this, and of which `condition` failed.
fn problems_of(command: &str, keys: &str, content: Tally, answered: u64) -> Vec<String> {
    problems_beside(command, keys, content, answered, Vec::new())
}

/// The same beside other groups.
fn problems_beside(
    command: &str,
    keys: &str,
    content: Tally,
    answered: u64,
    others: Vec<GroupResult>,
) -> Vec<String> {
    let text =
        format!("title = \"t\"\n[[clients]]\nname = \"good\"\ncount = 1\nload = {{ depth = 1 }}\n{keys}");
    let requests = Requests {
        started: 9,
        answered,
        unanswered: 9 - answered,
        oldest_unanswered_ns: 2_000_000_000,
        ..Requests::default()
    };
    let group = GroupResult { name: "good".into(), content, requests, ..GroupResult::default() };
    let point = Point {
        axes: IndexMap::new(),
        repeats: vec![Repeat { groups: [vec![group], others].concat(), ..Repeat::default() }],
        verdicts: vec![ExpectationResult::new("good.errors", "= 0", Some(1.0), Verdict::Fail)],
    };
    let command = vec!["badpeer".into(), command.into()];
    let record = Record { command, ..Record::of_points(&text, vec![point]) };
    problems(&record)
}

fn error(begins: &str) -> ErrorAnswer {
    let text = format!("{{\"stream\":3,\"number\":2,\"at\":0,\"begins\":{begins:?}}}");
    serde_json::from_str(&text).expect("an answer")
}

fn errors(errors: u64, begins: &str) -> Tally {
    Tally { errors, first_error: Some(error(begins)), ..Tally::default() }
}

const HTTP: &str = "protocol = \"http\"";

#[test]
fn an_error_is_shown_with_its_remedy() {
    let not_found = |errors_of_nine| errors(errors_of_nine, "HTTP/1.1 404 Not Found");
    assert_eq!(
        problems_of("bench", HTTP, not_found(9), 9),
        [
            "`good`: 9 of 9 answers were errors, the first on connection 4, answer 2: `HTTP/1.1 404 Not Found`. Status 2xx is \
          expected: name a path that exists, or allow it with --status 404."
        ]
    );
    let some = problems_of("bench", HTTP, not_found(2), 9);
    assert!(some[0].ends_with("or allow it with --status 2xx,404."), "{some:?}");
    let of_profile = problems_of("run", HTTP, not_found(2), 9);
    assert!(of_profile[0].ends_with("or allow it with http = { status = \"2xx,404\" }."), "{of_profile:?}");
    for (begins, part) in [
        (
            "HTTP/1.1 301 Moved Permanently",
            "name the path that it redirects to, or allow it with --status 301",
        ),
        ("HTTP/1.1 500 Internal Server Error", "read the server's log"),
        ("HTTP/1.1 503 Service Unavailable", "reduce the load"),
        (
            "HTTP/1.1 401 Unauthorized",
            "send the required credentials with --header, or allow it with --status 401",
        ),
        ("HTTP/1.1 418 I'm a teapot", "change the request"),
    ] {
        let found = problems_of("bench", HTTP, errors(9, begins), 9);
        assert!(found[0].contains(begins) && found[0].contains(part), "{found:?}");
    }
    let resp = problems_of("bench", "protocol = \"resp\"", errors(9, "-NOAUTH Authentication required."), 9);
    assert!(
        resp[0].contains("`-NOAUTH Authentication required.`") && resp[0].contains("no password"),
        "{resp:?}"
    );
}

#[test]
fn wrong_bytes_are_shown_with_a_suggestion() {
    let fault = |flaw| Some(Fault { stream: 3, at: 0, found: None, flaw });
    let of = |keys: &str, flaw, begins: &str| {
        let first_error = (!begins.is_empty()).then(|| error(begins));
        problems_of(
            "bench",
            keys,
            Tally { corrupt: 5, first_fault: fault(flaw), first_error, ..Tally::default() },
            9,
        )
        .remove(0)
    };
    let bare = of(HTTP, Some(Flaw::BareLf), "HTTP/1.1 200 OK\\nA: b");
    assert!(
        bare.contains("bare LF") && bare.contains("in an answer that begins `HTTP/1.1 200 OK\\nA: b`"),
        "{bare}"
    );
    let echo = of("protocol = \"echo\"", None, "HTTP/1.1 400 Bad Request");
    assert!(echo.ends_with("The server speaks HTTP: write the address as http://HOST:PORT/PATH."), "{echo}");
    let tls = of(HTTP, Some(Flaw::StatusLine), "\\x15\\x03\\x03");
    assert!(tls.contains("speaks TLS"), "{tls}");
    let changed = of(HTTP, Some(Flaw::Different), "");
    assert!(changed.ends_with("compare less of it: --check length."), "{changed}");
    let longer = of(HTTP, Some(Flaw::Length { found: 9, wanted: 8 }), "");
    assert!(longer.ends_with("compare less of it: --check status."), "{longer}");
}

#[test]
fn silence_is_reported_with_its_duration() {
    let found = problems_of("bench", HTTP, Tally::default(), 0);
    assert!(
        found[0].starts_with(
            "`good`: none of 9 requests was answered, and the oldest waited for 2 s. Check the address"
        ),
        "{found:?}"
    );
}

#[test]
fn a_silent_group_beside_one_that_is_answered_is_no_matter_of_the_address() {
    let others = "rx = \"stall\"\n[[clients]]\nname = \"served\"\ncount = 1\nload = { depth = 1 }";
    let served = GroupResult {
        name: "served".into(),
        requests: Requests { started: 9, answered: 9, ..Requests::default() },
        ..GroupResult::default()
    };
    let found = problems_beside("run", others, Tally::default(), 0, vec![served]);
    assert_eq!(found, ["`good`: none of 9 requests was answered, and the oldest waited for 2 s."]);
}
