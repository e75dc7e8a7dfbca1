//! Whether this machine can run a profile, and whether the profile can have an effect.

use std::{fs, io};

use indexmap::IndexMap;
use nix::{
    fcntl::{FcntlArg, fcntl},
    sys::resource::{Resource, getrlimit, setrlimit},
};

use super::{RunError, source_addresses, target};
use crate::{
    address::most_backlog,
    codec::Protocol,
    profile::{Core, Group, Profile},
    units::{Bytes, human_bytes},
};

/// Descriptors that the load generator itself needs beside its connections.
const OWN_DESCRIPTORS: u64 = 64;

/// Checks that this machine can run the profile with its clients divided among so many processes; raises the descriptor limit
/// as far as needed and allowed, and makes the table of descriptors as large.
pub(super) fn check(
    profile: &Profile,
    files: &IndexMap<String, String>,
    processes: u32,
) -> Result<(), RunError> {
    if let Some(core) = &profile.core {
        let available =
            number_after(&fs::read_to_string("/proc/meminfo").unwrap_or_default(), "MemAvailable:");
        return check_memory(core, available.map_or(u64::MAX, |kib| kib * 1024));
    }
    if let Some(program) = profile.server.program() {
        target::check_program(program, files)?;
    }
    check_backlog(profile, most_backlog())?;
    source_addresses::check(profile)?;
    check_clients(profile, processes)
}

/// The same of the clients alone.
pub(super) fn check_clients(profile: &Profile, processes: u32) -> Result<(), RunError> {
    // Threads that share a socket have a descriptor of it, and those that read have one more, to signal that they have
    // finished.
    let racing = |group: &Group| {
        let each = u64::from(group.tx.race().is_some()) + 2 * u64::from(group.rx.race().is_some());
        u64::from(group.count) * each
    };
    // A client that has vanished keeps its descriptor when it comes back on another connection.
    let haunting = |group: &Group| {
        let again = group.reconnect.filter(|_| group.rx.ends_silently() || group.tx.ends_silently());
        again.map_or(0, |again| (again.attempts().0 * profile.duration().as_secs_f64()).ceil() as u64)
    };
    let beside = profile.clients.iter().map(|group| racing(group) + haunting(group)).sum::<u64>();
    let needed = (profile.connections() + beside).div_ceil(processes.into()) + OWN_DESCRIPTORS;
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((needed, needed));
    if needed > hard {
        return Err(RunError::Start(format!(
            "{} connections need {needed} descriptors in one process, but the limit is {hard}: raise it (`ulimit -Hn \
             {needed}` as root, or LimitNOFILE= of a service), use fewer clients, or several processes (`--shards`)",
            profile.connections().div_ceil(processes.into())
        )));
    }
    if needed > soft {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    // Without it the run is still possible.
    let _ = grow_descriptor_table(needed);
    let largest = |name: &str, usual: u64| {
        let three = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap_or_default();
        three.split_whitespace().nth(2).and_then(|text| text.parse().ok()).unwrap_or(usual)
    };
    let (send, receive) = if profile.server.is_unix() {
        // What a peer has not read is in the sender's buffer, which does not grow.
        let usual = fs::read_to_string("/proc/sys/net/core/wmem_default").unwrap_or_default();
        (usual.trim().parse().unwrap_or(212_992), 0)
    } else {
        (largest("tcp_wmem", 4 << 20), largest("tcp_rmem", 6 << 20))
    };
    check_sizes(profile, send, receive).and_then(|()| check_pieces(profile))
}

/// Gives this process a table for so many descriptors now. A table that is full is replaced by one of twice the size when a
/// connection is opened, and while several threads have it, that thread waits for all cores to notice (`expand_fdtable()` in
/// the kernel): connections that are due meanwhile would be opened 10 to 40 ms late.
fn grow_descriptor_table(descriptors: u64) -> io::Result<()> {
    let file = fs::File::open("/dev/null")?;
    let last = i32::try_from(descriptors.saturating_sub(1)).unwrap_or(i32::MAX);
    let copy = fcntl(&file, FcntlArg::F_DUPFD_CLOEXEC(last))?;
    Ok(nix::unistd::close(copy)?)
}

/// The kernel cuts a longer backlog without a word.
fn check_backlog(profile: &Profile, most: Option<u32>) -> Result<(), RunError> {
    let refused =
        profile.server.reference().zip(most).and_then(|(options, most)| options.refused_backlog(most));
    refused.map_or(Ok(()), |message| Err(RunError::impossible(&["server", "backlog"], message)))
}

/// The number behind a key of /proc/meminfo.
fn number_after(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

/// An experiment that makes the machine run out of memory would end others than itself.
fn check_memory(core: &Core, available: u64) -> Result<(), RunError> {
    let needed = core.memory_bytes();
    if needed <= available {
        return Ok(());
    }
    let [needed, available] = [needed, available].map(|bytes| human_bytes(bytes as f64));
    let message = format!(
        "the backlog needs about {needed} of memory, but only {available} are available: lower core.backlog or \
         core.steps"
    );
    Err(RunError::impossible(&["core", "backlog"], message))
}

/// A slow reader has no effect while the kernel's buffers can hold everything that it requests.
fn check_sizes(profile: &Profile, largest_send: u64, largest_receive: u64) -> Result<(), RunError> {
    let send = profile.server.reference().and_then(|server| server.send_buffer.0);
    let send = send.map_or(largest_send, |bytes| bytes.0 * 2);
    for (index, group) in profile.clients.iter().enumerate().filter(|(_, group)| !group.rx.reads_everything())
    {
        let is_http = group.protocol == Protocol::Http;
        let depth = match group.load.depth {
            Some(depth) if group.load.is_closed_loop() => depth,
            // Over HTTP an open loop has one request under way on a connection, unless it is asked for more.
            depth if is_http && group.answer_bytes().is_some() => depth.unwrap_or(1),
            _ => continue,
        };
        let receive = group.recv_buffer.map_or(largest_receive, |bytes| bytes.0 * 2);
        let Some(answer) = group.answer_bytes() else {
            let otherwise = if is_http { "" } else { "; or use an open loop (rate)" };
            let message = format!(
                "group `{}` reads slowly, but the length of its answers is not known: small answers fit into the \
                 kernel's buffers, and the server would never notice. Set their length: load.answer for http and \
                 resp, raw.length for raw{otherwise}",
                group.name
            );
            return Err(RunError::impossible(&["clients", &index.to_string(), "load"], message));
        };
        let asked = u64::from(depth).saturating_mul(answer);
        if asked < send + receive {
            let message = format!(
                "group `{}` requests at most {} at a time ({depth} answers of {}), but the kernel's buffers alone can \
                 hold {} (send) + {} (receive): the server would never notice that it reads slowly. Request larger \
                 answers, set recv_buffer of the group and server.send_buffer{}",
                group.name,
                human_bytes(asked as f64),
                Bytes(answer),
                human_bytes(send as f64),
                human_bytes(receive as f64),
                if is_http { "" } else { ", or use an open loop (rate)" },
            );
            return Err(RunError::impossible(&["clients", &index.to_string(), "load"], message));
        }
    }
    Ok(())
}

/// Pieces show nothing where every request ends with one.
fn check_pieces(profile: &Profile) -> Result<(), RunError> {
    for (index, group) in profile.clients.iter().enumerate() {
        let Some(piece) = group.tx.piece_bytes() else { continue };
        let request = group.script("server").encoder(0).message_bytes();
        if request > 0 && piece.is_multiple_of(request) {
            let message = format!(
                "group `{}` sends pieces of {} (`{}`), but its requests have only {}: no request is split, and the \
                 server would notice nothing. Make the pieces smaller (tx.{}.bytes), or the requests longer",
                group.name,
                Bytes(piece),
                group.tx.about().name,
                Bytes(request),
                group.tx.about().name,
            );
            return Err(RunError::impossible(&["clients", &index.to_string(), "tx"], message));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Source;

    #[test]
    fn the_table_of_descriptors_is_as_large_as_asked_and_none_is_left_open() {
        let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
        let descriptors = soft.min(5000);
        grow_descriptor_table(descriptors).expect("room in the table");
        let status = fs::read_to_string("/proc/thread-self/status").expect("/proc");
        assert!(number_after(&status, "FDSize:").is_some_and(|size| size >= descriptors), "{status}");
        let last = format!("/proc/self/fd/{}", descriptors - 1);
        assert!(!std::path::Path::new(&last).exists(), "{last} is open");
        assert!(grow_descriptor_table(soft + 1).is_err(), "more than may be open");
    }

    fn profile(load: &str) -> Profile {
        of_protocol("frame", load)
    }

    fn of_protocol(protocol: &str, load: &str) -> Profile {
        let text = format!(
            "title = \"t\"\n[server]\nprotocol = \"{protocol}\"\n[[clients]]\nname = \"slow\"\ncount = 1\n\
             protocol = \"{protocol}\"\nrx = \"stall\"\nrecv_buffer = \"16KiB\"\nload = {load}"
        );
        Source { file: "t.toml".into(), text }.parse(&[]).expect("valid")
    }

    #[test]
    fn a_backlog_beyond_the_memory_is_refused() {
        let meminfo = "MemTotal:  2048 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(number_after(meminfo, "MemAvailable:"), Some(1024));
        let core =
            toml::from_str("experiment = 'backlog'\nbuffer = 'contiguous'").expect("a backlog of 1 MiB");
        assert_eq!(check_memory(&core, 3 << 20), Ok(()));
        let refusal = check_memory(&core, 1 << 20).expect_err("three times that").to_string();
        assert!(refusal.contains("about 3 MiB of memory, but only 1 MiB are available"), "{refusal}");
    }

    #[test]
    fn a_slow_reader_hidden_by_kernel_buffers_is_refused() {
        let small = profile("{ depth = 4, payload = \"16B\", answer = \"64KiB\" }");
        let refusal = check_sizes(&small, 4 << 20, 6 << 20).expect_err("the kernel holds it all").to_string();
        assert!(refusal.contains("`slow` requests at most 256 KiB"), "{refusal}");
        let large = profile("{ depth = 4, payload = \"16B\", answer = \"8MiB\" }");
        assert_eq!(check_sizes(&large, 4 << 20, 6 << 20), Ok(()));
        let open = profile("{ rate = \"4/s\", payload = \"16B\", answer = \"64KiB\" }");
        assert_eq!(check_sizes(&open, 4 << 20, 6 << 20), Ok(()), "an open loop asks for more and more");
    }

    #[test]
    fn a_slow_reader_of_answers_of_unknown_length_is_refused() {
        let unknown = of_protocol("http", "{ depth = 1 }");
        let refusal = check_sizes(&unknown, 4 << 20, 6 << 20).expect_err("nobody knows").to_string();
        assert!(refusal.contains("load.answer for http"), "{refusal}");
        let known = of_protocol("http", "{ depth = 1, answer = \"64MiB\" }");
        assert_eq!(check_sizes(&known, 4 << 20, 6 << 20), Ok(()));
    }

    #[test]
    fn an_http_open_loop_counts_one_answer_per_connection() {
        let small = of_protocol("http", "{ rate = 9, answer = \"64KiB\" }");
        let refusal = check_sizes(&small, 4 << 20, 6 << 20).expect_err("the kernel holds it").to_string();
        assert!(refusal.contains("at most 64 KiB") && !refusal.contains("open loop"), "{refusal}");
        let large = of_protocol("http", "{ rate = 9, answer = \"64MiB\" }");
        assert_eq!(check_sizes(&large, 4 << 20, 6 << 20), Ok(()));
        let unknown = of_protocol("http", "{ rate = 9 }");
        assert_eq!(check_sizes(&unknown, 4 << 20, 6 << 20), Ok(()), "it is seen whether bytes wait");
    }

    #[test]
    fn pieces_longer_than_the_request_are_refused() {
        let sends = |payload: u32, tx: &str| {
            let text = format!(
                "title = \"t\"\n[server]\nprotocol = \"echo\"\n[[clients]]\nname = \"bad\"\ncount = 1\n\
                 protocol = \"echo\"\ntx = {tx}\nload = {{ depth = 1, payload = {payload} }}"
            );
            check_pieces(&Source { file: "t.toml".into(), text }.parse(&[]).expect("valid"))
        };
        let refusal = sends(1, "{ fragment = { bytes = 1 } }").expect_err("a byte cannot be cut").to_string();
        assert!(refusal.contains("requests have only 1B: no request is split"), "{refusal}");
        assert!(sends(1, "{ slow = { bytes = 1, every = \"100ms\" } }").is_err());
        assert!(sends(5, "{ fragment = { bytes = 10 } }").is_err());
        assert_eq!(sends(7, "{ fragment = { bytes = 10 } }"), Ok(()), "the second is cut");
        assert_eq!(sends(5, "{ fragment = { bytes = 10, random = true } }"), Ok(()));
        assert_eq!(sends(128, "{ slow = { bytes = 1, every = \"100ms\" } }"), Ok(()));
        assert_eq!(sends(1, "\"steady\""), Ok(()));
    }
}
