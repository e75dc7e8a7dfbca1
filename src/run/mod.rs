//! One run: start the server, drive it, watch it, end it; or make a core experiment; for every repeat and every point of
//! a sweep.

mod accept_queue;
mod board;
mod capacity;
mod core;
mod cores;
mod costs;
mod divided;
mod drive;
mod effect;
mod error;
mod evictions;
mod feasible;
mod guard;
mod interrupt;
mod meter;
mod observed;
mod observer;
mod origin;
mod outside;
mod pairs;
mod phases;
mod repeat;
mod request;
mod sample;
mod server_closes;
mod shards;
mod short_window;
mod source_addresses;
mod summary;
mod target;
mod watch;

use indexmap::IndexMap;

pub use self::{
    capacity::{Search, search},
    error::RunError,
    guard::{Orders, guard},
    interrupt::Interrupt,
    observer::{Observer, Progress},
    origin::now,
    pairs::{Broken, PairObserver, PairedRun, PairedRunEnd, Stage, run_pairs},
    request::Request,
    shards::{MergeError, Order, ShardEnd, drive as drive_shard, merge, observe, work as work_as_shard},
    target::Build,
};
use self::{cores::Cores, divided::run_repeat};
use crate::{
    gate::{self, Window},
    record::{Point, Record},
    soak::soak,
};

/// Checks that this machine can run all profiles, before the first one runs.
///
/// # Errors
/// [`RunError::Impossible`], [`RunError::Missing`] or [`RunError::Start`], with what to change.
pub fn check(request: &Request) -> Result<(), RunError> {
    request
        .points
        .iter()
        .try_for_each(|(_, profile)| feasible::check(profile, &request.files, request.processes))
}

/// Runs every repeat of every point. The record holds what was measured, also when the run is cut short by the
/// interrupt or by an error.
pub fn run(
    request: &Request,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> (Record, Result<(), RunError>) {
    let mut record = request.record();
    let result = run_points(request, &mut record, interrupt, observer);
    record.interrupted |= result.is_err();
    record.soak = request.soak.as_ref().and_then(|plan| soak(&record, plan));
    (record, result)
}

fn run_points(
    request: &Request,
    record: &mut Record,
    interrupt: &mut Interrupt,
    observer: &mut dyn Observer,
) -> Result<(), RunError> {
    let cores = Cores::split();
    let _confined = cores.confine_load_generator();
    let of = request.points.iter().map(|(_, profile)| profile.repeats as usize).sum();
    let mut number = 0;
    for (axes, profile) in &request.points {
        let axes_map: IndexMap<String, String> = axes.iter().cloned().collect();
        record.points.push(Point { axes: axes_map, repeats: Vec::new(), verdicts: Vec::new() });
        for index in 0..profile.repeats {
            number += 1;
            observer.repeat(number, of, axes, profile);
            let seed = profile.seed.wrapping_add(u64::from(index));
            if interrupt.requested() {
                record.interrupted = true;
                return Ok(());
            }
            let made = match &profile.core {
                Some(core) => core::run(core, seed, &cores, interrupt)?
                    .map(|repeat| (repeat, drive::RepeatEnd::Finished)),
                None => Some(run_repeat(request, profile, number, seed, &cores, interrupt, observer)?),
            };
            let Some((mut repeat, end)) = made else {
                record.interrupted = true;
                return Ok(());
            };
            repeat.notes.extend(request.window.map(Window::note));
            if let Some(point) = record.points.last_mut() {
                point.repeats.push(repeat);
            }
            judge(request, record);
            record.interrupted = end != drive::RepeatEnd::Finished;
            observer.repeat_done(record);
            match end {
                drive::RepeatEnd::Finished => {}
                drive::RepeatEnd::Interrupted => return Ok(()),
                drive::RepeatEnd::Died(last_words) => return Err(RunError::Died(last_words)),
            }
        }
    }
    Ok(())
}

/// Judges every point again: one may be compared with one that came later.
fn judge(request: &Request, record: &mut Record) {
    for (index, (_, profile)) in request.points.iter().take(record.points.len()).enumerate() {
        record.points[index].verdicts = gate::verdicts(profile, &record.points, index, request.window);
    }
}
