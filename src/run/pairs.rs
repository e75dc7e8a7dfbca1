//! Pairs of repeats: two servers, one right after the other, in random order, a fresh process for each.

use std::time::{Duration, Instant};

use indexmap::IndexMap;
use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

use super::{Build, Interrupt, Observer, RunError, cores::Cores, drive::RepeatEnd, feasible, repeat};
use crate::{
    gate::{self, Cell, Pair},
    profile::{Axes, Profile},
    record::Repeat,
};

/// Largest number of rounds per requested round, if pairs must be dropped.
const MOST_ROUNDS: u32 = 2;

/// Two servers to be compared under one profile.
#[derive(Clone, Debug)]
pub struct PairedRun {
    /// The points of the sweep, with the server that is compared with.
    pub base: Vec<(Axes, Profile)>,
    /// The same points, with the server that is judged.
    pub head: Vec<(Axes, Profile)>,
    /// For the reference server: the builds that serve. In the order of base and head.
    pub builds: [Build; 2],
    /// The files that the servers need, by name.
    pub files: IndexMap<String, String>,
    /// Pairs that must count at each point, and again as many where a first stage failed; of those that do not, as many
    /// more are measured.
    pub pairs: u32,
    /// Decides the order within each pair, and the arrivals of both.
    pub seed: u64,
}

/// Why a comparison could not go on, and which of the two servers it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{side}: {error}")]
pub struct Broken {
    /// `base` or `head`.
    pub side: &'static str,
    /// What is wrong.
    pub error: RunError,
}

/// How far a comparison came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PairedRunEnd {
    /// All pairs were measured.
    Finished,
    /// An interrupt came first.
    Interrupted,
    /// The head exited by itself under a load that the base survived; its last output.
    HeadDied(String),
}

/// Observer of a comparison.
pub trait PairObserver: Observer {
    /// A pair begins: which one, of how many in this stage, and how long the rest of the stage will take at the pace so far.
    fn pair(&mut self, number: usize, of: usize, left: Option<Duration>, stage: Stage);
}

/// The progress of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// All points are measured.
    First,
    /// The points that failed are measured again.
    Confirming,
}

impl Stage {
    /// How many of the pairs that it measured at a point count.
    fn standing(self, cell: &Cell) -> u32 {
        let pairs = match self {
            Self::First => &cell.pairs,
            Self::Confirming => &cell.fresh,
        };
        pairs.iter().filter(|pair| pair.dropped().is_none()).count() as u32
    }

    /// Where its pairs are kept.
    const fn pairs(self, cell: &mut Cell) -> &mut Vec<Pair> {
        match self {
            Self::First => &mut cell.pairs,
            Self::Confirming => &mut cell.fresh,
        }
    }
}

/// Runs the pairs of both stages. What was measured is given back also when an interrupt, the head's death or an error
/// ends it early.
pub fn run_pairs(
    paired_run: &PairedRun,
    interrupt: &mut Interrupt,
    observer: &mut dyn PairObserver,
) -> (Vec<Cell>, Result<PairedRunEnd, Broken>) {
    let cell = |(axes, profile): &(Axes, Profile)| Cell {
        axes: axes.iter().cloned().collect(),
        gated: gate::gated(profile),
        pairs: Vec::new(),
        fresh: Vec::new(),
    };
    let mut cells: Vec<Cell> = paired_run.base.iter().map(cell).collect();
    let cores = Cores::split();
    let _confined = cores.confine_load_generator();
    let mut runner = PairRunner {
        paired_run,
        cores: &cores,
        coin: Xoshiro256PlusPlus::seed_from_u64(paired_run.seed),
        interrupt,
        observer,
    };
    let result = runner.both_stages(&mut cells);
    let ended = match result {
        Ok(()) => Ok(PairedRunEnd::Finished),
        Err(Stop::Interrupted) => Ok(PairedRunEnd::Interrupted),
        Err(Stop::HeadDied(last_words)) => Ok(PairedRunEnd::HeadDied(last_words)),
        Err(Stop::Broken(broken)) => Err(broken),
    };
    (cells, ended)
}

/// Why no further pair is measured.
enum Stop {
    Interrupted,
    HeadDied(String),
    Broken(Broken),
}

/// Measures the pairs of all points.
struct PairRunner<'a> {
    paired_run: &'a PairedRun,
    cores: &'a Cores,
    coin: Xoshiro256PlusPlus,
    interrupt: &'a mut Interrupt,
    observer: &'a mut dyn PairObserver,
}

impl PairRunner<'_> {
    fn both_stages(&mut self, cells: &mut [Cell]) -> Result<(), Stop> {
        for (side, points) in [("base", &self.paired_run.base), ("head", &self.paired_run.head)] {
            for (_, profile) in points {
                feasible::check(profile, &self.paired_run.files, 1)
                    .map_err(|error| Stop::Broken(Broken { side, error }))?;
            }
        }
        let all: Vec<usize> = (0..cells.len()).collect();
        self.stage(Stage::First, &all, cells)?;
        let suspects = gate::suspects(cells);
        let again: Vec<usize> = all.into_iter().filter(|index| suspects[*index]).collect();
        self.stage(Stage::Confirming, &again, cells)
    }

    /// Points take turns within each round, so that a drift of the machine affects all of them. A dropped pair is
    /// measured again at the end, for up to as many pairs as were requested; otherwise a busy host leaves too few.
    /// Whether a pair is dropped is decided before its metrics are read, so this introduces no bias.
    fn stage(&mut self, stage: Stage, indices: &[usize], cells: &mut [Cell]) -> Result<(), Stop> {
        let begun = Instant::now();
        let mut done = 0;
        for round in 0..self.paired_run.pairs * MOST_ROUNDS {
            for &index in indices {
                let missing =
                    |index: usize| self.paired_run.pairs.saturating_sub(stage.standing(&cells[index]));
                if missing(index) == 0 {
                    continue;
                }
                let of = done + indices.iter().map(|index| missing(*index) as usize).sum::<usize>();
                let left = (done > 0).then(|| begun.elapsed().mul_f64((of - done) as f64 / done as f64));
                self.observer.pair(done + 1, of, left, stage);
                let stages_before = u64::from(stage == Stage::Confirming);
                let rounds_before = stages_before * u64::from(self.paired_run.pairs * MOST_ROUNDS);
                let seed = self.paired_run.seed.wrapping_add(rounds_before + u64::from(round));
                let pair = self.pair(index, seed)?;
                stage.pairs(&mut cells[index]).push(pair);
                done += 1;
            }
        }
        Ok(())
    }

    /// One pair. If the head dies, the base still has its repeat: only if it survives the same load it is the
    /// head's own death.
    fn pair(&mut self, index: usize, seed: u64) -> Result<Pair, Stop> {
        let head_first = self.coin.random::<bool>();
        if head_first {
            let head = self.repeat(index, 1, seed)?;
            let base = self.base(index, seed)?;
            return Ok(Pair { head_first, base, head: head.map_err(Stop::HeadDied)? });
        }
        let base = self.base(index, seed)?;
        let head = self.repeat(index, 1, seed)?;
        Ok(Pair { head_first, base, head: head.map_err(Stop::HeadDied)? })
    }

    fn base(&mut self, index: usize, seed: u64) -> Result<Repeat, Stop> {
        let died = |last_words| Stop::Broken(Broken { side: "base", error: RunError::Died(last_words) });
        self.repeat(index, 0, seed)?.map_err(died)
    }

    /// One repeat, or the last output of the server if it exited under load.
    fn repeat(&mut self, index: usize, side: usize, seed: u64) -> Result<Result<Repeat, String>, Stop> {
        if self.interrupt.requested() {
            return Err(Stop::Interrupted);
        }
        let (_, profile) =
            if side == 0 { &self.paired_run.base[index] } else { &self.paired_run.head[index] };
        let build = &self.paired_run.builds[side];
        let made = repeat::run(
            profile,
            build,
            &self.paired_run.files,
            seed,
            self.cores,
            self.interrupt,
            self.observer,
        );
        let side = ["base", "head"][side];
        match made.map_err(|error| Stop::Broken(Broken { side, error }))? {
            (repeat, RepeatEnd::Finished) => Ok(Ok(repeat)),
            (_, RepeatEnd::Interrupted) => Err(Stop::Interrupted),
            (_, RepeatEnd::Died(last_words)) => Ok(Err(last_words)),
        }
    }
}
