//! Answers of rare shapes and sizes, through the built program: what RFC 9112 allows is accepted, and what is large is checked
//! to its end.

use std::time::{Duration, Instant};

use super::{assert_fails, http};
use crate::{
    common::{repeat, skip, text, with_profile, without_pictures},
    verdicts::wrong::{Act, Asked, Requests, serve},
};

/// More than an answer may have that ends at a delimiter.
const LARGE: usize = 65 << 20;

/// An HTTP server that always says the same.
fn saying(answer: impl Into<Vec<u8>>) -> std::net::SocketAddr {
    let answer = answer.into();
    serve(Requests::Http, move |_, _| Act::Say(answer.clone()))
}

/// Nothing is found wrong with it; how busy the machine is does not matter.
fn assert_accepted(answer: impl Into<Vec<u8>>) {
    let (code, printed) = http(saying(answer), &["-v", "--max-wait", "off"]);
    assert!(matches!(code, Some(0 | 4)), "{printed}");
    for found in
        ["good.errors = 0: 0", "corrupt_bytes = 0: 0 B", "good.silent_connections = 0: 0", "good.lost = 0: 0"]
    {
        assert!(printed.contains(found), "`{found}` is missing: {printed}");
    }
}

#[apply(timed_test!)]
fn folded_fields_and_long_heads_are_accepted() {
    assert_accepted("HTTP/1.1 200 OK\r\nX-Folded: a\r\n b\r\n\tc\r\nContent-Length: 2\r\n\r\nok");
    let fields = format!("X-Long: {}\r\n", "x".repeat(1000)).repeat(60);
    assert_accepted(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 2\r\n\r\nok"));
}

#[apply(timed_test!)]
fn endless_interim_answers_are_reported() {
    let found = http(saying("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(200)), &[]);
    assert_fails(
        &found,
        &["corrupt_bytes = 0", "more than 100 interim answers (1xx) without a final answer"],
    );
}

/// What takes the load generator seconds to decode is given up when the window and the time for the last answers are over.
#[apply(timed_test!)]
fn chunks_of_one_byte_do_not_put_off_the_end_of_a_run() {
    let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    answer.extend_from_slice(&b"1\r\nx\r\n".repeat(8 << 20));
    let server = saying(answer);
    let started = Instant::now();
    let (code, printed) = http(server, &[]);
    let took = started.elapsed();
    assert!(matches!(code, Some(1 | 4)), "FAIL, or INVALID where the machine is busy: {printed}");
    assert!(printed.contains("none of 4 requests was answered"), "{printed}");
    assert!(took < Duration::from_secs(5), "a window of 0.9 s took {took:?}");
}

#[apply(timed_test!)]
fn a_raw_answer_of_any_length_is_checked_completely() {
    // Of two answers, one ends with another byte.
    let address = serve(Requests::Echo(4), |asked: Asked, _| {
        let mut bytes = vec![0; LARGE];
        bytes[LARGE - 1] = (asked.of_all % 2) as u8;
        Act::Say(bytes)
    });
    let profile = format!(
        "title = \"large\"\nwarmup = \"100ms\"\nmeasure = \"5s\"\n[server]\nattach = {{ address = \"{address}\" }}\n\
         [[clients]]\nname = \"good\"\ncount = 2\nprotocol = \"raw\"\nload = {{ depth = 1 }}\n\
         raw = {{ send = 'ping', length = \"{LARGE}B\" }}\n"
    );
    let folder = with_profile(&profile);
    let output = without_pictures(&["run", "quick.toml"], folder.path());
    let good = repeat(folder.path(), "quick")["groups"][0].clone();
    let flaw = &good["content"]["first_fault"]["flaw"];
    if good["requests"]["answered"].as_u64() < Some(2) && (flaw.is_null() || flaw == "cut-off") {
        return skip("a_raw_answer_of_any_length_is_checked_completely: the machine is too busy");
    }
    let within = LARGE - (4 << 20);
    assert_eq!(flaw["different-within"]["bytes"], within, "{good}");
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stdout));
}
