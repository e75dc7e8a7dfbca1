//! `badpeer calibrate`: a server against itself, again and again. Whoever is told of a regression should know how often the
//! gate is wrong on this machine.

use super::{
    Exit, Failure,
    gate::{Contest, End, Manner},
    say, to_json,
};
use crate::gate::Calibration;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Name or path of the profile
    profile: String,

    /// How many gates
    #[arg(long, short, value_name = "K", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    k: u32,

    /// The server, as for `compare --base`; the profile's unless given
    #[arg(long, value_name = "COMMAND")]
    command: Option<String>,

    #[command(flatten)]
    manner: Manner,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn main(args: &Args) -> Result<Exit, Failure> {
    let command = args.command.as_deref();
    let mut calibration = Calibration::default();
    let mut contest = Contest::new(&args.profile, command, command, &args.manner)?;
    for gate in 0..args.k {
        contest.reseed(args.manner.seed_of(gate));
        let (comparison, end) = contest.hold(args.json)?;
        if end == End::Interrupted {
            return Ok(Exit::Interrupted);
        }
        if !args.json {
            let line = format!(
                "{:>3}  {:<12}  {:.0} s",
                gate + 1,
                comparison.call.word(),
                comparison.origin.seconds
            );
            say(&line);
        }
        calibration.add(comparison);
    }
    if args.json {
        say(&to_json(&calibration.summary()));
    } else {
        say(crate::report::gate::calibration(&calibration).trim_end());
    }
    Ok(if calibration.alarms() == 0 { Exit::Pass } else { Exit::Failed })
}
