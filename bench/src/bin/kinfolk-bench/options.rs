//! The command line.

use std::time::Duration;

use clap::Parser;
use kinfolk_bench::{Pace, Placement, Scenario};

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
    /// pipe<N> for
    /// any N, big1m-echo, big64m-echo.
    #[arg(long, value_delimiter = ',', value_parser = scenario)]
    only: Vec<Scenario>,
}

fn scenario(name: &str) -> Result<Scenario, String> {
    Scenario::parse(name).ok_or_else(|| format!("there is no scenario `{name}`"))
}

impl Options {
    pub(crate) fn placement(&self) -> Placement {
        if self.free { Placement::Free } else { Placement::SameCpu }
    }

    pub(crate) fn pace(&self) -> Pace {
        if self.smoke { Pace::smoke() } else { Pace::lasting(Duration::from_millis(self.ms)) }
    }

    pub(crate) fn rounds(&self) -> u32 {
        if self.smoke { 1 } else { self.rounds }
    }

    pub(crate) fn scenarios(&self) -> Vec<Scenario> {
        if self.only.is_empty() { Scenario::ALL.to_vec() } else { self.only.clone() }
    }

    pub(crate) fn is_smoke(&self) -> bool {
        self.smoke
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Options;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn one_cpu_is_the_default_and_excludes_the_other() {
        let parse = |args: &[&str]| Options::try_parse_from([&["kinfolk-bench"], args].concat());
        assert_eq!(parse(&[]).unwrap().placement(), parse(&["--same-cpu"]).unwrap().placement());
        assert!(parse(&["--same-cpu", "--free"]).is_err());
    }
}
