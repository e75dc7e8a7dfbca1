//! Errors: which answers are, and what is kept of the first one.

use super::*;

/// How the first error begins, whichever way the bytes are cut; its place and its number.
fn first(script: impl Fn() -> Script, bytes: &[u8]) -> Option<(String, u64, u64)> {
    let first = decode_cuts(script, bytes).1.first_error?;
    assert_eq!(first.stream, STREAM);
    Some((first.begins.to_string(), first.at, first.number))
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const GONE: &str = "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone";

#[test]
fn an_http_error_is_kept_by_its_status_line() {
    let text = format!("{OK}{GONE}HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n");
    let at = OK.len() as u64;
    assert_eq!(first(|| http("", None), text.as_bytes()), Some(("HTTP/1.1 404 Not Found".into(), at, 2)));
    assert_eq!(first(|| http("", None), OK.repeat(3).as_bytes()), None);
}

#[test]
fn an_unparsable_answer_is_kept_by_its_first_bytes() {
    let bare = "HTTP/1.1 200 OK\nContent-Length: 13\n\nHello, world!";
    assert_eq!(
        first(|| http("", None), bare.as_bytes()),
        Some(("HTTP/1.1 200 OK\\nContent-Length: 13\\n\\nHello, world!".into(), 0, 1))
    );
    let ssh = "SSH-2.0-OpenSSH_9.2\r\n";
    let begins = "SSH-2.0-OpenSSH_9.2\\r\\n".to_owned();
    assert_eq!(first(|| http("", None), ssh.as_bytes()), Some((begins.clone(), 0, 1)));
    assert_eq!(first(|| resp("PING", 0, None), ssh.as_bytes()), Some((begins.clone(), 0, 1)));
    assert_eq!(first(|| Script::frame(9, 9), ssh.as_bytes()), Some((begins.clone(), 0, 1)));
    assert_eq!(first(|| Script::echo(9), ssh.as_bytes()), Some((begins, 0, 1)));
    assert_eq!(
        first(|| Script::echo(9), b"no\n"),
        Some(("no\\n".into(), 0, 1)),
        "too short to be distinguished"
    );
    assert_eq!(first(|| Script::line(9), ssh.as_bytes()), Some(("SSH-2.0-OpenSSH_9.2\\r".into(), 0, 1)));
    let raw = || raw("send = 'x'\nuntil = '\\n'");
    assert_eq!(first(raw, b"ok\nok\nno\n"), Some(("no\\n".into(), 6, 3)));
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let at = chunked.len() as u64;
    assert_eq!(
        first(|| http("", None), format!("{chunked}nonsense").as_bytes()),
        Some(("nonsense".into(), at, 1))
    );
}

#[test]
fn at_most_64_bytes_of_an_error_are_kept() {
    let long = format!("HTTP/1.1 500 {}\r\nContent-Length: 0\r\n\r\n", "x".repeat(99));
    assert_eq!(first(|| http("", None), long.as_bytes()).map(|(begins, ..)| begins.len()), Some(64));
}

#[test]
fn a_resp_error_is_kept_by_its_text() {
    let text = b"-NOAUTH Authentication required.\r\n+PONG\r\n";
    let begins = "-NOAUTH Authentication required.".to_owned();
    assert_eq!(first(|| resp("PING", 0, None), text), Some((begins, 0, 1)));
    assert_eq!(first(|| resp("GET k", 0, Some(3)), b"$-1\r\n"), Some(("$-1".into(), 0, 1)));
    assert_eq!(first(|| resp("PING", 0, None), b"+OK\r\n"), Some(("+OK\\r\\n".into(), 0, 1)));
}

#[test]
fn overload_errors_are_counted_apart() {
    let overloaded = |script: fn() -> Script, bytes: &[u8]| {
        let tally = decode_cuts(script, bytes).1;
        (tally.errors, tally.overloaded)
    };
    let busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(overloaded(|| http("", None), format!("{busy}{GONE}").as_bytes()), (2, 1));
    assert_eq!(overloaded(|| resp("PING", 0, None), b"-LOADING data\r\n-ERR no\r\n"), (2, 1));
}

#[test]
fn an_error_does_not_hide_where_later_bytes_are_wrong() {
    let other = OK.replace("ok", "no");
    let at = (OK.len() + GONE.len() + other.len() - 2) as u64;
    let tally = decode_cuts(|| http("", None), format!("{OK}{GONE}{other}{GONE}").as_bytes()).1;
    assert_eq!((tally.errors, tally.corrupt, tally.first_fault), (2, 2, Some(fault(at, Flaw::Different))));
    assert_eq!(
        tally.first_error.map(|first| first.at),
        Some(OK.len() as u64),
        "the error is reported all the same"
    );

    let value = |bytes: &[u8]| [b"$9\r\n", bytes, b"\r\n"].concat();
    let known = toml::from_str(
        r#"command = "GET k"
        check = "content""#,
    )
    .expect("a command");
    let text = [&b"-ERR no\r\n"[..], &value(&made(SHARED_STREAM, 0, 9)), &value(b"something")].concat();
    let tally = decode_cuts(|| Script::resp(&known, 0, Some(9)), &text).1;
    assert_eq!(
        (tally.errors, tally.first_fault),
        (1, Some(Fault { flaw: None, ..fault(9 + 15 + 4, Flaw::Part) }))
    );
    let cut = format!("{GONE}{OK}HTTP/1.1");
    let tally = decode_cuts(|| http("", None), cut.as_bytes()).1;
    assert_eq!(tally.first_fault, Some(fault(0, Flaw::StatusOther { found: 404 })));
}

#[test]
fn several_statuses_may_be_expected() {
    let text = format!("{OK}{GONE}{OK}{GONE}");
    for (keys, errors) in [
        ("", 2),
        ("status = [200, 404]", 0),
        ("status = [200, \"4xx\"]", 0),
        ("status = \"4xx\"", 2),
        ("status = 404", 2),
        ("status = \"3xx\"", 4),
    ] {
        let tally = decode_cuts(|| http(keys, None), text.as_bytes()).1;
        assert_eq!((tally.errors, tally.corrupt), (errors, 0), "each is compared with its like: {keys}");
    }
    let other = decode_cuts(|| http("status = [201, \"3xx\"]", None), OK.as_bytes()).1;
    assert_eq!(other.first_fault, Some(fault(0, Flaw::StatusOther { found: 200 })));
}

#[test]
fn check_decides_how_much_of_an_answer_is_judged() {
    let answer = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let (first, longer, other) = (answer("hello"), answer("hello!"), answer("jello"));
    // Of an error, of one that is longer than the first, of one that has other bytes: errors and corrupt bytes.
    for (check, error, length, bytes) in [
        ("none", (0, 0), (0, 0), (0, 0)),
        ("status", (1, 0), (0, 0), (0, 0)),
        ("any", (1, 0), (0, 0), (0, 0)),
        ("length", (1, 0), (0, 1), (0, 0)),
        ("bytes", (1, 0), (0, 1), (0, 1)),
        ("same", (1, 0), (0, 1), (0, 1)),
    ] {
        for (text, wanted) in [(GONE, error), (&longer, length), (&other, bytes)] {
            let keys = format!("check = \"{check}\"");
            let (answers, tally) = decode_cuts(|| http(&keys, None), format!("{first}{text}").as_bytes());
            assert_eq!((tally.errors, tally.corrupt), wanted, "{check}: {text}");
            assert_eq!(answers.len(), 2, "{check}: {text}");
        }
    }
    // load.answer takes the place of the first length.
    for (check, corrupt) in [("none", 0), ("status", 0), ("any", 3), ("length", 3), ("bytes", 3)] {
        let keys = format!("check = \"{check}\"");
        let tally = decode_cuts(|| http(&keys, Some(8)), first.as_bytes()).1;
        assert_eq!((tally.errors, tally.corrupt), (0, corrupt), "{check}");
    }
    for (check, corrupt) in [("none", 0), ("length", 1), ("bytes", 1)] {
        let keys = format!("send = 'x'\nuntil = '\\n'\ncheck = '{check}'");
        let tally = decode_cuts(|| raw(&keys), b"abc\nabcd\n").1;
        assert!((tally.corrupt > 0) == (corrupt > 0), "{check}: {tally:?}");
    }
}
