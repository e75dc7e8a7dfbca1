//! What was seen of the server and of its machine in a repeat, once it is over. An observer beside the server can write it into
//! a file.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    Interrupt, Observer,
    drive::RepeatEnd,
    outside::Outside,
    sample::{Sample, Samples},
    target::{ServerExit, Target},
    watch::{Moment, Watch},
};
use crate::{
    client::Port,
    metric::Metric,
    probe::{ConnectionTracker, Journal, OtherClients, RequestCounts, listeners},
};

/// What was seen of the server. Times are on the monotonic clock of its machine, in nanoseconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Observed {
    /// The first client.
    pub(super) epoch_ns: u64,
    pub(super) samples: Samples,
    tracker: ConnectionTracker,
    requests: RequestCounts,
    /// The reference server's own list of evictions.
    pub(super) journal: Option<Journal>,
    /// Evictions that its counters knew when the list was read.
    pub(super) evictions: u64,
    /// The clients' time came to its end, and the server had not ended before it.
    pub(super) is_finished: bool,
    /// The name of the server's process.
    pub(super) server_name: Option<String>,
    /// The server's last words, if it has ended by itself.
    pub(super) died: Option<String>,
    /// How the server ended, in words.
    pub(super) server_exit: String,
    pub(super) server_cores: Vec<usize>,
    /// Which instructions of the server were counted, or why none were.
    pub(super) instructions: String,
    pub(super) notes: Vec<String>,
}

impl Observed {
    /// Ends the watch over a server whose clients have stopped, and the server with it.
    pub(super) fn finish(
        mut watch: Watch,
        mut samples: Samples,
        target: &mut dyn Target,
        end: &mut RepeatEnd,
        epoch_ns: u64,
        interrupt: &mut Interrupt,
        observer: &mut dyn Observer,
    ) -> Self {
        let (died, is_finished) = (end.last_words(), *end == RepeatEnd::Finished);
        // Before anything else is looked at: of what the clients end now, nothing is the server's doing.
        let (tracker, requests) = watch.followed();
        let journal = if died.is_some() { None } else { watch.evictions() };
        let counted =
            samples.values().filter_map(|sample| sample.value(Metric::Evictions)).fold(0.0, f64::max);
        let server = target.processes().first().filter(|_| is_finished).map(|&pid| listeners::name(pid));
        if is_finished {
            watch.settle(interrupt);
        }
        if died.is_none() {
            let last = Sample::of(watch.read(Moment::After));
            samples.insert(last.at_ns as i64 - epoch_ns as i64, last);
        }
        let (server_exit, remark) = end_server(target, end);
        watch.notes.extend(remark);
        if let Some(output) = target.output() {
            observer.output(output);
        }
        let (instructions, notes) = (watch.instructions(), std::mem::take(&mut watch.notes));
        Self {
            epoch_ns,
            samples,
            tracker,
            requests,
            journal,
            evictions: counted as u64,
            is_finished,
            server_name: server,
            died: end.last_words(),
            server_exit: server_exit.words,
            server_cores: Vec::new(),
            instructions,
            notes,
        }
    }

    /// Nothing of the server, with these samples of the clients and their machine.
    pub(super) fn nothing(epoch_ns: u64, samples: Samples) -> Self {
        Self { epoch_ns, samples, is_finished: true, ..Self::default() }
    }

    /// Each connection on the server's side; `None` where its sockets were not seen.
    pub(super) fn outside(&self) -> Option<Outside<'_>> {
        Some(&self.tracker).filter(|tracker| tracker.saw_server()).map(Outside::new)
    }

    /// Not all clients of the run are known: who else sent something cannot be told.
    pub(super) fn forget_others(&mut self) {
        self.requests = RequestCounts::default();
    }

    /// What others than these clients sent to the server in the window; `None` where its sockets were not seen.
    pub(super) fn others(&self, ports: &[Port]) -> Option<OtherClients> {
        let mut opened = HashMap::with_capacity(ports.len());
        for port in ports.iter().rev() {
            opened.insert(port.end, port.opened_ns);
        }
        self.requests.others(&opened).filter(|_| self.tracker.saw_server())
    }
}

/// Ends the server. One that has ended by itself since its clients left was not asked to: that is how the repeat ended.
fn end_server(target: &mut dyn Target, end: &mut RepeatEnd) -> (ServerExit, Option<String>) {
    if *end == RepeatEnd::Finished
        && let Err(last_words) = target.still_runs()
    {
        *end = RepeatEnd::Died(last_words);
    }
    let server_exit = target.end();
    let remark = format!("the server did not shut down cleanly: {}", server_exit.words);
    let is_unclean = !server_exit.in_order && end.last_words().is_none();
    (server_exit, is_unclean.then_some(remark))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::address::Address;

    /// A server that still runs, or said this and ended by itself; and ends in order, or does not.
    struct Server {
        last_words: Option<&'static str>,
        in_order: bool,
    }

    impl Target for Server {
        fn service(&self) -> Address {
            SocketAddr::from(([127, 0, 0, 1], 1)).into()
        }

        fn processes(&self) -> &[u32] {
            &[]
        }

        fn still_runs(&mut self) -> Result<(), String> {
            self.last_words.map_or(Ok(()), |words| Err(words.to_owned()))
        }

        fn end(&mut self) -> ServerExit {
            ServerExit { words: "signal 6".to_owned(), in_order: self.in_order }
        }
    }

    #[test]
    fn a_server_that_ended_by_itself_after_its_clients_died() {
        let ended = |last_words, in_order, mut end| {
            let (_, remark) = end_server(&mut Server { last_words, in_order }, &mut end);
            (end, remark.is_some())
        };
        let died = RepeatEnd::Died("aborted".to_owned());
        assert_eq!(ended(Some("aborted"), false, RepeatEnd::Finished), (died.clone(), false));
        assert_eq!(ended(Some("later"), false, died.clone()), (died, false), "its first words stand");
        assert_eq!(ended(None, false, RepeatEnd::Finished), (RepeatEnd::Finished, true));
        assert_eq!(ended(None, true, RepeatEnd::Finished), (RepeatEnd::Finished, false));
        assert_eq!(ended(Some("x"), true, RepeatEnd::Interrupted), (RepeatEnd::Interrupted, false));
    }
}
