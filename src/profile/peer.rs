//! The misbehaving clients of `badpeer bench`, by name.

/// A named kind of misbehaving client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Peer {
    /// Sends ten requests per second, for 64 KiB where that can be chosen, and reads 10 KiB/s
    SlowReader,
    /// Sends ten requests per second, for 64 KiB where that can be chosen, and never reads
    StalledReader,
    /// Sends its request at ten bytes per second
    SlowWriter,
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
    /// Their number.
    pub count: u32,
}

impl Peer {
    /// Its name on the command line, and that of its group.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SlowReader => "slow-reader",
            Self::StalledReader => "stalled-reader",
            Self::SlowWriter => "slow-writer",
            Self::HalfSent => "half-sent",
            Self::Fragmented => "fragmented",
            Self::Idle => "idle",
        }
    }
}
