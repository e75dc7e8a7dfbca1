//! Which resource of this machine is exhausted, as an error says.

use std::io;

use nix::errno::Errno;

use crate::record::ResourceExhaustion;

/// The resource that is exhausted, if that is the error.
pub(super) fn exhausted(error: &io::Error) -> Option<ResourceExhaustion> {
    Some(match Errno::from_raw(error.raw_os_error()?) {
        Errno::EMFILE => ResourceExhaustion::Descriptors,
        Errno::ENFILE => ResourceExhaustion::MachineDescriptors,
        Errno::EADDRNOTAVAIL => ResourceExhaustion::Ports,
        Errno::ENOMEM | Errno::ENOBUFS => ResourceExhaustion::Memory,
        Errno::ENOSPC => ResourceExhaustion::Watches,
        Errno::EAGAIN => ResourceExhaustion::Threads,
        _ => return None,
    })
}
