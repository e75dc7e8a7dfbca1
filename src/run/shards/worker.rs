//! A shard that another badpeer on this machine has started: it is told what to do, says that it is ready, and is told when to
//! start.

use std::{
    io::{self, BufRead, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

use super::{
    driving::{Order, drive_at, recorded},
    end::ShardEnd,
};
use crate::{
    address::Address,
    client::Shard,
    gate::Window,
    profile::Profile,
    run::{Interrupt, Observer, RunError, feasible},
};

/// The word of a shard that waits for its start.
pub(super) const READY: &str = "ready";

/// What it is told first, in one line of JSON.
#[derive(Serialize, Deserialize)]
pub(super) struct WorkOrder {
    pub(super) name: String,
    pub(super) profile: Profile,
    pub(super) window: Option<Window>,
    pub(super) shard: Shard,
    /// Where the server listens that the other one has started.
    pub(super) service: Address,
    pub(super) folder: PathBuf,
}

/// Does what standard input says, and answers on standard output.
pub fn work(interrupt: &mut Interrupt, observer: &mut dyn Observer) -> ShardEnd {
    let failed = |what: &str| ShardEnd::Failed(RunError::Start(what.to_owned()));
    let mut lines = io::stdin().lock().lines().map_while(Result::ok);
    let Some(order) = lines.next().and_then(|line| serde_json::from_str::<WorkOrder>(&line).ok()) else {
        return failed("a shard is started by `badpeer run --shards`");
    };
    let say = |word: &str| {
        let mut out = io::stdout().lock();
        writeln!(out, "{word}").and_then(|()| out.flush())
    };
    if let Err(error) = feasible::check_clients(&order.profile, order.shard.of) {
        let _ = say(&error.to_string().replace('\n', " "));
        return ShardEnd::Failed(error);
    }
    let start = say(READY).ok().and_then(|()| lines.next()).and_then(|line| line.trim().parse().ok());
    let Some(start_ns) = start else { return failed("nobody told the shard when to start") };
    let WorkOrder { name, profile, window, shard, service, folder } = order;
    let order = Order { name, profile, window, shard: Some(shard), start_ns, folder };
    recorded(&order, |file| drive_at(&order, service, file, interrupt, observer))
}
