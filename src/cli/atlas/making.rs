//! An atlas while it is measured.

use super::{
    args::{Args, Asked},
    children::Children,
    shelf::Shelf,
    task::{Look, Place, Task},
};
use crate::{
    atlas::{Atlas, Cell, CellProfile, Outcome, Plan, Variant, cell_profile, fault_name},
    cli::{Exit, Failure, progress::Bar},
    record::Record,
    report::{self, ReportError},
    run::Interrupt,
};

/// Runs at a time where others were a disturbance.
const FEW: usize = 2;

/// An atlas that is being measured.
pub(super) struct Making<'a> {
    pub(super) args: &'a Args,
    pub(super) asked: &'a Asked,
    pub(super) atlas: Atlas,
    pub(super) shelf: Shelf,
    pub(super) bar: Bar,
}

impl Making<'_> {
    /// All cells of a variant whose server is there, and has it: a server that no directive hardens has one variant.
    fn places(&self, variant: Variant) -> Vec<Place> {
        if !self.args.variants.contains(&variant) {
            return Vec::new();
        }
        let servers = (0..self.asked.servers.len()).filter(|at| {
            let has_it = variant == Variant::Default || !self.asked.servers[*at].hardened.is_empty();
            has_it && self.atlas.servers[*at].skipped.is_none()
        });
        servers
            .flat_map(|server| {
                (0..self.asked.faults.len()).map(move |fault| Place { server, variant, fault })
            })
            .collect()
    }

    fn profile(&self, place: Place, plan: &Plan) -> Result<CellProfile, String> {
        cell_profile(&self.asked.servers[place.server], place.variant, &self.asked.faults[place.fault], plan)
    }

    /// Measures every cell at the defaults, one after the other; false if it was interrupted.
    pub(super) fn alone(&mut self, interrupt: &mut Interrupt) -> Result<bool, Failure> {
        for at in 0..self.asked.servers.len() {
            let found = Shelf::find(&self.asked.servers[at]);
            match found {
                Ok(version) => self.atlas.servers[at].version = version,
                Err(missing) => self.atlas.servers[at].skipped = Some(missing),
            }
        }
        self.shelf.note_versions(&mut self.atlas);
        if !self.look(self.places(Variant::Default), Look::Alone, interrupt)? {
            return Ok(false);
        }
        let is_disturbed = |place: &Place| self.cell_at(*place).is_some_and(Cell::lacks_times);
        let disturbed = self.places(Variant::Default).into_iter().filter(is_disturbed).collect();
        self.look(disturbed, Look::Alone, interrupt)
    }

    /// Measures when peers are ended that the first look has seen held, and every hardened cell, several at a time.
    pub(super) fn beside(&mut self, interrupt: &mut Interrupt) -> Result<bool, Failure> {
        if !self.look(self.places(Variant::Hardened), Look::Short, interrupt)? {
            return Ok(false);
        }
        // The timeouts of hardened variants have ended by then; what is still open may end later.
        let all = [self.places(Variant::Default), self.places(Variant::Hardened)].concat();
        let is_open = |place: &Place| match self.cell_at(*place) {
            Some(cell) if is_unknown(cell) => place.variant == Variant::Default,
            cell => cell.is_some_and(is_open),
        };
        let open = all.iter().copied().filter(|place| !self.args.quick && is_open(place)).collect();
        if !self.look(open, Look::Long, interrupt)? {
            return Ok(false);
        }
        // What was not valid may have been disturbed by the others.
        let unsettled = all.into_iter().filter(|place| self.is_unsettled(*place));
        let again = |place: &Place| {
            let is_brief = self.args.quick || self.cell_at(*place).is_some_and(is_unknown);
            match place.variant {
                Variant::Hardened if is_brief => Look::Short,
                Variant::Default if self.args.quick => Look::Alone,
                _ => Look::Long,
            }
        };
        let unsettled: Vec<(Place, Look)> = unsettled.map(|place| (place, again(&place))).collect();
        let tasks = unsettled.into_iter().flat_map(|(place, look)| self.tasks(vec![place], look)).collect();
        self.perform(tasks, FEW, interrupt)
    }

    /// Makes the runs of one look at these cells, as many at a time as it allows; false if it was interrupted.
    fn look(&mut self, places: Vec<Place>, look: Look, interrupt: &mut Interrupt) -> Result<bool, Failure> {
        let at_a_time = self.args.at_a_time(look, self.atlas.machine.cores as u32);
        let tasks = self.tasks(places, look);
        self.perform(tasks, at_a_time, interrupt)
    }

    /// Whether a cell lacks what it was measured for.
    fn is_unsettled(&self, place: Place) -> bool {
        let Some(cell) = self.cell_at(place) else { return false };
        match cell.outcome {
            Outcome::Unknown { .. } => true,
            Outcome::Held { for_ns } => {
                !self.args.quick && u128::from(for_ns) < self.atlas.hold.0.as_nanos() * 9 / 10
            }
            _ => false,
        }
    }

    fn cell_at(&self, place: Place) -> Option<&Cell> {
        let (server, fault) = (&self.asked.servers[place.server].name, &self.asked.faults[place.fault].name);
        self.atlas.cell(server, place.variant, fault)
    }

    /// The runs of these cells; what does not apply is a cell already.
    fn tasks(&mut self, places: Vec<Place>, look: Look) -> Vec<(Place, Task)> {
        let mut tasks = Vec::new();
        for place in places {
            match self.profile(place, &self.args.plan(look)) {
                Ok(profile) => {
                    let name = self.name(place, look);
                    tasks.push((place, Task { name, profile, alone: look == Look::Alone }));
                }
                Err(why) => self.put(place, |cell| cell.outcome = Outcome::DoesNotApply { why }),
            }
        }
        tasks
    }

    fn name(&self, place: Place, look: Look) -> String {
        let (server, fault) = (&self.asked.servers[place.server].name, &self.asked.faults[place.fault].name);
        format!("{server}-{}-{fault}{}", place.variant.name(), look.suffix())
    }

    /// Changes a cell, which is made if it is not there.
    fn put(&mut self, place: Place, change: impl FnOnce(&mut Cell)) {
        let server = &self.asked.servers[place.server];
        let fault = &self.asked.faults[place.fault].name;
        let own =
            |cell: &Cell| cell.server == server.name && cell.variant == place.variant && cell.fault == *fault;
        let at = self.atlas.cells.iter().position(own).unwrap_or_else(|| {
            let why = "not measured".to_owned();
            let mut cell = Cell::without(&server.name, place.variant, fault, Outcome::Unknown { why });
            let documented =
                server.documented.iter().find(|documented| fault_name(&documented.fault) == *fault);
            cell.documented = documented.filter(|_| place.variant == Variant::Default).cloned();
            self.atlas.cells.push(cell);
            self.atlas.cells.len() - 1
        });
        change(&mut self.atlas.cells[at]);
    }

    /// Makes these runs, so many at a time.
    fn perform(
        &mut self,
        tasks: Vec<(Place, Task)>,
        at_a_time: usize,
        interrupt: &mut Interrupt,
    ) -> Result<bool, Failure> {
        let of = tasks.len();
        let mut children = Children::new(at_a_time);
        let mut tasks = tasks.into_iter();
        let mut done = 0;
        loop {
            while children.has_room() && !interrupt.requested() {
                let Some((place, task)) = tasks.next() else { break };
                if let Some(record) = self.kept(place, &task) {
                    self.take(place, &task, Ok(&record));
                    done += 1;
                    continue;
                }
                self.shelf.put(&task)?;
                let child = self.shelf.start(&task)?;
                children.add(place, task, child);
            }
            if children.is_empty() {
                return Ok(!interrupt.requested());
            }
            let ended = children.wait(interrupt);
            let was_interrupted = interrupt.requested();
            for (place, task, words) in ended {
                done += 1;
                if was_interrupted {
                    continue;
                }
                let record = self.shelf.newest(&task);
                self.take(place, &task, record.as_ref().ok_or(words));
                self.bar.count("atlas", done, of, task.name.clone());
                self.write()?;
            }
        }
    }

    /// The record of an earlier run, if it says what such a run is made for.
    fn kept(&self, place: Place, task: &Task) -> Option<Record> {
        if self.args.again {
            return None;
        }
        let server = &self.asked.servers[place.server].name;
        let record = self.shelf.kept(task, server, &self.atlas.machine)?;
        let nothing = Outcome::Unknown { why: String::new() };
        let mut cell = Cell::without(server, place.variant, &self.asked.faults[place.fault].name, nothing);
        cell.take(&record, self.asked.faults[place.fault].goes_on, task.alone);
        // Only the times of a run alone count, which other programs may have disturbed.
        let lacks_something = is_unknown(&cell) || (task.alone && cell.lacks_times());
        (!lacks_something).then_some(record)
    }

    /// Takes over a run, or why there is none.
    fn take(&mut self, place: Place, task: &Task, record: Result<&Record, String>) {
        let goes_on = self.asked.faults[place.fault].goes_on;
        let folder = self.shelf.page(task);
        if let Ok(record) = record {
            self.atlas.note_run(&record.started);
        }
        self.put(place, |cell| {
            match record {
                Ok(record) => cell.take(record, goes_on, task.alone),
                Err(words) if matches!(cell.outcome, Outcome::Unknown { .. }) => {
                    cell.outcome = Outcome::Unknown { why: words };
                }
                Err(_) => {}
            }
            let is_older = |run: &String| run.starts_with(&format!("runs/{}/", task.name));
            cell.runs.retain(|run| !is_older(run));
            cell.runs.extend(folder);
        });
    }

    /// Writes all files.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.write()?;
        self.leave(report::atlas::pictures(&self.atlas))
    }

    /// Writes what takes no time to speak of: it is done between runs, and beside others.
    fn write(&mut self) -> Result<(), Failure> {
        self.atlas.sort();
        self.leave(report::atlas::texts(&self.atlas))
    }

    fn leave(&self, files: Result<Vec<(String, Vec<u8>)>, ReportError>) -> Result<(), Failure> {
        let written = files.and_then(|files| report::write(files, &self.args.out));
        written.map(drop).map_err(|error| Failure::new(Exit::Target, error))
    }
}

const fn is_unknown(cell: &Cell) -> bool {
    matches!(cell.outcome, Outcome::Unknown { .. })
}

/// Whether it is not known yet when the server ends its peers.
fn is_open(cell: &Cell) -> bool {
    match cell.outcome {
        Outcome::Held { .. } | Outcome::Unknown { .. } => true,
        Outcome::Ended { peers, .. } => peers < cell.peers.1,
        Outcome::GoesOn | Outcome::Died { .. } | Outcome::DoesNotApply { .. } => false,
    }
}
