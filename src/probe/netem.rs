//! Whether the kernel has netem, the queueing discipline that delays and loses packets: `tc-netem(8)`, `rtnetlink(7)`.

use std::io;

use super::netlink;

const RTM_NEWQDISC: u16 = 36;
const TCA_KIND: u16 = 1;
const TCA_OPTIONS: u16 = 2;
/// `TC_H_ROOT` of `linux/pkt_sched.h`.
const ROOT: u32 = u32::MAX;
/// In every network namespace the loopback interface has the index 1: `LOOPBACK_IFINDEX` of `net/flow.h`.
const LOOPBACK: i32 = 1;

/// A request to put netem on the loopback interface, with neither delay nor loss.
#[derive(Debug)]
pub struct NetemTrial {
    request: Vec<u8>,
}

impl NetemTrial {
    /// Prepares the request.
    #[must_use]
    pub fn new() -> Self {
        Self { request: netlink::request(RTM_NEWQDISC, &payload()) }
    }

    /// Puts it on the loopback interface of the network namespace of this thread; makes nothing but system calls.
    ///
    /// # Errors
    /// `ENOENT` where the kernel has no netem, `EPERM` without CAP_NET_ADMIN.
    pub fn run(&self) -> io::Result<()> {
        netlink::acknowledged(&self.request)
    }
}

impl Default for NetemTrial {
    fn default() -> Self {
        Self::new()
    }
}

/// `struct tcmsg` of `linux/rtnetlink.h`, the name, and `struct tc_netem_qopt` of `linux/pkt_sched.h`.
fn payload() -> Vec<u8> {
    const PACKETS: u32 = 1000;
    let (handle, info) = (0_u32, 0_u32);
    let mut bytes = vec![0; 4];
    bytes.extend_from_slice(&LOOPBACK.to_ne_bytes());
    for number in [handle, ROOT, info] {
        bytes.extend_from_slice(&number.to_ne_bytes());
    }
    let (latency, loss, gap, duplicate, jitter) = (0, 0, 0, 0, 0);
    let options = [latency, PACKETS, loss, gap, duplicate, jitter].map(u32::to_ne_bytes).concat();
    bytes.extend(netlink::attribute(TCA_KIND, b"netem\0"));
    bytes.extend(netlink::attribute(TCA_OPTIONS, &options));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn a_request_has_the_wire_format() {
        let bytes = payload();
        assert_eq!(bytes[..20], [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0]);
        assert_eq!(bytes[20..32], *b"\x0a\0\x01\0netem\0\0\0");
        assert_eq!(bytes[32..44], [28, 0, 2, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0]);
        assert_eq!(bytes.len(), 60);
    }
}
