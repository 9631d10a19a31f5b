//! The command line.

use std::time::Duration;

use clap::Parser;
use kinfolk_bench::{Contender, Pace, Placement, Scenario};

/// Measure kinfolk beside the raw limits of this machine, in one run, alternating.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// Everything once, in seconds: shows that it works, measures nothing.
    #[arg(long)]
    smoke: bool,
    /// Both processes on CPU 0: the CPU cost of a message, repeatable (the default).
    #[arg(long, conflicts_with = "free")]
    same_cpu: bool,
    /// The scheduler decides where the processes run: what a user feels on a quiet machine.
    #[arg(long)]
    free: bool,
    /// Print JSON lines instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
    /// How often each contender is measured in each scenario.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// How long one measurement takes, in milliseconds.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    ms: u64,
    /// Only these, separated by commas: lat, pipe64, pipe1024, oneway, big1m-ack, big64m-ack, fair, spawn; also
    /// pipe<N> for any N, big1m-echo, big64m-echo; or `pool` for what compares pools: pool-empty, pool-100us,
    /// pool-5ms, pool-idle. Pools are always placed by the scheduler, and measured only if they are asked for.
    #[arg(long, value_delimiter = ',', value_parser = scenarios)]
    only: Vec<Group>,
    /// Only these contenders, by their names in the JSON lines, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = contender)]
    contenders: Vec<Contender>,
}

fn contender(name: &str) -> Result<Contender, String> {
    Contender::parse(name).ok_or_else(|| format!("there is no contender `{name}`"))
}

/// What one name stands for.
#[derive(Clone, Debug)]
struct Group(Vec<Scenario>);

fn scenarios(name: &str) -> Result<Group, String> {
    if name == "pool" {
        return Ok(Group(Scenario::POOLS.to_vec()));
    }
    let scenario = Scenario::parse(name).ok_or_else(|| format!("there is no scenario `{name}`"))?;
    Ok(Group(vec![scenario]))
}

impl Options {
    pub(crate) fn placement(&self) -> Placement {
        let pools = self.scenarios().into_iter().all(Scenario::is_of_pools);
        if self.free || pools { Placement::Free } else { Placement::SameCpu }
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.smoke { Pace::smoke() } else { Pace::lasting(Duration::from_millis(self.ms)) }
    }

    pub(crate) fn rounds(&self) -> u32 {
        if self.smoke { 1 } else { self.rounds }
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        match &*self.only {
            [] => Scenario::ALL.to_vec(),
            only => only.iter().flat_map(|Group(scenarios)| scenarios).copied().collect(),
        }
    }

    /// # Errors
    /// Pools and the rest cannot be measured on one processor in the same run.
    pub(crate) fn check(&self) -> Result<(), &'static str> {
        let pools = self.scenarios().into_iter().any(Scenario::is_of_pools);
        let fits = !pools || (self.placement() == Placement::Free && !self.same_cpu);
        if fits { Ok(()) } else { Err("pools need more than one processor: add --free, or measure them alone") }
    }

    pub(crate) fn wants(&self, contender: Contender) -> bool {
        self.contenders.is_empty() || self.contenders.contains(&contender)
    }

    pub(crate) fn is_smoke(&self) -> bool {
        self.smoke
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Options, Placement};

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn pools_are_not_bound_to_one_cpu() {
        let parse = |args: &[&str]| Options::try_parse_from([&["kinfolk-bench"], args].concat()).unwrap();
        let alone = parse(&["--only", "pool"]);
        assert_eq!((alone.placement(), alone.scenarios().len(), alone.check()), (Placement::Free, 4, Ok(())));
        assert!(parse(&["--only", "lat,pool-5ms", "--free"]).check().is_ok());
        assert!(parse(&["--only", "lat,pool-5ms"]).check().is_err());
        assert!(parse(&["--only", "pool", "--same-cpu"]).check().is_err());
    }

    #[test]
    fn one_cpu_is_the_default_and_excludes_the_other() {
        let parse = |args: &[&str]| Options::try_parse_from([&["kinfolk-bench"], args].concat());
        assert_eq!(parse(&[]).unwrap().placement(), parse(&["--same-cpu"]).unwrap().placement());
        assert!(parse(&["--same-cpu", "--free"]).is_err());
    }
}
