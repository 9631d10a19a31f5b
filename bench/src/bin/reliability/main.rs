//! Kills, stops and confuses children by the thousand, and compares what callers were told with what was done.
//!
//! ```text
//! cargo run --release -p kinfolk-bench --bin reliability                    # every section, small: about a minute
//! cargo run --release -p kinfolk-bench --bin reliability -- R1 R2 --full    # two sections, whole
//! cargo run --release -p kinfolk-bench --bin reliability -- verify FILE     # the checker, on a raw history
//! ```
//!
//! `docs/reliability.md` says what each section does and what its words mean. The same executable is the suite, the
//! process of each section, the parent program that is killed, and every child.
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod options;
mod supervisor;
mod table;

mod section;

mod churn;
mod crash;
mod cycles;
mod deaf;
mod descriptors;
mod flood;
mod frozen;
mod hostile;
mod orphans;
mod overrun;
mod poison;
mod restart;

mod roles;

mod fault;
mod frames;
mod history;
mod pools;
mod proc;
mod toil;
mod trial;
mod verify;

mod check;
mod random;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use kinfolk_bench::Result;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    // A child must be recognized before anything else, and before the command line is read: it is not a user's.
    if let Some(role) = kinfolk::child::role() {
        return roles::play(&role);
    }
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // Nothing is left to do if even standard error is closed.
            let _ = writeln!(io::stderr(), "reliability: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// True if nothing failed.
fn run(options: &Options) -> Result<bool> {
    match &options.command {
        Some(Command::Verify { file }) => table::verified(&mut io::stdout().lock(), file),
        Some(Command::Section { section, out }) => section.play(&options.trial(out.clone())).map(|()| true),
        Some(Command::Nest) => orphans::nest().map(|()| true),
        None => supervisor::run(options),
    }
}
