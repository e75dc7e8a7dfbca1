//! The only folder where `unsafe` is allowed: system calls that neither std nor nix wraps, each made safe here.
#![allow(
    unsafe_code,
    reason = "TCP_INFO, SO_MEMINFO, SIOCOUTQ, FIONREAD, TIOCGWINSZ, TCP_NOTSENT_LOWAT, SO_ATTACH_FILTER, a long backlog, epoll_pwait2, close_range, perf_event_open, adjtimex: nix wraps none of them; sigaction that only asks; ioctls of network interfaces; pre_exec; fork"
)]

mod child;
pub(super) mod interface;

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::sys::prctl;
use nix::sys::signal::{self, SigHandler, SigSet, Signal};
use nix::time::{ClockId, clock_gettime};

pub(crate) use self::child::in_child;
use super::socket::{SocketMemory, TcpInfo};

/// Nanoseconds of `CLOCK_MONOTONIC`: one clock for every process of the machine, so that instants taken in the
/// server and in the client can be subtracted.
///
/// # Panics
/// When the machine has no monotonic clock; Linux always has.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has CLOCK_MONOTONIC");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// Nanoseconds of `CLOCK_REALTIME` since 1970.
///
/// # Panics
/// When the machine has no such clock; Linux always has.
#[must_use]
pub fn realtime_ns() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_REALTIME).expect("Linux has CLOCK_REALTIME");
    now.tv_sec().max(0) as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

/// How far `CLOCK_REALTIME` may be off at most, in nanoseconds, as who synchronizes it told the kernel; `None` if nobody does
/// (`adjtimex(2)`: `maxerror`, `STA_UNSYNC`).
///
/// # Errors
/// When a sandbox does not permit the call, although it changes nothing.
pub fn clock_error_ns() -> io::Result<Option<u64>> {
    let mut clock = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: all zeros is a valid `timex`, by which nothing is changed (`modes` is 0); the kernel fills it.
    let (state, clock) = unsafe { (libc::adjtimex(clock.as_mut_ptr()), clock.assume_init()) };
    match state {
        -1 => Err(io::Error::last_os_error()),
        libc::TIME_ERROR => Ok(None),
        _ if clock.status & libc::STA_UNSYNC != 0 => Ok(None),
        _ => Ok(Some(u64::try_from(clock.maxerror).unwrap_or(0) * 1000)),
    }
}

/// CPU time that this thread has used, in nanoseconds; 0 if the machine does not report it.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// CPU time that all threads of this process have used, in nanoseconds; 0 if the machine does not report it.
#[must_use]
pub fn process_cpu_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID)
        .map_or(0, |time| time.tv_sec() as u64 * 1_000_000_000 + time.tv_nsec() as u64)
}

/// Wait for readiness, with a timeout in nanoseconds: `epoll_pwait2(2)` (Linux ≥ 5.11), and where that is missing
/// or forbidden by a seccomp filter `epoll_wait(2)` with the timeout rounded up to milliseconds: late, never early.
///
/// `None` waits without end, `Duration::ZERO` returns at once. Returns how many of `events` were filled; an
/// interruption by a signal counts as 0 events.
///
/// # Errors
/// Whatever the kernel says, `EINVAL` for an empty `events` included.
pub fn epoll_wait_ns(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    static NO_PWAIT2: AtomicBool = AtomicBool::new(false);
    if NO_PWAIT2.load(Ordering::Relaxed) {
        return interrupted_is_none(epoll_wait_ms(epoll, events, timeout));
    }
    let waited = epoll_pwait2(epoll, events, timeout);
    match waited.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(libc::ENOSYS | libc::EPERM)) => {
            NO_PWAIT2.store(true, Ordering::Relaxed);
            interrupted_is_none(epoll_wait_ms(epoll, events, timeout))
        }
        _ => interrupted_is_none(waited),
    }
}

fn interrupted_is_none(waited: io::Result<usize>) -> io::Result<usize> {
    waited.or_else(|error| if error.kind() == io::ErrorKind::Interrupted { Ok(0) } else { Err(error) })
}

fn epoll_pwait2(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    // struct __kernel_timespec: two 64-bit numbers, on 32-bit machines too.
    let timespec = timeout
        .map(|left| [i64::try_from(left.as_secs()).unwrap_or(i64::MAX), i64::from(left.subsec_nanos())]);
    let timespec_or_null = timespec.as_ref().map_or(ptr::null(), ptr::from_ref);
    let capacity = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the kernel writes at most `capacity` events, which `events` has room for; `timespec` outlives the
    // call or is null; a null signal mask is allowed, its size is then ignored.
    let filled = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            capacity,
            timespec_or_null,
            ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    usize::try_from(filled).map_err(|_| io::Error::last_os_error())
}

fn epoll_wait_ms(
    epoll: BorrowedFd<'_>,
    events: &mut [libc::epoll_event],
    timeout: Option<Duration>,
) -> io::Result<usize> {
    let milliseconds = timeout.map_or(-1, |left| {
        libc::c_int::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    });
    let capacity = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: the kernel writes at most `capacity` events, which `events` has room for.
    let filled = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), capacity, milliseconds) };
    usize::try_from(filled).map_err(|_| io::Error::last_os_error())
}

/// Let the process that `command` will start take every signal, whatever this thread has blocked: a blocked signal
/// stays blocked across `execve(2)`, and SIGTERM would not end it.
pub fn unblock_signals(command: &mut Command) {
    let unblock = || SigSet::empty().thread_set_mask().map_err(io::Error::from);
    // SAFETY: `sigprocmask` is async-signal-safe (signal-safety(7)), and nothing is allocated after the fork.
    unsafe {
        command.pre_exec(unblock);
    }
}

/// Let SIGTERM end the process that `command` will start, whatever signals this process inherited as ignored: what is
/// ignored stays so across `execve(2)`.
pub fn heed_sigterm(command: &mut Command) {
    let heed = || {
        // SAFETY: no handler is installed; `sigaction` is async-signal-safe (signal-safety(7)).
        let before = unsafe { signal::signal(Signal::SIGTERM, SigHandler::SigDfl) };
        before.map(drop).map_err(io::Error::from)
    };
    // SAFETY: it makes one system call, and nothing is allocated after the fork.
    unsafe {
        command.pre_exec(heed);
    }
}

/// Those of the signals that this process does not ignore.
#[must_use]
pub fn heeded(signals: &[Signal]) -> SigSet {
    signals.iter().copied().filter(|signal| !is_ignored(*signal)).collect()
}

/// Whether this process ignores a signal: `nohup(1)` has its programs ignore SIGHUP, and a shell without job control has those
/// behind `&` ignore SIGINT.
#[must_use]
pub fn is_ignored(signal: Signal) -> bool {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and the kernel writes what is in force to `action`, of which all zeros are a value, too.
    let action = unsafe {
        libc::sigaction(signal as libc::c_int, ptr::null(), action.as_mut_ptr());
        action.assume_init()
    };
    action.sa_sigaction == libc::SIG_IGN
}

/// Let the process that `command` will start be killed when the thread that starts it ends, with it or before.
pub fn end_with_parent(command: &mut Command) {
    let parent = nix::unistd::getpid();
    let arm = move || {
        prctl::set_pdeathsig(Signal::SIGKILL)?;
        // It may have ended before that.
        if nix::unistd::getppid() == parent { Ok(()) } else { Err(io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: `prctl` and `getppid` are plain system calls, and nothing is allocated after the fork.
    unsafe {
        command.pre_exec(arm);
    }
}

/// Ask the kernel about one of our own TCP sockets: `tcp(7)`, `TCP_INFO`.
///
/// # Errors
/// What `getsockopt(2)` says, for instance when `fd` is no TCP socket.
pub fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    let mut bytes = [0; 512];
    Ok(TcpInfo::parse(socket_option(fd, libc::IPPROTO_TCP, libc::TCP_INFO, &mut bytes)?))
}

/// Ask the kernel what one of our own sockets costs it: `SO_MEMINFO` (Linux ≥ 4.12).
///
/// # Errors
/// What `getsockopt(2)` says, for instance when `fd` is no socket.
pub fn socket_memory(fd: BorrowedFd<'_>) -> io::Result<SocketMemory> {
    let mut bytes = [0; 64];
    Ok(SocketMemory::parse(socket_option(fd, libc::SOL_SOCKET, libc::SO_MEMINFO, &mut bytes)?))
}

/// The part of `room` that the kernel filled.
fn socket_option<'a>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    room: &'a mut [u8],
) -> io::Result<&'a [u8]> {
    let mut length = libc::socklen_t::try_from(room.len()).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the kernel writes at most `length` bytes, which `room` has, and puts the number written into `length`.
    let status =
        unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, room.as_mut_ptr().cast(), &raw mut length) };
    if status == 0 { Ok(&room[..room.len().min(length as usize)]) } else { Err(io::Error::last_os_error()) }
}

/// Bytes in the send queue of one of our own TCP sockets that the peer has not acknowledged, whether sent or not:
/// `tcp(7)`, `SIOCOUTQ`.
///
/// # Errors
/// What `ioctl(2)` says: `EINVAL` for a listening socket.
pub fn send_queue_bytes(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut waiting: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, another name for TIOCOUTQ, writes one int.
    let status = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCOUTQ, &raw mut waiting) };
    if status == 0 { Ok(usize::try_from(waiting).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// Bytes that one of our own sockets has received and that have not been read: `tcp(7)`, `SIOCINQ`, also known as
/// `FIONREAD`.
///
/// # Errors
/// What `ioctl(2)` says: `EINVAL` for a listening socket.
pub fn receive_queue_bytes(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let mut waiting: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int.
    let status = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
    if status == 0 { Ok(usize::try_from(waiting).unwrap_or(0)) } else { Err(io::Error::last_os_error()) }
}

/// Columns of the terminal that a descriptor is, where it is one and tells: `ioctl_tty(2)`, `TIOCGWINSZ`.
#[must_use]
pub fn terminal_columns(fd: BorrowedFd<'_>) -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ writes one `winsize`.
    let status = unsafe { libc::ioctl(fd.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    (status == 0 && size.ws_col > 0).then(|| usize::from(size.ws_col))
}

/// Listen on a bound socket, with room for so many connections that wait to be accepted; the kernel cuts it to
/// `net.core.somaxconn`: `listen(2)`. (nix refuses more than 4096.)
///
/// # Errors
/// What `listen(2)` says.
pub fn listen(fd: BorrowedFd<'_>, backlog: i32) -> io::Result<()> {
    // SAFETY: no memory is passed.
    let status = unsafe { libc::listen(fd.as_raw_fd(), backlog) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Let a TCP socket be writable only while fewer than this many of its bytes wait to be sent for the first time:
/// `tcp(7)`, `TCP_NOTSENT_LOWAT` (Linux ≥ 3.12). Connections inherit it from their listener.
///
/// # Errors
/// What `setsockopt(2)` says.
pub fn set_notsent_lowat(fd: BorrowedFd<'_>, bytes: u32) -> io::Result<()> {
    let length = size_of_val(&bytes) as libc::socklen_t;
    let (level, name) = (libc::IPPROTO_TCP, libc::TCP_NOTSENT_LOWAT);
    // SAFETY: the kernel reads `length` bytes from `bytes`, which outlives the call.
    let status = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const bytes).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Drop everything that arrives at one of our own sockets from now on, before TCP sees it, so that nothing is
/// acknowledged either: `socket(7)`, `SO_ATTACH_FILTER` with a program that accepts no byte of any packet.
///
/// # Errors
/// What `setsockopt(2)` says: `EPERM` where only root may filter.
pub fn drop_incoming(fd: BorrowedFd<'_>) -> io::Result<()> {
    let code = u16::try_from(libc::BPF_RET | libc::BPF_K).unwrap_or_default();
    let mut nothing = [libc::sock_filter { code, jt: 0, jf: 0, k: 0 }];
    let program = libc::sock_fprog { len: 1, filter: nothing.as_mut_ptr() };
    let length = size_of_val(&program) as libc::socklen_t;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_ATTACH_FILTER);
    // SAFETY: the kernel reads `program` and the `len` instructions it points to, and both outlive the call.
    let status =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const program).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Give memory that was freed back to the kernel, so that the resident set shows what is in use: `malloc_trim(3)`
/// on glibc, nothing elsewhere.
pub fn trim_heap() {
    // SAFETY: malloc_trim takes any padding and may be called from any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Let timers of this thread fire at most `ns` late instead of the usual 50 µs; 0 restores the default:
/// `PR_SET_TIMERSLACK(2const)`.
///
/// # Errors
/// What `prctl(2)` says.
pub fn set_timer_slack_ns(ns: u64) -> io::Result<()> {
    Ok(prctl::set_timerslack(libc::c_ulong::try_from(ns).unwrap_or(libc::c_ulong::MAX))?)
}

/// Gives this thread a table of descriptors of its own, with standard input, output, error and `kept` in it: as
/// `RLIMIT_NOFILE` bounds each table, it has descriptors left when the other threads have none. Only these, and what it
/// opens itself, may be used in this thread from now on. `close_range(2)` with `CLOSE_RANGE_UNSHARE` (Linux ≥ 5.9).
///
/// # Errors
/// `ENOSYS` on an older kernel, `ENOMEM`; the table stays shared, and nothing is closed.
pub fn unshare_descriptors(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<u32> =
        kept.iter().map(|fd| fd.as_raw_fd().unsigned_abs()).filter(|fd| *fd > 2).collect();
    kept.sort_unstable();
    let mut first = 3;
    for next in kept.into_iter().chain([u32::MAX]) {
        if first < next {
            // SAFETY: the first call that closes anything has made the table this thread's own, where nobody else's
            // descriptors are; the caller uses none but those that are kept.
            let closed =
                unsafe { libc::close_range(first, next - 1, libc::CLOSE_RANGE_UNSHARE.cast_signed()) };
            if closed == -1 {
                return Err(io::Error::last_os_error());
            }
        }
        first = next.saturating_add(1);
    }
    Ok(())
}

/// The size of the first `perf_event_attr`, which has all that is asked for here.
pub(super) const PERF_ATTR_SIZE_VER0: usize = 64;

/// A counter of one task and of what it will start, as `perf_event_attr` says.
pub(super) fn perf_event_open(attributes: &[u8; PERF_ATTR_SIZE_VER0], task: u32) -> io::Result<OwnedFd> {
    const PERF_FLAG_FD_CLOEXEC: libc::c_ulong = 8;
    let task = libc::pid_t::try_from(task).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let (any_cpu, no_group): (libc::c_int, libc::c_int) = (-1, -1);
    // SAFETY: the kernel only reads `attributes`, and no more than the size that they name, which is theirs.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            attributes.as_ptr(),
            task,
            any_cpu,
            no_group,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    let fd = RawFd::try_from(fd).ok().filter(|&fd| fd >= 0).ok_or_else(io::Error::last_os_error)?;
    // SAFETY: the kernel just made this descriptor, and nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests;
