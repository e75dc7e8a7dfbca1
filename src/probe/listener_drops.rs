//! Attempts to connect that listening sockets dropped, without what the kernel only set aside.

/// Counts the drops of the server's listening sockets. A socket counts every packet that it did not take (`SKMEMINFO_DROPS`),
/// also the end of a handshake that TCP_DEFER_ACCEPT sets aside until data comes: that connection is not lost. The kernel counts
/// lost attempts of all sockets together (`ListenDrops` in /proc/net/netstat): there are no more of these sockets than of all.
#[derive(Clone, Copy, Debug, Default)]
pub struct ListenerDrops {
    /// Both counters at the first look.
    first: Option<(u64, u64)>,
}

impl ListenerDrops {
    /// Attempts that were dropped since the first look: `of_sockets` are the drops of the server's listening sockets,
    /// `of_all` the lost attempts of all sockets, if they are known.
    pub fn since_first(&mut self, of_sockets: u64, of_all: Option<u64>) -> u64 {
        let (sockets, all) = *self.first.get_or_insert((of_sockets, of_all.unwrap_or(0)));
        let own = of_sockets.saturating_sub(sockets);
        of_all.map_or(own, |of_all| own.min(of_all.saturating_sub(all)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_socket_of_this_machine_lost_was_only_set_aside() {
        let mut drops = ListenerDrops::default();
        assert_eq!(drops.since_first(7, Some(100)), 0);
        assert_eq!(drops.since_first(35, Some(100)), 0, "28 handshakes wait for data");
        assert_eq!(drops.since_first(40, Some(103)), 3);
        assert_eq!(drops.since_first(41, Some(500)), 34, "others lost more");
    }

    #[test]
    fn without_the_kernels_count_every_drop_counts() {
        let mut drops = ListenerDrops::default();
        assert_eq!([drops.since_first(7, None), drops.since_first(9, None)], [0, 2]);
    }
}
