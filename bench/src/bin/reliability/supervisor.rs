//! Runs each section in a process of its own: what one leaves behind is not measured in the next, and one that hangs is
//! killed and fails with its place.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use kinfolk_bench::Result;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::check::{Check, Verdict};
use crate::options::Options;
use crate::section::Section;
use crate::table;

/// What came of a section.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) section: Section,
    pub(crate) checks: Vec<Check>,
    /// Why there are no more of them.
    pub(crate) broken: Option<String>,
    pub(crate) took: Duration,
}

impl Outcome {
    pub(crate) fn verdict(&self, full: bool) -> Verdict {
        let verdicts = || self.checks.iter().map(|check| check.verdict(full));
        if self.broken.is_some() || verdicts().any(|verdict| verdict == Verdict::Fail) {
            return Verdict::Fail;
        }
        if verdicts().any(|verdict| verdict == Verdict::Slow) { Verdict::Slow } else { Verdict::Pass }
    }
}

/// Runs what was chosen, and prints what came of it. True if nothing failed.
pub(crate) fn run(options: &Options) -> Result<bool> {
    let seed = options.seed();
    let folder = match &options.out {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join(format!("kinfolk-reliability-{seed}-{}", std::process::id())),
    };
    fs::create_dir_all(&folder)?;
    let mut out = io::stdout().lock();
    if !options.markdown {
        table::heading(&mut out, seed, options.full)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut outcomes = Vec::new();
    for section in options.chosen() {
        let outcome = runtime.block_on(play(section, seed, options.full, &folder))?;
        if !options.markdown {
            table::section(&mut out, &outcome, options.full)?;
        }
        outcomes.push(outcome);
    }
    let passed = outcomes.iter().all(|outcome| outcome.verdict(options.full) != Verdict::Fail);
    if options.markdown {
        table::markdown(&mut out, &outcomes, seed, options.full)?;
    } else {
        table::summary(&mut out, &outcomes, options.full)?;
    }
    leave(&folder, options.out.is_some() || !passed)?;
    Ok(passed)
}

/// Keeps the histories, or takes them away.
fn leave(folder: &Path, keep: bool) -> io::Result<()> {
    let written = fs::read_dir(folder)?.next().is_some();
    if keep && written {
        return writeln!(io::stderr(), "raw histories: {}", folder.display());
    }
    fs::remove_dir_all(folder)
}

async fn play(section: Section, seed: u64, full: bool, folder: &Path) -> Result<Outcome> {
    let start = Instant::now();
    let mut process = start_section(section, seed, full, folder.to_owned())?;
    let mut outcome = Outcome { section, checks: Vec::new(), broken: None, took: Duration::ZERO };
    let (mut place, mut done) = ("its start".to_owned(), false);
    let limit = section.limit(full);
    let listening = listen(&mut process, &mut outcome.checks, &mut place, &mut done);
    outcome.broken = match timeout(limit, listening).await {
        Err(_) => Some(format!("hangs: it was killed after {limit:?}, at: {place}")),
        Ok(Err(failure)) => Some(format!("it says what means nothing, at: {place}: {failure}")),
        Ok(Ok(())) if done => None,
        Ok(Ok(())) => Some(format!("it ended at: {place}")),
    };
    let _ = process.start_kill();
    let status = process.wait().await?;
    if let Some(broken) = outcome.broken.as_mut() {
        broken.push_str(&format!(" ({status})"));
    }
    outcome.took = start.elapsed();
    Ok(outcome)
}

/// Its children end with it, however it ends.
fn start_section(section: Section, seed: u64, full: bool, folder: PathBuf) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args(["section", &format!("{section:?}"), "--seed", &seed.to_string(), "--out"]).arg(folder);
    if full {
        command.arg("--full");
    }
    Ok(command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?)
}

async fn listen(process: &mut Child, checks: &mut Vec<Check>, place: &mut String, done: &mut bool) -> Result<()> {
    let Some(stdout) = process.stdout.take() else { return Ok(()) };
    let mut lines = BufReader::new(stdout).lines();
    while let Some(line) = lines.next_line().await? {
        match line.split_once(' ') {
            Some(("at", text)) => text.clone_into(place),
            Some(("check", text)) => checks.push(serde_json::from_str(text)?),
            Some(("done", _)) => {
                *done = true;
                return Ok(());
            }
            _ => return Err(line.into()),
        }
    }
    Ok(())
}
