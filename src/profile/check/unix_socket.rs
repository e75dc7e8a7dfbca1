//! What a server at a UNIX-domain socket cannot be asked for: what TCP alone has.

use super::{Fault, Group, Profile, fault};

impl Profile {
    /// Whether nothing is asked of the clients that a UNIX-domain socket does not have; the server's own keys are checked with
    /// them.
    pub(super) fn check_unix(&self) -> Result<(), Fault> {
        if !self.server.is_unix() {
            return Ok(());
        }
        if !self.source.is_default() {
            return fault(&["source"], NO_SOURCE);
        }
        for (index, group) in self.clients.iter().enumerate() {
            check_group(group).map_err(|(key, message)| Fault {
                path: vec!["clients".into(), index.to_string(), key.to_owned()],
                message,
            })?;
        }
        Ok(())
    }
}

const NO_SOURCE: &str = "the clients of a UNIX socket have no addresses: remove this key";

fn check_group(group: &Group) -> Result<(), (&'static str, String)> {
    if !group.source.is_default() {
        return Err(("source", NO_SOURCE.to_owned()));
    }
    if group.recv_buffer.is_some() {
        let message = "the receiver of a UNIX socket has no buffer of its own: what it has not read is in the sender's, \
                       of the server's send buffer (server.send_buffer of the reference server). Remove this key";
        return Err(("recv_buffer", message.to_owned()));
    }
    let directions = [("rx", group.rx.about()), ("tx", group.tx.about())];
    match directions.into_iter().find(|(_, about)| about.needs_tcp) {
        Some((key, about)) => Err((
            key,
            format!(
                "`{}` needs TCP: a UNIX socket has no RST, and its peer cannot vanish, because the kernel closes it for \
                 both. Use `close`, or drive the server over TCP",
                about.name
            ),
        )),
        None => Ok(()),
    }
}
