//! The options of a run of several processes: which part this one drives, when all of them start, and who observes the server.

use std::{env, str::FromStr, time::Duration};

use super::{
    Exit, Failure, complain,
    exit::{exit_of, interrupt},
    number::whole,
    perform::Output,
    progress::Bar,
    say,
};
use crate::{
    client::Shard,
    profile::Target,
    run::{self, Observer, Order, Progress, Request, RunError, ShardEnd},
    sys,
    units::Span,
};

/// Most processes of one run: the arrivals of an open loop are counted through by each thread.
const MOST: u32 = 10_000;

/// Which part of a run this process is.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Shards {
    /// Divide the clients among so many processes on this machine. The limit of descriptors is one for each process
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1, 256), conflicts_with_all = ["shard", "observe", "start_at"])]
    shards: Option<u32>,

    /// Drive only part I of N of the clients, from 1/N to N/N, and leave what was measured in --out, for `badpeer merge`.
    /// `auto`: as the variables of Slurm or of a Kubernetes Indexed Job say
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "start_at", conflicts_with_all = OF_WHOLE_RUNS)]
    shard: Option<Shard>,

    /// Drive no client. Observe the server, which runs on this machine, for the shards
    #[arg(long, requires = "start_at", conflicts_with_all = OF_WHOLE_RUNS, conflicts_with = "shard")]
    observe: bool,

    /// When all shards and the observer start: 2026-05-01T12:00:00Z, now+10s, or seconds since 1970
    #[arg(long, value_name = "TIME", value_parser = start_at)]
    start_at: Option<u64>,
}

/// Options of what is made of a whole run, which a shard cannot have.
const OF_WHOLE_RUNS: [&str; 9] =
    ["netns", "all", "format", "all_metrics", "verbose", "json", "history", "save_baseline", "baseline"];

/// Where a shard finds out which one it is: the variables of its number, of the first number, of the step between two numbers,
/// and of how many there are.
const ENVIRONMENTS: [[&str; 4]; 3] = [
    ["SLURM_PROCID", "", "", "SLURM_NTASKS"],
    ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"],
    ["JOB_COMPLETION_INDEX", "", "", "BADPEER_SHARDS"],
];

impl Shards {
    /// Processes that the clients are divided among by this one.
    pub(super) fn processes(&self) -> u32 {
        self.shards.unwrap_or(1)
    }

    /// What is asked for in vain of a process that does not do a part only.
    fn fault(&self, requests: &[Request]) -> Option<String> {
        if self.start_at.is_some() {
            return Some("--start-at is for --shard and --observe".to_owned());
        }
        let core = requests.iter().find(|request| request.profile.core.is_some() && self.shards.is_some())?;
        Some(format!("--shards: `{}` is a core experiment and has no clients", core.name))
    }

    /// Runs this process's part, if it is to do a part only.
    pub(super) fn part(&self, requests: &[Request], output: &Output) -> Option<Result<Exit, Failure>> {
        if self.shard.is_none() && !self.observe {
            return self.fault(requests).map(|fault| Err(Failure::usage(fault)));
        }
        Some(order(requests, self, output).and_then(|order| run_part(&order, output)))
    }
}

/// What this process does of the only profile.
fn order(requests: &[Request], shards: &Shards, output: &Output) -> Result<Order, Failure> {
    let no = |what: &str| Err(Failure::usage(format!("--shard and --observe: {what}")));
    let [request] = requests else { return no("name one profile, which is the same for all shards") };
    if request.profile.core.is_some() {
        return no("a core experiment has no clients");
    }
    let [(_, profile)] = &request.points[..] else {
        return no(
            "a sweep has several points, but shards run one: set its keys (--set KEY=VALUE), or use --shards on one \
                   machine",
        );
    };
    if profile.repeats != 1 {
        return no(
            "the profile has several repeats, but shards run one: add --repeats 1, and start them again for the next",
        );
    }
    if !matches!(profile.server, Target::Attached { .. }) {
        return no(
            "all shards drive one server, which must run already: give its address in the profile (`attach` of \
                   [server]), or use --shards, which starts it, on one machine",
        );
    }
    Ok(Order {
        name: request.name.clone(),
        profile: profile.clone(),
        window: request.window,
        shard: shards.shard,
        start_ns: shards.start_at.unwrap_or_default(),
        folder: output.folder().to_owned(),
    })
}

fn run_part(order: &Order, output: &Output) -> Result<Exit, Failure> {
    let mut interrupt = interrupt()?;
    let mut watcher = PartWatcher(Bar::new(output.is_quiet()));
    let who = order.shard.map_or_else(|| "observer".to_owned(), |shard| format!("shard {shard}"));
    watcher.0.start(&format!("{} {who}", order.name), order.profile.duration(), "waiting for the start");
    let end = match order.shard {
        Some(_) => run::drive_shard(order, &mut interrupt, &mut watcher),
        None => run::observe(order, &mut interrupt, &mut watcher),
    };
    watcher.0.clear();
    if let Some(message) = end.message() {
        complain(&format!("{}, {who}: {message}", order.name));
    } else if end.exit_code() == 0 && !output.is_quiet() {
        say(&format!(
            "{who} of `{}` is done: merge all of them with `badpeer merge {}`",
            order.name,
            order.folder.display()
        ));
    }
    Ok(exit(&end))
}

/// The exit code of a shard, as a process.
pub(super) fn exit(end: &ShardEnd) -> Exit {
    match end {
        ShardEnd::Finished { invalid } if invalid.is_empty() => Exit::Pass,
        ShardEnd::Finished { .. } | ShardEnd::Late(_) => Exit::Invalid,
        ShardEnd::Interrupted => Exit::Interrupted,
        ShardEnd::Failed(error) => exit_of(error),
    }
}

/// Does what another badpeer on this machine says on standard input.
pub(super) fn work() -> Result<Exit, Failure> {
    let mut interrupt = interrupt()?;
    let end = run::work_as_shard(&mut interrupt, &mut PartWatcher(Bar::new(true)));
    if let ShardEnd::Failed(error @ RunError::Start(_)) = &end {
        complain(&error.to_string());
    }
    Ok(exit(&end))
}

/// Shows the progress of one part.
struct PartWatcher(Bar);

impl Observer for PartWatcher {
    fn sample(&mut self, progress: &Progress) {
        self.0.show(progress);
    }
}

fn shard(text: &str) -> Result<Shard, String> {
    if text == "auto" {
        return from_environment(|name| env::var(name).ok());
    }
    let (index, of) = text
        .split_once('/')
        .and_then(|(index, of)| Some((index.parse::<u32>().ok()?, of.parse::<u32>().ok()?)))
        .ok_or("write I/N, as in 2/4 for the second of four shards, or auto")?;
    numbered(index, of)
}

/// The shard of this number, from 1.
fn numbered(number: u32, of: u32) -> Result<Shard, String> {
    if !(1..=MOST).contains(&of) {
        return Err(format!("there can be 1 to {MOST} shards"));
    }
    if !(1..=of).contains(&number) {
        return Err(format!("shards are counted from 1: the first of {of} is 1/{of}, the last {of}/{of}"));
    }
    Ok(Shard { index: number - 1, of })
}

fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let read = |[id, first, step, count]: [&str; 4]| {
        let number = |name: &str| variable(name)?.trim().parse::<u32>().ok();
        let (first, step) = (number(first).unwrap_or(0), number(step).unwrap_or(1).max(1));
        Some((number(id)?.checked_sub(first)? / step + 1, number(count)?))
    };
    let found: Vec<(u32, u32)> = ENVIRONMENTS.into_iter().filter_map(read).collect();
    // A job array is one of several jobs with a task each.
    let chosen = found.iter().find(|(_, of)| *of > 1).or(found.first());
    let (number, of) = chosen.copied().ok_or(
        "none of these is set: SLURM_PROCID and SLURM_NTASKS (srun), SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT (a job \
         array), JOB_COMPLETION_INDEX (a Kubernetes Indexed Job) and BADPEER_SHARDS (its completions, which the job must \
         set); or write I/N",
    )?;
    numbered(number, of)
}

/// Nanoseconds since 1970.
fn start_at(text: &str) -> Result<u64, String> {
    at(text, sys::realtime_ns()).ok_or_else(|| {
        "write 2026-05-01T12:00:00Z, now+10s, or seconds since 1970 (`$(($(date +%s) + 10))`)".to_owned()
    })
}

fn at(text: &str, now_ns: u64) -> Option<u64> {
    if let Some(span) = text.strip_prefix("now+") {
        let Span(span) = Span::from_str(span).ok()?;
        return now_ns.checked_add(u64::try_from(span.as_nanos()).ok()?);
    }
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(time.as_nanosecond()).ok();
    }
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e11).contains(seconds))?;
    u64::try_from(Duration::from_secs_f64(seconds).as_nanos()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(shard("1/4"), Ok(Shard { index: 0, of: 4 }));
        assert_eq!(shard("4/4"), Ok(Shard { index: 3, of: 4 }));
        for (text, part) in [
            ("0/4", "the first of 4 is 1/4, the last 4/4"),
            ("5/4", "the first of 4 is 1/4"),
            ("1/0", "1 to 10000 shards"),
            ("1/10001", "1 to 10000 shards"),
            ("1", "write I/N"),
            ("a/b", "write I/N"),
            ("-1/4", "write I/N"),
        ] {
            let refusal = shard(text).expect_err(text);
            assert!(refusal.contains(part), "{text}: {refusal}");
        }
    }

    #[test]
    fn the_variables_of_slurm_and_kubernetes_say_which_shard_it_is() {
        let found = |variables: &[(&str, &str)]| {
            let of = |name: &str| {
                variables.iter().find(|(own, _)| *own == name).map(|(_, text)| (*text).to_owned())
            };
            from_environment(of).map(|shard| shard.to_string())
        };
        let is = |text: &str| Ok(text.to_owned());
        assert_eq!(found(&[("SLURM_PROCID", "2"), ("SLURM_NTASKS", "4")]), is("3/4"));
        let array = [("SLURM_ARRAY_TASK_ID", "5"), ("SLURM_ARRAY_TASK_COUNT", "8")];
        assert_eq!(found(&array), is("6/8"));
        let single = [("SLURM_PROCID", "0"), ("SLURM_NTASKS", "1")];
        assert_eq!(found(&[single, array].concat()), is("6/8"), "a job of the array has one task");
        let from = [("SLURM_ARRAY_TASK_MIN", "3"), ("SLURM_ARRAY_TASK_STEP", "2")];
        assert_eq!(found(&[array, from].concat()), is("2/8"), "of 3, 5, 7 …");
        assert_eq!(found(&single), is("1/1"));
        assert_eq!(found(&[("JOB_COMPLETION_INDEX", "0"), ("BADPEER_SHARDS", "50")]), is("1/50"));
        for variables in
            [&[][..], &[("JOB_COMPLETION_INDEX", "3")], &[("SLURM_PROCID", "x"), ("SLURM_NTASKS", "4")]]
        {
            let refusal = found(variables).expect_err("nothing is known");
            assert!(refusal.contains("SLURM_PROCID") && refusal.contains("BADPEER_SHARDS"), "{refusal}");
        }
        let beyond = found(&[("SLURM_PROCID", "4"), ("SLURM_NTASKS", "4")]).expect_err("there is none");
        assert!(beyond.contains("the last 4/4"), "{beyond}");
    }

    #[test]
    fn a_start_is_a_time_or_a_time_from_now() {
        const NOW: u64 = 1_777_636_800_000_000_000;
        for (text, ahead_ns) in [
            ("2026-05-01T12:00:00Z", 0),
            ("2026-05-01T14:00:10.5+02:00", 10_500_000_000),
            ("now+10s", 10_000_000_000),
            ("now+250ms", 250_000_000),
            ("1777636801", 1_000_000_000),
            ("1777636800.25", 250_000_000),
        ] {
            assert_eq!(at(text, NOW), Some(NOW + ahead_ns), "{text}");
        }
        for text in ["", "now", "now-1s", "10s", "tomorrow", "-5", "nan", "1e300", "2026-05-01"] {
            assert_eq!(at(text, NOW), None, "{text}");
        }
    }

    #[test]
    fn a_shard_leaves_the_exit_code_in_its_file_that_it_ends_with() {
        let invalid = || vec!["late".to_owned()];
        let error = |error| ShardEnd::Failed(error);
        for end in [
            ShardEnd::Finished { invalid: Vec::new() },
            ShardEnd::Finished { invalid: invalid() },
            ShardEnd::Late("late".to_owned()),
            ShardEnd::Interrupted,
            error(RunError::Interrupted),
            error(RunError::Impossible { path: Vec::new(), message: "m".to_owned() }),
            error(RunError::Start("s".to_owned())),
            error(RunError::Missing("m".to_owned())),
            error(RunError::Clients("c".to_owned())),
        ] {
            assert_eq!(exit(&end) as u8, end.exit_code(), "{end:?}");
        }
    }
}
