//! `badpeer compare`: two records side by side, or two servers in pairs of repeats, with a verdict.

use std::path::PathBuf;

use super::{
    Exit, Failure, complain, console,
    gate::{self, ComparisonEnd, ComparisonPlan, PairOptions},
    github, print_raw, say, store, to_json,
};
use crate::{
    gate::PairedComparison,
    record::Record,
    report::{self, Format, ReportError},
    run::Interrupt,
};

/// The exit codes of a comparison of two servers.
const EXIT_CODES: &str = "\
Exit codes with --base and --head:
  0  PASS or INCONCLUSIVE. A PASS means that no gated metric got worse by as
     much as its budget, with 95 % confidence, under this profile on this
     machine; the report lists what was gated, what was not, and which
     expectations could not be checked. INCONCLUSIVE says nothing in either
     direction; with --strict it is exit code 4.
  1  REGRESSION: a metric got worse, and fresh pairs confirmed it. Or FAIL: the
     head does not meet an expectation of the profile, sent wrong bytes, or
     died under a load that the base survived.
  3  One of the servers could not be started or reached, or the base died.
  4  INVALID: too few pairs were valid; with --strict also INCONCLUSIVE.

Exit codes with --capacity:
  0  PASS: the brackets overlap, which shows no change, or that of the second
     record lies higher. INCONCLUSIVE: an end of a bracket is missing or not
     confirmed; with --strict it is exit code 4.
  1  REGRESSION: the second fails at or below a level that the first holds.";

#[derive(Debug, clap::Args)]
#[command(after_help = EXIT_CODES, group = clap::ArgGroup::new("is_gate").args(["head", "capacity"]).multiple(true))]
pub(super) struct Args {
    /// Two records (a record.json, or the folder of a run); with --base and --head: names or paths of profiles.
    /// Default: `gate`
    #[arg(value_name = "RECORD|PROFILE", required_unless_present_any = ["head", "base"])]
    what: Vec<String>,

    /// The server to compare with. For a profile of the reference server: a badpeer program, and flags of `serve` to
    /// add. For any other profile: the command line that replaces the profile's
    #[arg(long, value_name = "COMMAND", requires = "head")]
    base: Option<String>,

    /// The server that is compared with the base, and judged
    #[arg(long, value_name = "COMMAND", requires = "base")]
    head: Option<String>,

    #[command(flatten)]
    options: PairOptions,

    #[command(flatten)]
    gating: Gating,

    /// Folder for the reports
    #[arg(long, value_name = "DIR", default_value = "reports")]
    out: PathBuf,

    /// Report formats, in addition to comparison.json
    #[arg(long, value_enum, value_delimiter = ',', requires = "head", default_values_t = Format::OF_COMPARISON.iter().copied())]
    format: Vec<Format>,

    /// Of two records, list all metrics, also those that did not change
    #[arg(long, short)]
    verbose: bool,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
struct Gating {
    /// Of two records of `badpeer capacity`: did the bracket of the second fall below that of the first?
    #[arg(long, conflicts_with_all = ["base", "head"])]
    capacity: bool,

    /// Exit with 4 if the comparison is INCONCLUSIVE. Default: 0, as for PASS
    #[arg(long, requires = "is_gate")]
    strict: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    match (&args.base, &args.head) {
        (Some(base), Some(head)) => servers(args, base, head),
        _ => records(args),
    }
}

fn records(args: &Args) -> Result<Exit, Failure> {
    let [a, b] = args.what.as_slice() else {
        return Err(Failure::usage(
            "name two records, or the servers with --base and --head and the profiles to drive them with",
        ));
    };
    args.options.netns().refuse("it is for servers that are run: name them with --base and --head")?;
    let (a, b) = (store::read(a.as_ref())?, store::read(b.as_ref())?);
    if args.gating.capacity {
        return brackets(args, &a, &b);
    }
    if args.json {
        print_raw(&to_json(&report::compare::to_json(&a, &b)));
    } else {
        say(report::terminal::records(&a, &b, console::style(args.verbose)).trim_end());
    }
    Ok(Exit::Pass)
}

/// Whether the bracket of the second record fell below that of the first.
fn brackets(args: &Args, base: &Record, head: &Record) -> Result<Exit, Failure> {
    let comparison = crate::gate::brackets(base, head).map_err(Failure::usage)?;
    if args.json {
        print_raw(&to_json(&comparison));
    } else {
        say(report::terminal::brackets(&comparison, console::style(args.verbose)).trim_end());
    }
    Ok(Exit::of(comparison.verdict, args.gating.strict))
}

fn servers(args: &Args, base: &str, head: &str) -> Result<Exit, Failure> {
    let plan = |name: &String| ComparisonPlan::new(name, Some(base), Some(head), &args.options);
    // All is read before the first is run, so that nothing is measured in vain.
    if let Some(format) = args.format.iter().find(|format| !report::is_of_comparison(**format)) {
        return Err(Failure::usage(ReportError::NotOfComparison(*format)));
    }
    let default = [gate::PROFILE.to_owned()];
    let profiles = if args.what.is_empty() { &default } else { args.what.as_slice() };
    let plans = profiles.iter().map(plan).collect::<Result<Vec<_>, _>>()?;
    args.options.netns().enter(plans.iter().flat_map(ComparisonPlan::profiles))?;
    store::check(&args.out)?;
    let mut interrupt = super::exit::interrupt()?;
    let mut worst = Exit::Pass;
    let mut all = Vec::new();
    for plan in plans {
        let exit = compare_one(args, &plan, &mut interrupt, &mut all);
        worst = worst.worse(exit);
        if exit == Exit::Interrupted {
            break;
        }
    }
    if args.json {
        print_raw(&to_json(&all));
    }
    Ok(worst)
}

/// Runs a comparison, prints it and keeps it. A failure to keep it is reported, and the next comparison runs all the same.
fn compare_one(
    args: &Args,
    plan: &ComparisonPlan,
    interrupt: &mut Interrupt,
    all: &mut Vec<ComparisonJson>,
) -> Exit {
    let (exit, failures) = match plan.run(interrupt, args.json) {
        Ok((comparison, end)) => {
            let exit = exit(&comparison, &end, args.gating.strict);
            let (done, unkept) = tell(args, comparison);
            all.push(done);
            let broken = if let ComparisonEnd::Broken(failure) = end { Some(failure) } else { None };
            (exit, [unkept, broken])
        }
        Err(failure) => (failure.exit, [Some(failure), None]),
    };
    failures.into_iter().flatten().fold(exit, |exit, failure| {
        complain(&failure.message);
        exit.worse(failure.exit)
    })
}

/// The output for a comparison with `--json`.
#[derive(serde::Serialize)]
struct ComparisonJson {
    /// The folder of the comparison, if it could be written.
    #[serde(skip_serializing_if = "Option::is_none")]
    reports: Option<PathBuf>,
    /// What its verdict means.
    meaning: String,
    #[serde(flatten)]
    comparison: PairedComparison,
}

/// Prints the result of a comparison and then writes it, so that the result is printed even if writing fails. Returns
/// the error of writing, if any.
fn tell(args: &Args, comparison: PairedComparison) -> (ComparisonJson, Option<Failure>) {
    if !args.json {
        say(&report::terminal::comparison(&comparison, console::style(args.verbose)));
    }
    github::tell(|| (&comparison).into(), || report::markdown::comparison(&comparison));
    let (reports, unkept) = match store::keep_comparison(&args.out, &comparison, &args.format) {
        Ok(folder) => (Some(folder), None),
        Err(failure) => (None, Some(failure)),
    };
    if let Some(folder) = reports.as_ref().filter(|_| !args.json) {
        say(&format!("kept in {}\n", folder.display()));
    }
    (ComparisonJson { reports, meaning: report::gate::meaning(&comparison), comparison }, unkept)
}

fn exit(comparison: &PairedComparison, end: &ComparisonEnd, strict: bool) -> Exit {
    match end {
        ComparisonEnd::Interrupted => Exit::Interrupted,
        ComparisonEnd::Broken(failure) => failure.exit,
        ComparisonEnd::Finished => Exit::of(comparison.verdict, strict),
    }
}
