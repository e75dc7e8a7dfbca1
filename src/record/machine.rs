//! The machine that a run ran on.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The machine that a run ran on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Machine {
    /// Kernel release.
    pub kernel: String,
    /// Processor, as it calls itself.
    pub cpu: String,
    /// Number of processors that this process may use.
    pub cores: usize,
    /// Memory, in bytes.
    pub memory_bytes: u64,
    /// Instruction set.
    pub arch: String,
    /// The loopback interface of the network namespace that the run was made in; absent where it could not be read, and in
    /// older records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loopback: Option<Loopback>,
}

/// A loopback interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Loopback {
    /// Its MTU, in bytes.
    pub mtu: u32,
    /// Whether data of TCP passes it in pieces of up to 64 KiB whatever the MTU is (TSO); absent where it does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmentation_offload: Option<bool>,
}

impl Loopback {
    /// What Linux makes, and what an older record without one is taken for.
    pub const USUAL: Self = Self { mtu: 65_536, segmentation_offload: Some(true) };
}

impl fmt::Display for Loopback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offload = match self.segmentation_offload {
            Some(true) => "on",
            Some(false) => "off",
            None => "unknown",
        };
        write!(f, "MTU {}, segmentation offload {offload}", self.mtu)
    }
}

impl Machine {
    /// The loopback interface of two machines in words, if they differ.
    #[must_use]
    pub fn other_loopback(&self, other: &Self) -> Option<[String; 2]> {
        let words =
            |machine: &Self| machine.loopback.map_or_else(|| "unknown".to_owned(), |one| one.to_string());
        let or_usual = |machine: &Self| machine.loopback.unwrap_or(Loopback::USUAL);
        (or_usual(self) != or_usual(other)).then(|| [words(self), words(other)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(loopback: Option<Loopback>) -> Machine {
        Machine { loopback, ..Machine::default() }
    }

    #[test]
    fn an_unknown_loopback_counts_as_the_usual_one() {
        let (unknown, usual) = (with(None), with(Some(Loopback::USUAL)));
        let ethernet = with(Some(Loopback { mtu: 1500, segmentation_offload: Some(false) }));
        assert_eq!([unknown.other_loopback(&usual), usual.other_loopback(&unknown)], [None, None]);
        let words = |texts: [&str; 2]| Some(texts.map(str::to_owned));
        let off = "MTU 1500, segmentation offload off";
        assert_eq!(unknown.other_loopback(&ethernet), words(["unknown", off]));
        assert_eq!(ethernet.other_loopback(&usual), words([off, "MTU 65536, segmentation offload on"]));
    }

    #[test]
    fn an_older_machine_without_a_loopback_is_read() {
        let old = r#"{"kernel":"6.1","cpu":"c","cores":2,"memory_bytes":1,"arch":"x86_64"}"#;
        let machine: Machine = serde_json::from_str(old).expect("a machine");
        assert_eq!((machine.loopback, serde_json::to_string(&machine).expect("JSON").as_str()), (None, old));
    }
}
