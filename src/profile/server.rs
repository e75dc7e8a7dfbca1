//! The reference server's knobs: one declaration gives the keys of `[server]`, the flags of `badpeer serve`, their
//! defaults and their help.

use std::fmt;

use clap::Parser;
use serde::{Deserialize, Serialize};

use crate::{
    buffer::Kind,
    codec::Protocol,
    units::{Bytes, OrOff, Span},
};

/// How readiness is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Trigger {
    /// As long as there is something to do (the default of epoll).
    #[default]
    Level,
    /// Once for each change (EPOLLET): what is there must be taken until EAGAIN.
    Edge,
}

/// How a connection is ended that broke a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum EvictBy {
    /// `SO_LINGER` 0: the kernel drops what is unsent at once and tells the peer.
    #[default]
    Rst,
    /// A plain close: the kernel keeps what is unsent, for minutes if the peer does not read.
    Fin,
}

/// What can be set about the reference server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Parser)]
#[serde(default, deny_unknown_fields)]
pub struct ServerOptions {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: String,

    /// What is spoken on every connection
    #[arg(long, value_enum, default_value_t)]
    pub protocol: Protocol,

    /// How epoll reports readiness
    #[arg(long, value_enum, default_value_t)]
    pub trigger: Trigger,

    /// How bytes that wait are kept
    #[arg(long, value_enum, default_value_t)]
    pub buffer: Kind,

    /// First capacity of each buffer; 0 allocates when the first byte waits
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    pub initial: Bytes,

    /// Most that a connection's receive buffer may hold: the longest message
    #[arg(long, value_name = "SIZE|off", default_value = "16MiB")]
    pub receive_limit: OrOff<Bytes>,

    /// Most that may wait in a connection's send buffer; beyond it the connection is evicted
    #[arg(long, value_name = "SIZE|off", default_value = "16MiB")]
    pub send_limit: OrOff<Bytes>,

    /// Time that data may stay unsent while the peer acknowledges nothing; then the connection is evicted
    #[arg(long, value_name = "TIME|off", default_value = "10s")]
    pub send_timeout: OrOff<Span>,

    /// How an evicted connection is ended
    #[arg(long, value_enum, default_value_t)]
    pub evict_by: EvictBy,

    /// Kernel send buffer of each connection (SO_SNDBUF); off leaves it to the kernel's autotuning
    #[arg(long, value_name = "SIZE|off", default_value = "off")]
    pub send_buffer: OrOff<Bytes>,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self::parse_from(["serve"])
    }
}

impl ServerOptions {
    /// The flags that make `badpeer serve` run with these options.
    #[must_use]
    pub fn to_flags(&self) -> Vec<String> {
        let table = toml::Table::try_from(self).unwrap_or_default();
        table
            .into_iter()
            .flat_map(|(key, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                [format!("--{}", key.replace('_', "-")), value]
            })
            .collect()
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Level => "level",
            Self::Edge => "edge",
        })
    }
}

impl fmt::Display for EvictBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rst => "rst",
            Self::Fin => "fin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_lead_back_to_the_options() {
        let options: ServerOptions = toml::from_str(
            "trigger = \"edge\"\nbuffer = \"contiguous\"\nsend_limit = \"off\"\nsend_timeout = \"250ms\"\nevict_by = \"fin\"",
        )
        .expect("options");
        assert_ne!(options, ServerOptions::default());
        let flags = [vec!["serve".to_owned()], options.to_flags()].concat();
        assert_eq!(ServerOptions::try_parse_from(flags).expect("flags"), options);
    }

    #[test]
    fn an_unknown_key_is_refused() {
        assert!(toml::from_str::<ServerOptions>("sendlimit = 1").is_err());
    }
}
