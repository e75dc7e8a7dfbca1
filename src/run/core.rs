//! A repeat of a core experiment: a fresh process on a core of its own, which prints what it found.

use std::{
    process::{Child, Output},
    thread,
    time::{Duration, Instant},
};

use indexmap::IndexMap;

use super::{Interrupt, RunError, cores::Cores, target::spawn_badpeer};
use crate::{
    metric::Stat,
    profile::Core,
    record::{Effective, Repeat, Series},
};

/// Time between two looks at the process.
const LOOK_UP: Duration = Duration::from_millis(5);

/// Runs one repeat; `None` when it was interrupted.
pub(super) fn run(
    core: &Core,
    seed: u64,
    cores: &Cores,
    interrupt: &mut Interrupt,
) -> Result<Option<Repeat>, RunError> {
    let started = Instant::now();
    let Some(output) = wait(start(core, seed, cores)?, interrupt)? else { return Ok(None) };
    let took_ns = started.elapsed().as_nanos() as i64;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let printed = if words.is_empty() { "it printed nothing" } else { words.trim_end() };
        return Err(RunError::Died(format!("the core experiment ended with {}: {printed}", output.status)));
    }
    let summary = summary(&output.stdout).map_err(RunError::Died)?;
    Ok(Some(Repeat {
        seed,
        window_ns: (0, took_ns),
        phases: Vec::new(),
        cut_short: false,
        died: None,
        effective: Effective {
            server_cores: cores.server.clone(),
            cores: cores.words(),
            ..Effective::default()
        },
        series: Series::default(),
        groups: Vec::new(),
        evictions: Vec::new(),
        summary,
        censored: IndexMap::new(),
        price: None,
        invalid: Vec::new(),
        disturbed: Vec::new(),
        unproven: Vec::new(),
        notes: Vec::new(),
    }))
}

/// Starts `badpeer core` on the cores that would be a server's.
fn start(core: &Core, seed: u64, cores: &Cores) -> Result<Child, RunError> {
    let mut arguments =
        ["core", "--seed", &seed.to_string(), "--until-stdin-ends"].map(str::to_owned).to_vec();
    arguments.extend(core.to_arguments());
    spawn_badpeer(None, &arguments, &cores.server)
}

/// All that it said, once it has ended by itself; `None` when it was ended by an interrupt. It says little: no pipe fills.
fn wait(mut child: Child, interrupt: &mut Interrupt) -> Result<Option<Output>, RunError> {
    let failed = |error| RunError::Died(format!("cannot watch the core experiment: {error}"));
    while child.try_wait().map_err(failed)?.is_none() {
        if interrupt.requested() {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(None);
        }
        thread::sleep(LOOK_UP);
    }
    child.wait_with_output().map(Some).map_err(failed)
}

/// Reads `{"core_cpu_per_step":92.5,…}`.
fn summary(stdout: &[u8]) -> Result<IndexMap<String, f64>, String> {
    let found: IndexMap<String, f64> =
        serde_json::from_slice(stdout).map_err(|e| format!("the core experiment printed no metrics: {e}"))?;
    match found.keys().find(|name| Stat::named(name).is_none()) {
        Some(name) => Err(format!("the core experiment printed `{name}`, which is not a metric")),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_numbers_are_refused() {
        let found = summary(b"{\"core_cpu_per_step\":92.5,\"core_entries\":7.0}\n").expect("numbers");
        assert_eq!(found.get("core_cpu_per_step").map(ToString::to_string).as_deref(), Some("92.5"));
        assert!(summary(b"{\"core_cpu\":1.0}").expect_err("unknown").contains("`core_cpu`"));
        assert!(summary(b"").is_err());
    }
}
