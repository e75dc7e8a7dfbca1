//! What to set at a server, from the cells of its hardened variant.

use super::words;
use crate::{
    atlas::{Atlas, Outcome, ServerEntry, Variant, fault_name},
    units::human_time,
};

/// A sentence for each directive, in Markdown: what it was set against, and what became of that.
pub(super) fn advice(atlas: &Atlas, server: &ServerEntry) -> Vec<String> {
    let line = |directive: &crate::atlas::Directive| {
        let found: Vec<String> = directive
            .against
            .iter()
            .filter_map(|fault| against(atlas, &server.name, fault_name(fault)))
            .collect();
        let found = if found.is_empty() { String::new() } else { format!(": {}", found.join("; ")) };
        format!("`{}` (default: {}){found}.", directive.directive, directive.default)
    };
    server.hardened.iter().map(line).collect()
}

/// What became of a fault with the hardened variant, and at the defaults.
fn against(atlas: &Atlas, server: &str, fault: &str) -> Option<String> {
    let title = &atlas.faults.iter().find(|entry| entry.name == fault)?.title;
    let hardened = atlas.cell(server, Variant::Hardened, fault)?;
    if matches!(hardened.outcome, Outcome::DoesNotApply { .. }) {
        return None;
    }
    let word = |variant| atlas.cell(server, variant, fault).map(brief);
    let before = word(Variant::Default).map(|word| format!(" (was: {word})")).unwrap_or_default();
    Some(format!("{} {}{before}", title.to_lowercase(), brief(hardened)))
}

fn brief(cell: &crate::atlas::Cell) -> String {
    let by = words::ended_by(&cell.outcome).map(|by| format!(" by {by}")).unwrap_or_default();
    match &cell.outcome {
        Outcome::Ended { peers, after_ns, .. } => {
            let count =
                if *peers < cell.peers.0 { format!("{peers} of {} ", cell.peers.0) } else { String::new() };
            let after = after_ns.map(|ns| format!(" after {}", human_time(ns as f64))).unwrap_or_default();
            format!("{count}ended{after}{by}")
        }
        Outcome::Held { .. } => words::short(cell),
        Outcome::GoesOn => "served".to_owned(),
        Outcome::Died { .. } => "the server died".to_owned(),
        Outcome::DoesNotApply { .. } | Outcome::Unknown { .. } => "not known".to_owned(),
    }
}

/// The faults that the hardened variant holds all the same.
pub(super) fn still_held(atlas: &Atlas, server: &ServerEntry) -> Vec<String> {
    let own =
        atlas.cells.iter().filter(|cell| cell.server == server.name && cell.variant == Variant::Hardened);
    let held = own.filter(|cell| words::tone(cell) == words::Tone::Held);
    held.filter_map(|cell| {
        Some(atlas.faults.iter().find(|fault| fault.name == cell.fault)?.title.to_lowercase())
    })
    .collect()
}
