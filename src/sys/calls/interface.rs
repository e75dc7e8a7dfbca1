//! Settings of network interfaces, by `ioctl(2)`: those of `netdevice(7)`, and those of `ethtool(8)`.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// `ETHTOOL_GTSO` and `ETHTOOL_STSO` of `linux/ethtool.h`: segmentation of TCP by the interface.
const GET_TSO: u32 = 0x1e;
const SET_TSO: u32 = 0x1f;

/// `struct ethtool_value` of `linux/ethtool.h`.
#[repr(C)]
struct EthtoolValue {
    command: u32,
    data: u32,
}

/// The MTU of the interface of this name, in bytes. `socket` is any socket in its network namespace.
///
/// # Errors
/// `ENODEV` without such an interface.
pub(in crate::sys) fn mtu(socket: BorrowedFd<'_>, name: &str) -> io::Result<u32> {
    let mut request = request(name, libc::__c_anonymous_ifr_ifru { ifru_mtu: 0 });
    call(socket, libc::SIOCGIFMTU as libc::Ioctl, &mut request)?;
    // SAFETY: SIOCGIFMTU has written this field, an integer, which any bytes are one of.
    Ok(u32::try_from(unsafe { request.ifr_ifru.ifru_mtu }).unwrap_or(0))
}

/// Sets the MTU of the interface of this name, in bytes.
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN, `EINVAL` for an MTU that the interface cannot have.
pub(in crate::sys) fn set_mtu(socket: BorrowedFd<'_>, name: &str, mtu: u32) -> io::Result<()> {
    let ifru_mtu = libc::c_int::try_from(mtu).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let mut request = request(name, libc::__c_anonymous_ifr_ifru { ifru_mtu });
    call(socket, libc::SIOCSIFMTU as libc::Ioctl, &mut request)
}

/// Brings the interface of this name up, which gives the loopback interface its addresses, too.
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN.
pub(in crate::sys) fn bring_up(socket: BorrowedFd<'_>, name: &str) -> io::Result<()> {
    let mut request = request(name, libc::__c_anonymous_ifr_ifru { ifru_flags: 0 });
    call(socket, libc::SIOCGIFFLAGS as libc::Ioctl, &mut request)?;
    // SAFETY: SIOCGIFFLAGS has written this field, an integer, which any bytes are one of.
    let flags = unsafe { request.ifr_ifru.ifru_flags };
    request.ifr_ifru.ifru_flags = flags | libc::IFF_UP as libc::c_short;
    call(socket, libc::SIOCSIFFLAGS as libc::Ioctl, &mut request)
}

/// Whether the interface of this name is given TCP data in pieces that are longer than its MTU (TSO).
///
/// # Errors
/// `EOPNOTSUPP` where it does not say.
pub(in crate::sys) fn segmentation_offload(socket: BorrowedFd<'_>, name: &str) -> io::Result<bool> {
    ethtool(socket, name, EthtoolValue { command: GET_TSO, data: 0 }).map(|data| data != 0)
}

/// Sets whether the interface of this name is given TCP data in pieces that are longer than its MTU (TSO).
///
/// # Errors
/// `EPERM` without CAP_NET_ADMIN, `EOPNOTSUPP` where it cannot be set.
pub(in crate::sys) fn set_segmentation_offload(
    socket: BorrowedFd<'_>,
    name: &str,
    is_on: bool,
) -> io::Result<()> {
    ethtool(socket, name, EthtoolValue { command: SET_TSO, data: is_on.into() }).map(drop)
}

/// What the value is afterwards.
fn ethtool(socket: BorrowedFd<'_>, name: &str, mut value: EthtoolValue) -> io::Result<u32> {
    let ifru_data = (&raw mut value).cast();
    let mut request = request(name, libc::__c_anonymous_ifr_ifru { ifru_data });
    call(socket, libc::SIOCETHTOOL as libc::Ioctl, &mut request)?;
    Ok(value.data)
}

/// A request about the interface of this name, of which at most 15 bytes count.
fn request(name: &str, ifr_ifru: libc::__c_anonymous_ifr_ifru) -> libc::ifreq {
    let mut ifr_name = [0; libc::IFNAMSIZ];
    for (to, from) in ifr_name.iter_mut().zip(name.bytes().take(libc::IFNAMSIZ - 1)) {
        *to = libc::c_char::from_ne_bytes([from]);
    }
    libc::ifreq { ifr_name, ifr_ifru }
}

fn call(socket: BorrowedFd<'_>, operation: libc::Ioctl, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: the kernel reads and writes one `ifreq`. Only `ethtool` puts a pointer into it, to an `ethtool_value` that
    // outlives the call, and its operations read and write no more than that.
    let status = unsafe { libc::ioctl(socket.as_raw_fd(), operation, &raw mut *request) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
