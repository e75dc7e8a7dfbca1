//! The loopback interface of the network namespace that this process is in.
#![forbid(unsafe_code)]

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use super::calls::interface;

const NAME: &str = "lo";

/// The loopback interface. (`/sys/class/net/lo` is that of the namespace in which sysfs was mounted, which may be another one.)
#[derive(Debug)]
pub struct Loopback {
    socket: OwnedFd,
}

impl Loopback {
    /// That of the network namespace that this thread is in now.
    ///
    /// # Errors
    /// What `socket(2)` says.
    pub fn open() -> io::Result<Self> {
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None)?;
        Ok(Self { socket })
    }

    /// Its MTU, in bytes: 65536 unless it was changed.
    ///
    /// # Errors
    /// What `netdevice(7)` says.
    pub fn mtu(&self) -> io::Result<u32> {
        interface::mtu(self.socket.as_fd(), NAME)
    }

    /// Sets its MTU, in bytes.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN.
    pub fn set_mtu(&self, mtu: u32) -> io::Result<()> {
        interface::set_mtu(self.socket.as_fd(), NAME, mtu)
    }

    /// Whether data of TCP passes it in pieces of up to 64 KiB, whatever the MTU is, and is not segmented on the way (TSO).
    ///
    /// # Errors
    /// `EOPNOTSUPP` where it does not say.
    pub fn segmentation_offload(&self) -> io::Result<bool> {
        interface::segmentation_offload(self.socket.as_fd(), NAME)
    }

    /// Sets whether data of TCP passes it in pieces that are longer than its MTU.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN.
    pub fn set_segmentation_offload(&self, is_on: bool) -> io::Result<()> {
        interface::set_segmentation_offload(self.socket.as_fd(), NAME, is_on)
    }

    /// Brings it up: in a new network namespace it is down.
    ///
    /// # Errors
    /// `EPERM` without CAP_NET_ADMIN.
    pub fn bring_up(&self) -> io::Result<()> {
        interface::bring_up(self.socket.as_fd(), NAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_tells_its_settings() {
        let loopback = Loopback::open().unwrap();
        let mtu = loopback.mtu().unwrap();
        assert!(mtu >= 68, "{mtu}");
        loopback.segmentation_offload().unwrap();
        let missing = interface::mtu(loopback.socket.as_fd(), "no-such-device").unwrap_err();
        assert_eq!(missing.raw_os_error(), Some(libc::ENODEV));
    }
}
