//! Measures kinfolk beside the raw limits in one run, alternating, and says whether it meets its goals.
//!
//! ```text
//! cargo run --release -p kinfolk-bench                # both processes on one CPU: the figures to compare
//! cargo run --release -p kinfolk-bench -- --free      # the scheduler decides: what a user feels
//! cargo run --release -p kinfolk-bench -- --only pool # pools, beside threads and those of other languages
//! cargo run --release -p kinfolk-bench -- --smoke     # everything once, in seconds; the figures mean nothing
//! ```
#![forbid(unsafe_code)]

mod goals;
mod json;
mod options;
mod results;
mod table;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use kinfolk_bench::{Contender, Result, child_main};

use crate::options::Options;
use crate::results::Results;

fn main() -> ExitCode {
    // A child must be recognized before anything else, and before the command line is read: it is not a user's.
    if let Some(code) = child_main() {
        return code;
    }
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing is left to do if even standard error is closed.
            let _ = writeln!(io::stderr(), "kinfolk-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    options.check()?;
    // Before any thread and any child, since both inherit it.
    options.placement().apply()?;
    let results = measured(options)?;
    let mut out = io::stdout().lock();
    if options.json {
        json::write(&mut out, &results, options.placement())?;
    } else {
        table::write(&mut out, &results, options)?;
    }
    Ok(())
}

/// Each round measures every contender once, so that whatever else the machine does meets them alike.
fn measured(options: &Options) -> Result<Results> {
    let pace = options.pace();
    let mut results = Results::default();
    let present = present(options)?;
    for scenario in options.scenarios() {
        for round in 1..=options.rounds() {
            for &contender in Contender::of(scenario).iter().filter(|contender| present.contains(contender)) {
                progress(&format!("{}, round {round}: {}", scenario.title(), contender.title()))?;
                let sample = contender
                    .measure(scenario, &pace)
                    .map_err(|failure| format!("{}, {}: {failure}", scenario.title(), contender.title()))?;
                results.add(scenario, contender, &sample);
            }
        }
    }
    progress("")?;
    Ok(results)
}

/// Those that can be run on this machine. Of the others a line tells why not.
fn present(options: &Options) -> io::Result<Vec<Contender>> {
    let (mut present, mut absent) = (Vec::new(), Vec::new());
    let scenarios = options.scenarios();
    let all = scenarios.iter().flat_map(|scenario| Contender::of(*scenario));
    for &contender in all.filter(|contender| options.wants(**contender)) {
        if present.contains(&contender) || absent.contains(&contender) {
            continue;
        }
        match contender.missing() {
            Some(why) => {
                writeln!(io::stderr(), "SKIPPED: {}: {why}", contender.title())?;
                absent.push(contender);
            }
            None => present.push(contender),
        }
    }
    Ok(present)
}

/// One line that overwrites the one before; none where nobody watches.
fn progress(text: &str) -> io::Result<()> {
    let mut err = io::stderr();
    if !io::IsTerminal::is_terminal(&err) {
        return Ok(());
    }
    write!(err, "\r\x1b[K{text}")?;
    err.flush()
}
