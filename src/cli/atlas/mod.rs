//! `badpeer atlas`: the same faults at many servers.

mod args;
mod children;
mod making;
mod shelf;
mod task;

use std::time::Duration;

use indexmap::IndexMap;

pub(super) use self::args::Args;
use self::{
    args::{Asked, asked},
    making::Making,
    shelf::Shelf,
    task::Look,
};
use super::{Exit, Failure, print_raw, progress::Bar, say, store, to_json};
use crate::{
    atlas::{self, Atlas, Fault, FaultEntry, Server, ServerEntry, Variant},
    probe::describe_machine,
    report,
    units::Span,
};

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let asked = asked(args)?;
    args.netns.enter_with_own_servers()?;
    store::check(&args.out)?;
    let mut interrupt = super::exit::interrupt()?;
    let shelf = Shelf::new(args)?;
    let mut making =
        Making { args, asked: &asked, atlas: begun(args, &asked), shelf, bar: Bar::new(args.json) };
    let is_done = making.alone(&mut interrupt)? && making.beside(&mut interrupt)?;
    making.bar.clear();
    making.finish()?;
    let atlas = making.atlas;
    if args.json {
        print_raw(&to_json(&atlas));
    } else {
        say(report::atlas::summary(&atlas).trim_end());
        say(&format!("\nThe page: {}", args.out.join("index.html").display()));
    }
    Ok(if is_done { Exit::Pass } else { Exit::Interrupted })
}

/// An atlas without cells.
fn begun(args: &Args, asked: &Asked) -> Atlas {
    let entry = |server: &Server| ServerEntry {
        name: server.name.clone(),
        title: server.title.clone(),
        version: None,
        documentation: server.documentation.clone(),
        hardened: server
            .hardened
            .iter()
            .zip(server.directives(Variant::Hardened, args.seconds()))
            .map(|(declared, filled)| atlas::Directive { directive: filled, ..declared.clone() })
            .collect(),
        skipped: None,
    };
    let fault = |fault: &Fault| FaultEntry {
        name: fault.name.clone(),
        title: fault.title.clone(),
        about: fault.about.clone(),
    };
    Atlas {
        format: atlas::FORMAT,
        badpeer: env!("CARGO_PKG_VERSION").to_owned(),
        runs: None,
        machine: describe_machine(),
        peers: args.peers,
        hold: if args.quick { args.plan(Look::Alone).with } else { args.hold },
        timeout: Span(Duration::from_secs(args.seconds())),
        quick: args.quick,
        versions: IndexMap::new(),
        servers: asked.servers.iter().map(entry).collect(),
        faults: asked.faults.iter().map(fault).collect(),
        cells: Vec::new(),
    }
}
