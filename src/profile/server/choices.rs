//! The reference server's enumerated knobs: each value is a word in a profile and on the command line.

use serde::{Deserialize, Serialize};

/// An enum whose values are written the same in TOML, as a flag and when shown.
macro_rules! choices {
    ($( $(#[$about:meta])+ $name:ident { $( $(#[$help:meta])+ $variant:ident $text:literal, )+ } )+) => { $(
        $(#[$about])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum, schemars::JsonSchema)]
        pub enum $name {
            $( $(#[$help])+ #[serde(rename = $text)] #[value(name = $text)] $variant, )+
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $( Self::$variant => $text, )+ })
            }
        }
    )+ };
}
pub(in crate::profile) use choices;

choices! {
    /// Protocol of the server.
    Service {
        /// Every byte is sent back unchanged.
        Echo "echo",
        /// Length-prefixed messages with a sequence number and a checksum; the answer has the requested length.
        #[default]
        Frame "frame",
        /// Every line is sent back when it is complete.
        Line "line",
        /// HTTP/1.1: files below `root`, or generated bodies.
        Http "http",
    }

    /// How the heads of HTTP requests are parsed. The answers are the same.
    HeadParsing {
        /// Once, when all of the head is in the receive buffer.
        #[default]
        Whole "whole",
        /// Each line as it arrives: it is then taken out of the receive buffer.
        LineByLine "line-by-line",
    }

    /// Which threads serve which connections.
    Dispatch {
        /// One thread, one loop.
        #[default]
        Single "single",
        /// Each thread has a loop, a listener of its own on the same port (SO_REUSEPORT), and the connections it accepted.
        Reactors "reactors",
        /// All threads wait on one epoll; one thread owns a reported connection until it is armed again (EPOLLONESHOT).
        Workers "workers",
        /// Every thread has every connection: a mistake. Chance decides which thread reads the next bytes, and so the
        /// order of the answers.
        WorkersShared "workers-shared",
    }

    /// How readiness is reported.
    Trigger {
        /// Level-triggered: as long as there is something to do (the default of epoll).
        #[default]
        Level "level",
        /// Edge-triggered: once for each change (EPOLLET); the socket must be read until EAGAIN.
        Edge "edge",
    }

    /// When the loop asks for writability (EPOLLOUT).
    WriteInterest {
        /// Only while something could not be sent.
        #[default]
        OnDemand "on-demand",
        /// Always: a mistake. A socket is almost always writable, so a level-triggered loop spins.
        Eager "eager",
        /// For every answer: nothing is sent before EPOLLOUT was armed and reported.
        AlwaysArm "always-arm",
    }

    /// What happens when more waits to be sent than the limit allows.
    Overflow {
        /// The connection is evicted.
        #[default]
        Close "close",
        /// Its requests are not read until less than half of the limit waits.
        Pause "pause",
    }

    /// What keeps the send timer from firing.
    Progress {
        /// Bytes that the client acknowledged.
        #[default]
        Acknowledged "acknowledged",
        /// Write events: a mistake. The kernel reports room only when a third of its send buffer is free, so slow but
        /// live clients are evicted.
        WriteEvent "write-event",
    }

    /// How bytes get into the receive buffer.
    ReadStrategy {
        /// One readv into the buffer's free space and a 64 KiB block, which is then appended.
        #[default]
        ReadvSpill "readv-spill",
        /// Ask for the number of waiting bytes (FIONREAD), make room for them, read.
        Fionread "fionread",
        /// Read into a 64 KiB block and always append it.
        Fixed64k "fixed-64k",
        /// Read and append 1 KiB at a time until a read returns less.
        Chunk1k "chunk-1k",
    }

    /// How an evicted connection is closed.
    EvictBy {
        /// RST (`SO_LINGER` 0): the kernel drops unsent bytes at once and informs the client.
        #[default]
        Rst "rst",
        /// FIN (a plain close): the kernel keeps unsent bytes, for minutes if the client does not read.
        Fin "fin",
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use std::fmt;

    use super::*;

    fn written_the_same<T: ValueEnum + fmt::Display + Serialize>() {
        for value in T::value_variants() {
            let text = value.to_string();
            assert_eq!(value.to_possible_value().map(|v| v.get_name().to_owned()), Some(text.clone()));
            assert_eq!(serde_json::to_value(value).unwrap(), text);
        }
    }

    #[test]
    fn a_choice_has_the_same_name_in_profiles_and_flags() {
        written_the_same::<Service>();
        written_the_same::<Trigger>();
        written_the_same::<WriteInterest>();
        written_the_same::<ReadStrategy>();
        written_the_same::<HeadParsing>();
    }
}
