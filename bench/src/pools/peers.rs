//! The pools of other languages: a program each, which prints its figures as one line of JSON.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;

use serde::Deserialize;

use super::Run;
use super::work::Task;
use crate::contender::Contender;
use crate::measure::Pace;
use crate::memory::Memory;
use crate::peer::{Result, ensure};

/// What such a program prints when it is done, and then waits for the end of its input.
#[derive(Deserialize)]
struct Line {
    rate: f64,
    /// Of its last task, in hexadecimal digits.
    answer: String,
    pids: Vec<u32>,
}

pub(super) fn run(contender: Contender, workers: usize, task: Task, pace: &Pace) -> Result<Run> {
    let (program, script) = program(contender).ok_or("no program of another language")?;
    let arguments = [workers as f64, task.bytes as f64, pace.warm_up.as_secs_f64(), pace.duration.as_secs_f64()];
    let mut process = start(
        Command::new(program)
            .arg(script)
            .args(arguments.map(|argument| argument.to_string()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped()),
    )?;
    let mut text = String::new();
    let out = process.stdout.take().ok_or("its output is not piped")?;
    BufReader::new(out).read_line(&mut text)?;
    let line: Line = serde_json::from_str(&text).map_err(|error| format!("{program} said {text:?}: {error}"))?;
    sleep(pace.idle);
    let memory = line.pids.iter().map(|pid| Memory::of(*pid)).collect::<std::io::Result<_>>()?;
    drop(process.stdin.take());
    ensure(process.wait()?.success(), "a pool of another language failed")?;
    let answer: String = task.answer().to_le_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    ensure(line.answer == answer, "a pool of another language hashed something else")?;
    Ok(Run { rate: line.rate, parent_us: None, workers_us: None, memory })
}

/// Why this one cannot be run here, if it cannot.
pub(super) fn missing(contender: Contender) -> Option<String> {
    let (program, script) = program(contender)?;
    let mut probe = Command::new(program);
    probe.arg(&script).arg("--probe").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let Ok(mut process) = start(&mut probe) else { return Some(format!("there is no `{program}`")) };
    let mut said = String::new();
    let _ = process.stderr.take().map(|mut err| err.read_to_string(&mut said));
    let good = process.wait().is_ok_and(|status| status.success());
    let reason = || said.lines().find(|line| line.contains("rror")).unwrap_or("it fails").to_owned();
    (!good).then(|| format!("`{program} {}`: {}", script.display(), reason()))
}

fn program(contender: Contender) -> Option<(&'static str, PathBuf)> {
    let script = |name| Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name);
    match contender {
        Contender::Python => Some(("python3", script("pool.py"))),
        Contender::Node => Some(("node", script("pool.cjs"))),
        _ => None,
    }
}

#[expect(clippy::disallowed_methods, reason = "it is waited for, and it ends with its input")]
fn start(command: &mut Command) -> std::io::Result<Child> {
    command.spawn()
}
