//! The results of checking answers: counts, and the first fault.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    content::{self, Origin},
    error_answer::ErrorAnswer,
    flaw::{Flaw, Rank},
};

/// An answer is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// The number of its request on this connection, from 0.
    pub sequence: u64,
    /// It is well-formed and reports a failed request.
    pub error: bool,
    /// It announces that it is the last one on this connection.
    pub last: bool,
    /// It says that the server no longer waits for a request (HTTP's 408), and counts as an error: the newest answer, which
    /// [`super::Decoder::withdraw`] takes back.
    pub gave_up: bool,
}

/// The results of checking a stream of answers so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tally {
    /// Bytes received and compared.
    pub verified: u64,
    /// Bytes that differ from the expected bytes at their place.
    pub corrupt: u64,
    /// Messages that arrived in pieces with other bytes between them.
    pub torn: u64,
    /// Messages that arrived whole, but after a later one.
    pub reordered: u64,
    /// Answers that report a failed request.
    #[serde(default)]
    pub errors: u64,
    /// Of the errors, those that report an overloaded server: HTTP's 408, 429, 503 and 504; RESP's BUSY, LOADING and
    /// TRYAGAIN.
    #[serde(default)]
    pub overloaded: u64,
    /// The first bytes that were wrong; if there were none, the first answer that was an error; if there was none either,
    /// the first that was cut off.
    pub first_fault: Option<Fault>,
    /// The first answer that was an error or could not be understood, as it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_error: Option<ErrorAnswer>,
}

impl Tally {
    /// Takes over the counts of another connection, and its first fault if there was none yet. An answer that is only an
    /// error gives way to one with wrong bytes, and one that was cut off, which an eviction does, to any other.
    pub fn add(&mut self, other: &Self) {
        self.verified += other.verified;
        self.corrupt += other.corrupt;
        self.torn += other.torn;
        self.reordered += other.reordered;
        self.errors += other.errors;
        self.overloaded += other.overloaded;
        let faults = [self.first_fault, other.first_fault].into_iter().flatten();
        self.first_fault = Fault::first_of(faults);
        self.first_error = self.first_error.or(other.first_error);
    }

    /// Numbers the connections from 0, where the first one's content is `first`.
    pub fn count_streams_from(&mut self, first: u32) {
        if let Some(fault) = &mut self.first_fault {
            fault.count_streams_from(first);
        }
        if let Some(answer) = &mut self.first_error {
            answer.count_streams_from(first);
        }
    }

    pub(super) fn fault(&mut self, stream: u32, at: u64, found: Option<Origin>) {
        self.first_fault.get_or_insert(Fault { stream, at, found, flaw: None });
    }
}

/// A place in a connection's received bytes with wrong content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Fault {
    /// The connection, by the number of its stream.
    pub stream: u32,
    /// Offset in all bytes that the connection received.
    pub at: u64,
    /// What was found there instead, if that is known.
    pub found: Option<Origin>,
    /// What is wrong with the answer there, if it is not its content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flaw: Option<Flaw>,
}

impl Fault {
    /// The first of the most informative ones: see [`Tally::first_fault`].
    pub(crate) fn first_of(faults: impl IntoIterator<Item = Self>) -> Option<Self> {
        faults.into_iter().min_by_key(|fault| fault.flaw.map_or(Rank::Corrupt, Flaw::rank))
    }

    fn count_streams_from(&mut self, first: u32) {
        let number = |stream: u32| stream.wrapping_sub(first) % content::STREAMS;
        self.stream = number(self.stream);
        if let Some(origin) = &mut self.found {
            origin.stream = number(origin.stream);
        }
    }
}

/// Connections and bytes are counted from 1, as people do.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counted = |from_0: u64| from_0.saturating_add(1);
        let connection = counted(self.stream.into());
        if self.flaw == Some(Flaw::CutOff) {
            return write!(f, "connection {connection}, behind {} received bytes: {}", self.at, Flaw::CutOff);
        }
        write!(f, "connection {connection}, received byte {}: ", counted(self.at))?;
        if let Some(flaw) = self.flaw {
            return flaw.fmt(f);
        }
        match self.found.map(|origin| (origin, counted(origin.offset))) {
            Some((origin, byte)) if origin.stream == self.stream => {
                write!(f, "this is byte {byte} of this connection's stream")
            }
            Some((origin, byte)) => {
                write!(f, "this is byte {byte} of connection {}", counted(origin.stream.into()))
            }
            None => f.write_str("the bytes belong to no connection of this run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_telling_first_fault_of_several_connections_is_kept() {
        let with = |stream, flaw| Tally {
            first_fault: Some(Fault { stream, at: 9, found: None, flaw: Some(flaw) }),
            ..Tally::default()
        };
        let mut all = Tally::default();
        for (tally, first) in [
            (with(1, Flaw::CutOff), 1),
            (with(2, Flaw::CutOff), 1),
            (with(3, Flaw::RespError), 3),
            (with(4, Flaw::StatusOther { found: 404 }), 3),
            (with(5, Flaw::RespOther), 5),
            (with(6, Flaw::Different), 5),
            (with(7, Flaw::RespNull), 5),
            (with(8, Flaw::CutOff), 5),
            (Tally::default(), 5),
        ] {
            all.add(&tally);
            assert_eq!(all.first_fault.map(|fault| fault.stream), Some(first));
        }
    }

    #[test]
    fn messages_count_connections_and_bytes_from_one() {
        let fault = |at, found, flaw| Fault { stream: 0, at, found, flaw };
        let origin = |stream, offset| Some(Origin { stream, offset });
        for (fault, text) in [
            (
                fault(0, None, None),
                "connection 1, received byte 1: the bytes belong to no connection of this run",
            ),
            (
                fault(6, origin(0, 3), None),
                "connection 1, received byte 7: this is byte 4 of this connection's stream",
            ),
            (fault(6, origin(1, 0), None), "connection 1, received byte 7: this is byte 1 of connection 2"),
            (
                fault(7, None, Some(Flaw::CutOff)),
                "connection 1, behind 7 received bytes: the connection ends here, in the middle of an answer",
            ),
            (
                fault(7, None, Some(Flaw::FrameHead)),
                "connection 1, received byte 8: a wrong byte in the head of a frame",
            ),
        ] {
            assert_eq!(fault.to_string(), text);
        }
    }
}
