//! The command that a group of clients repeats, and what its answer must be.

use std::iter;

use serde::{Deserialize, Serialize};

use crate::codec::Check;

/// A command of redis, its words separated by spaces, such as `GET key` or `LRANGE list 0 9`.
///
/// The payload of the load is its last argument: a piece of the connection's own stream for `PING` and `ECHO`, which
/// return it; for `SET` always the same bytes, so that the result of a `GET` is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The words of the command, without the payload.
    pub command: String,
    /// How much of an answer is checked. Default: the known answer of the command (`PING`, `ECHO`, `SET`); for `GET`
    /// every byte, compared with the first answer; for all others only that it is not an error. `bytes` and `length`
    /// also compare kinds and counts, and `bytes` compares numbers; a null after a value is an error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<Check>,
}

impl Default for Command {
    fn default() -> Self {
        Self { command: "PING".to_owned(), check: None }
    }
}

/// What an answer must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::codec) enum Wanted {
    /// This simple string.
    Simple(&'static [u8]),
    /// A bulk string: the next piece of the connection's stream.
    Own(u64),
    /// A bulk string: the first bytes of the stream that all connections share.
    Shared(u64),
    /// What the first answer was, as far as that is checked; a value of so many bytes, if that is known.
    Same(Check, Option<u64>),
    /// Anything but an error.
    Any,
    /// Anything, an error included.
    Whatever,
}

impl Command {
    fn words(&self) -> Vec<&str> {
        self.command.split_ascii_whitespace().collect()
    }

    fn verb(&self) -> String {
        self.words().first().map(|verb| verb.to_ascii_uppercase()).unwrap_or_default()
    }

    /// Whether it is a command that can be sent, with a payload of so many bytes.
    ///
    /// # Errors
    /// What to write instead.
    pub fn check(&self, payload: u64) -> Result<(), String> {
        let wanted = match (self.verb().as_str(), self.words().len()) {
            ("", _) => "write a command such as \"PING\", \"ECHO\", \"SET key\" or \"GET key\"",
            ("PING" | "ECHO", 2..) => "returns load.payload: write the verb alone",
            ("SET", count) if count != 2 => "needs a key: \"SET key\"; the value is load.payload",
            ("GET", count) if count != 2 => "needs a key: \"GET key\"",
            ("GET", _) if payload > 0 => "sends no payload: write load.answer for the length of the value",
            ("SUBSCRIBE" | "PSUBSCRIBE" | "MONITOR" | "HELLO" | "QUIT" | "RESET", _) => {
                "changes the protocol of the connection: use a command with exactly one answer"
            }
            ("PING" | "ECHO" | "SET", _)
                if matches!(self.check, Some(Check::Bytes | Check::Length | Check::Content)) =>
            {
                "has a known answer that is always compared: remove check, or write \"none\" or \"status\""
            }
            _ => return Ok(()),
        };
        Err(format!("`{}` {wanted}", self.command))
    }

    /// Whether the payload belongs to the connection's own stream.
    #[must_use]
    pub fn sends_own(&self) -> bool {
        matches!(self.verb().as_str(), "PING" | "ECHO")
    }

    /// What its answer must be; the length of a value is known where the profile says so.
    pub(in crate::codec) fn wanted(&self, payload: u64, answer: Option<u64>) -> Wanted {
        let verb = self.verb();
        let usual = if verb == "GET" { Check::Bytes } else { Check::Any };
        match (self.check, verb.as_str()) {
            (Some(Check::None), _) => Wanted::Whatever,
            (Some(Check::Status), _) => Wanted::Any,
            (_, "PING") if payload == 0 => Wanted::Simple(b"PONG"),
            (_, "PING" | "ECHO") => Wanted::Own(payload),
            (_, "SET") => Wanted::Simple(b"OK"),
            (check, _) => match (check.unwrap_or(usual), answer) {
                (Check::Content, Some(length)) => Wanted::Shared(length),
                (check @ (Check::Bytes | Check::Length), answer) => Wanted::Same(check, answer),
                (_, Some(length)) => Wanted::Same(Check::Any, Some(length)),
                (_, None) => Wanted::Any,
            },
        }
    }

    /// What stands before the payload and behind it.
    #[must_use]
    pub fn around(&self, payload: u64) -> (Vec<u8>, &'static [u8]) {
        let words = self.words();
        let with_payload = payload > 0 || matches!(self.verb().as_str(), "ECHO" | "SET");
        let count = format!("*{}\r\n", words.len() + usize::from(with_payload));
        let head: String = iter::once(count)
            .chain(words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())))
            .chain(with_payload.then(|| format!("${payload}\r\n")))
            .collect();
        (head.into_bytes(), if with_payload { b"\r\n" } else { b"" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Command {
        Command { command: text.to_owned(), check: None }
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let text = |words: &str, payload| {
            let (head, tail) = command(words).around(payload);
            (String::from_utf8(head).expect("text"), tail)
        };
        assert_eq!(text("PING", 0), ("*1\r\n$4\r\nPING\r\n".into(), &b""[..]));
        assert_eq!(text(" SET  k ", 5), ("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\n".into(), &b"\r\n"[..]));
        assert_eq!(text("echo", 0), ("*2\r\n$4\r\necho\r\n$0\r\n".into(), &b"\r\n"[..]));
    }

    #[test]
    fn the_expected_answer_follows_the_command_name() {
        assert_eq!(command("ping").wanted(0, None), Wanted::Simple(b"PONG"));
        assert_eq!(command("PING").wanted(3, None), Wanted::Own(3));
        assert_eq!(command("SET k").wanted(3, None), Wanted::Simple(b"OK"));
        assert_eq!(command("GET k").wanted(0, Some(3)), Wanted::Same(Check::Bytes, Some(3)));
        assert_eq!(command("GET k").wanted(0, None), Wanted::Same(Check::Bytes, None));
        let checked = |check| Command { check: Some(check), ..command("GET k") }.wanted(0, Some(3));
        assert_eq!(checked(Check::Content), Wanted::Shared(3));
        assert_eq!(checked(Check::Length), Wanted::Same(Check::Length, Some(3)));
        assert_eq!((checked(Check::Status), checked(Check::None)), (Wanted::Any, Wanted::Whatever));
        assert_eq!(command("LRANGE l 0 9").wanted(0, None), Wanted::Any);
    }

    #[test]
    fn commands_that_cannot_be_repeated_are_refused() {
        for words in ["", "SET", "SET a b", "GET", "PING x", "SUBSCRIBE x"] {
            assert!(command(words).check(0).is_err(), "{words}");
        }
        assert!(command("GET k").check(1).is_err());
        assert_eq!(command("LPUSH k").check(9), Ok(()));
    }
}
