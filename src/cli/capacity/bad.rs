//! Misbehaving clients on the command line of `badpeer capacity`: a kind with its number, or the kind whose number is
//! searched.

use super::super::bad_peers::crowd;
use crate::{capacity::is_count_of, profile::Crowd};

/// Misbehaving clients of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SearchedPeer {
    /// So many of them.
    Fixed(Crowd),
    /// As many as the server holds.
    Searched(Crowd),
}

impl SearchedPeer {
    /// Parses `slow-reader=200` or `slow-reader`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('=') {
            return crowd(text).map(Self::Fixed);
        }
        crowd(&format!("{text}=1")).map(Self::Searched)
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Fixed(crowd) | Self::Searched(crowd) => &crowd.name,
        }
    }

    pub(super) fn is_searched(&self) -> bool {
        matches!(self, Self::Searched(_))
    }

    /// These clients where the key `of` is set to this level: as many as it says if it is the key of their number.
    pub(super) fn crowd(&self, of: &str, level: u64) -> Crowd {
        let (Self::Fixed(own) | Self::Searched(own)) = self;
        let is_searched = is_count_of(of, &own.name);
        let count = if is_searched { u32::try_from(level).unwrap_or(u32::MAX) } else { own.count };
        Crowd { count, ..own.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_without_a_number_is_searched() {
        let searched = SearchedPeer::parse("slow-reader").expect("a kind");
        assert!(searched.is_searched() && searched.name() == "slow-reader");
        assert_eq!(searched.crowd("clients.slow-reader.count", 7).count, 7);
        let fixed = SearchedPeer::parse("idle=5").expect("a kind");
        assert!(!fixed.is_searched() && fixed.crowd("clients.slow-reader.count", 7).count == 5);
        assert_eq!(fixed.crowd("clients.idle.count", 7).count, 7, "its number is searched with --of");
        assert_eq!(fixed.crowd("clients.*.count", 7).count, 7);
        assert_eq!(fixed.crowd("clients.idle.load.depth", 7).count, 5);
        let refused = SearchedPeer::parse("slow-loris").expect_err("unknown");
        assert!(refused.contains("did you mean `slowloris`?"), "{refused}");
    }
}
