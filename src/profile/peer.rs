//! The kinds of misbehaving clients of `badpeer bench`: their names, and what each does.

use clap::{ValueEnum, builder::PossibleValue};

use crate::codec::content;

/// A named kind of misbehaving client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// Sends ten requests/s and reads 10 KiB/s
    #[value(alias = "slow-read")]
    SlowReader,
    /// Sends ten requests/s and never reads the answers
    StalledReader,
    /// Sends its request at 10 B/s
    #[value(alias = "slowloris")]
    SlowWriter,
    /// Sends the body of its request at 10 B/s
    #[value(alias = "rudy")]
    SlowBody,
    /// Sends the first 8 bytes of its request, then nothing
    HalfSent,
    /// Sends its request byte by byte
    Fragmented,
    /// Connects and sends nothing
    Idle,
}

/// Misbehaving clients of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// Their kind.
    pub peer: Peer,
    /// The name of their group: that of the kind, or another name of it that was written.
    pub name: String,
    /// Their number.
    pub count: u32,
}

impl Peer {
    /// The name on the command line, and of the group.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SlowReader => "slow-reader",
            Self::StalledReader => "stalled-reader",
            Self::SlowWriter => "slow-writer",
            Self::SlowBody => "slow-body",
            Self::HalfSent => "half-sent",
            Self::Fragmented => "fragmented",
            Self::Idle => "idle",
        }
    }

    /// The largest number of them: each reader sends ten requests per second, and a group at most a million.
    #[must_use]
    pub const fn most(self) -> u32 {
        match self {
            Self::SlowReader | Self::StalledReader => 100_000,
            Self::SlowWriter | Self::SlowBody | Self::HalfSent | Self::Fragmented | Self::Idle => {
                content::STREAMS - 1
            }
        }
    }

    /// What it is called elsewhere; accepted in place of the name.
    #[must_use]
    pub fn aliases(self) -> Vec<String> {
        let value = self.to_possible_value();
        let names = value.iter().flat_map(PossibleValue::get_name_and_aliases);
        names.filter(|name| *name != self.name()).map(str::to_owned).collect()
    }

    /// What it does, in a sentence without a full stop.
    #[must_use]
    pub fn about(self) -> String {
        let value = self.to_possible_value();
        value.and_then(|value| value.get_help().map(ToString::to_string)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names_of_attacks_are_accepted() {
        for (name, peer) in [
            ("slowloris", Peer::SlowWriter),
            ("slow-read", Peer::SlowReader),
            ("slow-body", Peer::SlowBody),
            ("rudy", Peer::SlowBody),
        ] {
            assert_eq!(Peer::from_str(name, false), Ok(peer));
            assert!(peer.name() == name || peer.aliases() == [name], "{:?}", peer.aliases());
        }
        assert!(Peer::value_variants().iter().all(|peer| !peer.about().is_empty()));
    }
}
