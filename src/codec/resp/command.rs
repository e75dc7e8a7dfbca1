//! The command that a group of clients repeats, and what its answer must be.

use std::iter;

use serde::{Deserialize, Serialize};

/// A command of redis, with words between spaces, such as `GET key` or `LRANGE list 0 9`.
///
/// The payload of the load is its last argument: a piece of the connection's own stream for `PING` and `ECHO`, which
/// give it back; for `SET` always the same bytes, so that whatever a `GET` finds is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The words of the command, without the payload.
    pub command: String,
}

impl Default for Command {
    fn default() -> Self {
        Self { command: "PING".to_owned() }
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
    /// Anything but an error.
    Any,
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
            ("PING" | "ECHO", 2..) => "gives back load.payload: write the verb alone",
            ("SET", count) if count != 2 => "needs a key: \"SET key\"; the value is load.payload",
            ("GET", count) if count != 2 => "needs a key: \"GET key\"",
            ("GET", _) if payload > 0 => "sends no payload: write load.answer for the length of the value",
            ("SUBSCRIBE" | "PSUBSCRIBE" | "MONITOR" | "HELLO" | "QUIT" | "RESET", _) => {
                "changes what the connection speaks; only a command with one answer can be repeated"
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
        match (self.verb().as_str(), answer) {
            ("PING", _) if payload == 0 => Wanted::Simple(b"PONG"),
            ("PING" | "ECHO", _) => Wanted::Own(payload),
            ("SET", _) => Wanted::Simple(b"OK"),
            ("GET", Some(length)) => Wanted::Shared(length),
            _ => Wanted::Any,
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
        Command { command: text.to_owned() }
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
    fn what_a_command_gives_is_known_by_its_verb() {
        assert_eq!(command("ping").wanted(0, None), Wanted::Simple(b"PONG"));
        assert_eq!(command("PING").wanted(3, None), Wanted::Own(3));
        assert_eq!(command("SET k").wanted(3, None), Wanted::Simple(b"OK"));
        assert_eq!(command("GET k").wanted(0, Some(3)), Wanted::Shared(3));
        assert_eq!(command("GET k").wanted(0, None), Wanted::Any);
        assert_eq!(command("LRANGE l 0 9").wanted(0, None), Wanted::Any);
    }

    #[test]
    fn what_cannot_be_repeated_is_refused() {
        for words in ["", "SET", "SET a b", "GET", "PING x", "SUBSCRIBE x"] {
            assert!(command(words).check(0).is_err(), "{words}");
        }
        assert!(command("GET k").check(1).is_err());
        assert_eq!(command("LPUSH k").check(9), Ok(()));
    }
}
