//! Misbehaving clients on the command line of `badpeer capacity`: a kind with its number, or the kind whose number is
//! searched.

use super::super::bad_peers::crowd;
use crate::profile::Crowd;

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

    /// These clients, with the number of those that are searched.
    pub(super) fn crowd(&self, searched: u32) -> Crowd {
        match self {
            Self::Fixed(crowd) => crowd.clone(),
            Self::Searched(crowd) => Crowd { count: searched, ..crowd.clone() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_without_a_number_is_searched() {
        let searched = SearchedPeer::parse("slow-reader").expect("a kind");
        assert!(searched.is_searched() && searched.crowd(7).count == 7 && searched.name() == "slow-reader");
        let fixed = SearchedPeer::parse("idle=5").expect("a kind");
        assert!(!fixed.is_searched() && fixed.crowd(7).count == 5);
        let refused = SearchedPeer::parse("slow-loris").expect_err("unknown");
        assert!(refused.contains("did you mean `slowloris`?"), "{refused}");
    }
}
