//! `badpeer calibrate`: repeated comparisons of a server with itself, or with a worse one, which measure how often the
//! gate is wrong on this machine.

use super::{
    Exit, Failure, complain,
    gate::{ComparisonEnd, ComparisonPlan, PairOptions},
    number::whole,
    print_raw, say, to_json,
};
use crate::{gate::Calibration, record::Verdict};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name or path of the profile
    #[arg(default_value = super::gate::PROFILE)]
    profile: String,

    /// Number of comparisons
    #[arg(long, short, value_name = "K", default_value_t = 10, value_parser = whole::<u32>(1, u32::MAX.into()))]
    k: u32,

    /// The server, as for `compare --base`. Default: the profile's server
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,

    /// A server that is known to be worse, to measure how often this is detected. Default: the same server
    #[arg(long, value_name = "COMMAND")]
    head: Option<String>,

    #[command(flatten)]
    options: PairOptions,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let command = args.command.as_deref();
    let mut calibration = Calibration::new(args.head.is_some());
    let head = args.head.as_deref();
    let mut plan = ComparisonPlan::new(&args.profile, command, head.or(command), &args.options)?;
    args.options.netns().enter(plan.profiles())?;
    let mut interrupt = super::exit::interrupt()?;
    let mut cut_short = None;
    for gate in 0..args.k {
        plan.reseed(args.options.seed_of(gate));
        // A gate that was not finished says nothing; those before it do.
        let comparison = match plan.run(&mut interrupt, args.json) {
            Ok((comparison, ComparisonEnd::Finished)) => comparison,
            Ok((_, ComparisonEnd::Interrupted)) => {
                cut_short = Some(Exit::Interrupted);
                break;
            }
            Ok((_, ComparisonEnd::Broken(failure))) | Err(failure) => {
                complain(&failure.message);
                cut_short = Some(failure.exit);
                break;
            }
        };
        if !args.json {
            let line = format!(
                "{:>3}  {:<12}  {:>3.0} s  {}",
                gate + 1,
                comparison.verdict.word(),
                comparison.origin.seconds,
                comparison.names(Verdict::Regression).join(" ")
            );
            say(line.trim_end());
        }
        calibration.add(comparison);
    }
    let summary = calibration.summary();
    if args.json {
        print_raw(&to_json(&summary));
    } else if summary.gates + summary.invalid > 0 {
        let style = super::console::style(false);
        say(crate::report::terminal::calibration(&calibration, style).trim_end());
    }
    let is_alarm = args.head.is_none() && calibration.alarms() > 0;
    Ok(match cut_short {
        Some(exit) => exit,
        None if is_alarm => Exit::Failed,
        None if summary.gates == 0 => Exit::Invalid,
        None => Exit::Pass,
    })
}
