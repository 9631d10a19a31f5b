//! Results, as lines for a terminal and as Markdown for `docs/reliability.md`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use kinfolk_bench::Result;

use crate::check::{Check, Verdict};
use crate::supervisor::Outcome;
use crate::verify::Findings;

/// Where, and from which seed.
pub(crate) fn heading(out: &mut impl Write, seed: u64, full: bool) -> io::Result<()> {
    writeln!(out, "{}; {}", conditions(seed), if full { "whole" } else { "small" })
}

fn conditions(seed: u64) -> String {
    let cores = available_parallelism().map_or(0, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let (rustc, version) = (rustc(), env!("CARGO_PKG_VERSION"));
    format!("seed {seed}; Linux {}, {cores} processors, {rustc}, kinfolk {version}", kernel.trim())
}

/// The compiler that is installed: most likely the one this was built with.
fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

/// All figures of a section.
pub(crate) fn section(out: &mut impl Write, outcome: &Outcome, full: bool) -> io::Result<()> {
    writeln!(out, "\n{:?}  {}", outcome.section, outcome.section.title())?;
    lines(out, &outcome.checks, full)?;
    if let Some(broken) = &outcome.broken {
        writeln!(out, "  FAIL  {broken}")?;
    }
    writeln!(out, "  {}  in {:.1?}", outcome.verdict(full), outcome.took)?;
    out.flush()
}

fn lines(out: &mut impl Write, checks: &[Check], full: bool) -> io::Result<()> {
    for check in checks {
        let Check { what, measured, wanted, .. } = check;
        let wanted = if wanted.is_empty() { String::new() } else { format!("  ({wanted})") };
        writeln!(out, "  {:4}  {what}: {measured}{wanted}", check.verdict(full))?;
    }
    Ok(())
}

/// One line for each section.
pub(crate) fn summary(out: &mut impl Write, outcomes: &[Outcome], full: bool) -> io::Result<()> {
    writeln!(out)?;
    for outcome in outcomes {
        let (verdict, took) = (outcome.verdict(full), outcome.took);
        writeln!(out, "{verdict}  {:<4} {:<60} {took:.1?}", format!("{:?}", outcome.section), outcome.section.title())?;
    }
    if outcomes.iter().any(|outcome| outcome.verdict(full) == Verdict::Slow) {
        writeln!(out, "slow: a time was missed, which fails whole runs only")?;
    }
    Ok(())
}

/// A table for `docs/reliability.md`.
pub(crate) fn markdown(out: &mut impl Write, outcomes: &[Outcome], seed: u64, full: bool) -> io::Result<()> {
    let size = if full { "Whole" } else { "Small" };
    writeln!(out, "{size}; {}.\n\n| | figure | measured | wanted | |\n|---|---|---:|---:|---|", conditions(seed))?;
    for outcome in outcomes {
        let name = format!("{:?}", outcome.section);
        for check in &outcome.checks {
            let Check { what, measured, wanted, .. } = check;
            writeln!(out, "| {name} | {what} | {measured} | {wanted} | {} |", check.verdict(full))?;
        }
        if let Some(broken) = &outcome.broken {
            writeln!(out, "| {name} | the section itself | {broken} | | FAIL |")?;
        }
    }
    Ok(())
}

/// Checks a raw history. True if it holds what was promised.
pub(crate) fn verified(out: &mut impl Write, file: &Path) -> Result<bool> {
    let checks = Findings::read(file)?.checks();
    lines(out, &checks, true)?;
    Ok(!checks.iter().any(|check| check.verdict(true) == Verdict::Fail))
}
