//! Whether loopback can be made to resemble a network: a network namespace with another MTU, and netem. Both are tried in a
//! process that ends afterwards, and with it all that it made.

use std::io;

use super::finding::{Finding, State, good};
use crate::{
    probe::NetemTrial,
    sys::{NetworkNamespace, in_child, refusal},
};

/// Tries both. The kernel may load its module of netem for it.
pub(super) fn loopback() -> [Finding; 2] {
    let (namespace, trial) = (NetworkNamespace::new(Some(1500), true), NetemTrial::new());
    let entered = in_child(|| namespace.enter());
    let tried = entered.is_ok().then(|| in_child(|| namespace.enter().and_then(|()| trial.run())));
    [netns(entered), netem(tried)]
}

fn netns(entered: io::Result<()>) -> Finding {
    let Err(error) = entered else {
        let found = "a network namespace can be made: --netns mtu=1500 works".to_owned();
        return good("netns", found);
    };
    let refusal = refusal(&error);
    good("netns", refusal.reason).but(
        State::Missing,
        "no --netns: segments on loopback are up to 64 KiB long, as on no network",
        refusal.remedy,
    )
}

/// `tried`: none where there is no network namespace to try it in.
fn netem(tried: Option<io::Result<()>>) -> Finding {
    let costs = "loopback can be given neither delay nor loss";
    let missing = |found: &str, mend: &str| good("netem", found.to_owned()).but(State::Missing, costs, mend);
    match tried {
        None => missing("not tried, for want of a network namespace", "see netns"),
        Some(Ok(())) => {
            let found = "the kernel has it: loopback can be given delay and loss (docs/loopback.md)";
            good("netem", found.to_owned())
        }
        Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => missing(
            "the kernel does not have it",
            "modprobe sch_netem; if that is missing, a kernel with CONFIG_NET_SCH_NETEM (Ubuntu: linux-modules-extra)",
        ),
        Some(Err(error)) => {
            missing(&format!("refused: {error}"), "run badpeer as root, outside of a sandbox")
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    #[test]
    fn a_namespace_that_is_refused_is_reported_with_its_remedy() {
        assert_eq!(netns(Ok(())).state, State::Good);
        let refused = netns(Err(Errno::ENOSPC.into()));
        assert_eq!(refused.state, State::Missing);
        assert!(refused.mend.starts_with("sysctl -w user.max_user_namespaces"), "{refused:?}");
    }

    #[test]
    fn netem_is_missing_only_if_the_kernel_does_not_know_it() {
        assert_eq!(netem(Some(Ok(()))).state, State::Good);
        let unknown = netem(Some(Err(Errno::ENOENT.into())));
        assert!(
            unknown.found == "the kernel does not have it" && unknown.mend.contains("modprobe"),
            "{unknown:?}"
        );
        let refused = netem(Some(Err(Errno::EPERM.into())));
        assert!(refused.found.starts_with("refused: ") && refused.state == State::Missing, "{refused:?}");
        assert_eq!(netem(None).mend, "see netns");
    }

    #[test]
    fn what_is_tried_leaves_this_process_where_it_is() {
        let here = || std::fs::read_link("/proc/self/ns/net").expect("a namespace");
        let (before, _) = (here(), loopback());
        assert_eq!(here(), before);
    }
}
