//! A network namespace of our own, whose loopback interface has the settings that are asked for: `network_namespaces(7)`,
//! `user_namespaces(7)`.
#![forbid(unsafe_code)]

use std::{fs, io};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

use super::loopback::Loopback;

/// A network namespace that can be entered. It has nothing but a loopback interface, and ends with its last process.
#[derive(Clone, Debug)]
pub struct NetworkNamespace {
    mtu: Option<u32>,
    segmentation_offload: bool,
    user_map: String,
    group_map: String,
}

impl NetworkNamespace {
    /// One whose loopback interface has this MTU, in bytes (`None` leaves the kernel's, 65536), and passes segments that are
    /// longer than it or not.
    #[must_use]
    pub fn new(mtu: Option<u32>, segmentation_offload: bool) -> Self {
        // Ids have to be asked for before: until they are mapped, a new user namespace shows others.
        let (user, group) = (geteuid(), getegid());
        Self {
            mtu,
            segmentation_offload,
            user_map: format!("{user} {user} 1"),
            group_map: format!("{group} {group} 1"),
        }
    }

    /// Moves this process into it, with all that it starts from then on; makes nothing but system calls. Where the user may
    /// not make a network namespace, it is made in a user namespace in which the user and the group have the ids that they
    /// have outside; other ids do not exist there.
    ///
    /// # Errors
    /// `EINVAL` if the process has more than one thread; otherwise see [`refusal`].
    pub fn enter(&self) -> io::Result<()> {
        // A container may permit to make one, but not to change it.
        match unshare(CloneFlags::CLONE_NEWNET).map_err(io::Error::from).and_then(|()| self.set_up()) {
            Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => {}
            done => return done,
        }
        unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
        // Without root a group can only be mapped when none can be left any more.
        fs::write("/proc/self/setgroups", "deny")?;
        fs::write("/proc/self/uid_map", &self.user_map)?;
        fs::write("/proc/self/gid_map", &self.group_map)?;
        self.set_up()
    }

    fn set_up(&self) -> io::Result<()> {
        let loopback = Loopback::open()?;
        self.mtu.map_or(Ok(()), |mtu| loopback.set_mtu(mtu))?;
        if !self.segmentation_offload {
            loopback.set_segmentation_offload(false)?;
        }
        loopback.bring_up()
    }
}

/// Why a network namespace could not be made, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, as a part of a sentence.
    pub reason: String,
    /// What to do, as a command if there is one.
    pub remedy: String,
}

/// What an error of [`NetworkNamespace::enter`] comes from, as far as the kernel's settings tell.
#[must_use]
pub fn refusal(error: &io::Error) -> Refusal {
    explain(error, |name| {
        let text = fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?;
        Some(text.trim().to_owned())
    })
}

/// The same, with a function that reads a setting.
fn explain(error: &io::Error, setting: impl Fn(&str) -> Option<String>) -> Refusal {
    const USERS: &str = "user.max_user_namespaces";
    const NETWORKS: &str = "user.max_net_namespaces";
    let refusal = |reason: String, remedy: &str| Refusal { reason, remedy: remedy.to_owned() };
    let is = |name: &str, value: &str| setting(name).as_deref() == Some(value);
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC) => {
            let [users, networks] =
                [USERS, NETWORKS].map(|name| setting(name).unwrap_or_else(|| "unknown".to_owned()));
            refusal(
                format!("no more namespaces are allowed ({USERS} {users}, {NETWORKS} {networks})"),
                "sysctl -w user.max_user_namespaces=10000 user.max_net_namespaces=10000",
            )
        }
        Some(Errno::EPERM | Errno::EACCES) if is("kernel.apparmor_restrict_unprivileged_userns", "1") => {
            refusal(
                "AppArmor keeps user namespaces from users without root (kernel.apparmor_restrict_unprivileged_userns 1)"
                    .to_owned(),
                "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
            )
        }
        Some(Errno::EPERM | Errno::EACCES) if is("kernel.unprivileged_userns_clone", "0") => refusal(
            "user namespaces are kept from users without root (kernel.unprivileged_userns_clone 0)".to_owned(),
            "sysctl -w kernel.unprivileged_userns_clone=1",
        ),
        Some(Errno::EPERM | Errno::EACCES) => refusal(
            "neither a network namespace nor a user namespace is permitted here".to_owned(),
            "run badpeer as root, and in a container with CAP_SYS_ADMIN and CAP_NET_ADMIN (docker run --cap-add SYS_ADMIN \
             --cap-add NET_ADMIN)",
        ),
        Some(Errno::EINVAL | Errno::ENOSYS) => refusal(
            "the kernel has no user namespaces (CONFIG_USER_NS), or no network namespaces (CONFIG_NET_NS)".to_owned(),
            "run badpeer as root, or a kernel that has both",
        ),
        _ => refusal(error.to_string(), "run badpeer as root"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_setting_that_causes_it() {
        let why = |errno: Errno, settings: &[(&str, &str)]| {
            let of = |name: &str| {
                settings.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            };
            explain(&io::Error::from(errno), of)
        };
        let full = why(Errno::ENOSPC, &[("user.max_user_namespaces", "0")]);
        assert!(
            full.reason.ends_with("(user.max_user_namespaces 0, user.max_net_namespaces unknown)"),
            "{full:?}"
        );
        let apparmor = ("kernel.apparmor_restrict_unprivileged_userns", "1");
        let debian = ("kernel.unprivileged_userns_clone", "0");
        for (setting, remedy) in [
            (&[apparmor][..], "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
            (&[(apparmor.0, "0"), debian], "sysctl -w kernel.unprivileged_userns_clone=1"),
        ] {
            assert_eq!(why(Errno::EPERM, setting).remedy, remedy);
        }
        let sandbox = why(Errno::EPERM, &[(apparmor.0, "0"), (debian.0, "1")]);
        assert!(sandbox.remedy.contains("--cap-add NET_ADMIN"), "{sandbox:?}");
        assert!(why(Errno::EINVAL, &[]).reason.contains("CONFIG_USER_NS"));
        assert!(why(Errno::ENOMEM, &[apparmor]).reason.contains("memory"));
    }
}
