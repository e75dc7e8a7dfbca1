//! What `badpeer list` can list.

use clap::ValueEnum;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Topic {
    /// Shipped profiles and what each shows
    Profiles,
    /// Protocols of clients and their keys
    Protocols,
    /// Behaviors of clients in one direction
    Behaviors,
    /// Bad peers of `badpeer bench`
    Peers,
    /// Metrics, which `[expect]` and `[gate]` can name
    Metrics,
    /// Knobs of the reference server
    Server,
    /// Core experiments and their keys
    Core,
    /// Servers of `badpeer atlas`, and what hardens them
    Servers,
    /// Faults of `badpeer atlas`
    Faults,
}

impl Topic {
    pub(super) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it is, and where its names are written.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Self::Profiles => "PROFILES   badpeer run NAME, badpeer show NAME",
            Self::Protocols => "PROTOCOLS   protocol = … of a client group",
            Self::Behaviors => "BEHAVIORS   rx = … and tx = … of a client group",
            Self::Peers => "PEERS   badpeer bench ADDRESS --bad NAME=N",
            Self::Metrics => "METRICS   names in [expect]; those of a group are written \"group.name\"",
            Self::Server => "SERVER   keys of [server], and flags of `badpeer serve`",
            Self::Core => "CORE   experiment = \"NAME\" and keys of [core]",
            Self::Servers => "SERVERS   badpeer atlas --servers NAME",
            Self::Faults => "FAULTS   badpeer atlas --faults NAME",
        }
    }
}
