//! RESP answers that are compared with the first one: in their kind, their structure, their numbers and their bytes, as far as
//! that is checked.

use super::*;

/// A command of which so much is checked.
pub(super) fn checked(command: &str, check: &str) -> Script {
    let command = format!("command = \"{command}\"\ncheck = \"{check}\"");
    Script::resp(&toml::from_str(&command).expect("a command"), 0, None)
}

/// Errors, and whether bytes are corrupt, however these answers are cut.
fn judged(check: &str, text: &str) -> (u64, bool) {
    let (answers, tally) = decode_cuts(|| checked("X", check), text.as_bytes());
    assert!(!answers.is_empty(), "{check}: {text:?}");
    (tally.errors, tally.corrupt > 0)
}

/// Two answers, and which checks distinguish them: that of bytes, that of lengths.
const PAIRS: [(&str, &str, bool, bool); 17] = [
    (":1\r\n", ":2\r\n", true, false),
    (":9\r\n", ":10\r\n", true, false),
    ("$5\r\nhello\r\n", "$5\r\nhallo\r\n", true, false),
    ("$5\r\nhello\r\n", "$4\r\nhell\r\n", true, true),
    ("$5\r\nhello\r\n", "+hello\r\n", true, true),
    ("$0\r\n\r\n", "*0\r\n", true, true),
    (":1\r\n", "$4\r\n:1\r\n\r\n", true, true),
    ("+x\r\n", ":1\r\n", true, true),
    ("*0\r\n", "*1\r\n$0\r\n\r\n", true, true),
    ("*1\r\n$0\r\n\r\n", "*2\r\n$0\r\n\r\n$0\r\n\r\n", true, true),
    ("*1\r\n:1\r\n", "*1\r\n:2\r\n", true, false),
    ("*1\r\n:1\r\n", "*1\r\n:10\r\n", true, false),
    ("*1\r\n$1\r\n1\r\n", "*1\r\n+1\r\n", true, true),
    ("*2\r\n$2\r\naa\r\n$1\r\na\r\n", "*2\r\n$1\r\na\r\n$2\r\naa\r\n", true, true),
    ("*2\r\n*1\r\n+a\r\n+a\r\n", "*1\r\n*2\r\n+a\r\n+a\r\n", true, true),
    ("*1\r\n$-1\r\n", "*1\r\n$0\r\n\r\n", true, true),
    ("*1\r\n$3\r\n-no\r\n", "*1\r\n$3\r\n$-1\r\n", true, false),
];

#[test]
fn check_decides_how_much_of_a_resp_answer_is_compared() {
    for (one, other, by_bytes, by_length) in PAIRS {
        for (check, differs) in
            [("bytes", by_bytes), ("length", by_length), ("status", false), ("none", false)]
        {
            assert_eq!(
                judged(check, &format!("{one}{one}{other}")),
                (0, differs),
                "{check}: {one:?}, {other:?}"
            );
            assert_eq!(
                judged(check, &format!("{other}{other}{one}")),
                (0, differs),
                "{check}: {other:?}, {one:?}"
            );
            assert_eq!(judged(check, &other.repeat(3)), (0, false), "{check}: {other:?}");
        }
    }
}

#[test]
fn a_differing_number_is_reported_with_its_offset() {
    let tally = decode_cuts(|| checked("LLEN l", "bytes"), b":12\r\n:12\r\n:13\r\n").1;
    assert_eq!((tally.corrupt, tally.first_fault), (1, Some(fault(12, Flaw::Different))));
    let tally = decode_cuts(|| checked("TYPE k", "length"), b"+no\r\n$2\r\nno\r\n").1;
    assert_eq!((tally.corrupt, tally.first_fault), (1, Some(fault(5, Flaw::Different))));
}

#[test]
fn bytes_before_a_violation_are_compared_however_they_arrive() {
    let tally = decode_cuts(|| checked("LRANGE l 0 9", "bytes"), b":7\r\n*2\r\n$\0").1;
    assert_eq!((tally.corrupt, tally.first_fault), (2, Some(fault(8, Flaw::Different))));
}

#[test]
fn null_after_a_value_is_a_fault() {
    let (null, value) = ("$-1\r\n", "$5\r\nhello\r\n");
    for check in ["bytes", "length"] {
        assert_eq!(judged(check, &null.repeat(3)), (0, false), "nobody has set the key");
        assert_eq!(judged(check, &format!("{null}{null}{value}{value}")), (0, false), "then somebody has");
        assert_eq!(judged(check, &format!("{value}{null}{value}{null}")), (2, false));
        assert_eq!(judged(check, &format!("{null}-ERR no\r\n{null}")), (1, false));
    }
    assert_eq!(judged("status", &format!("{value}{null}")), (0, false));
    let tally = decode_cuts(|| resp("GET k", 0, None), format!("{value}{null}").as_bytes()).1;
    assert_eq!((tally.errors, tally.first_fault), (1, Some(fault(11, Flaw::RespNull))));

    // What another connection has got counts as well, but not for an answer that was asked for before.
    let script = resp("GET k", 0, None);
    let (mut one, mut two) = (script.decoder(STREAM), script.decoder(STREAM + 1));
    one.feed(value.as_bytes(), &mut |_| {});
    two.feed(null.as_bytes(), &mut |_| {});
    assert_eq!(two.tally().errors, 0);
    two.feed(null.as_bytes(), &mut |_| {});
    assert_eq!(two.tally().errors, 1);
    let mut three = script.decoder(STREAM + 2);
    three.feed(null.as_bytes(), &mut |_| {});
    assert_eq!(three.tally().errors, 1);
}
