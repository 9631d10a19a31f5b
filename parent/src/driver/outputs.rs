//! The child's output, where the spec reads it.

use std::future::pending;

use crate::event::Output;
use crate::stdio::{Lines, Tail};

#[derive(Debug)]
pub(crate) struct Outputs {
    stdout: Option<Lines>,
    stderr: Option<Lines>,
    tail: Tail,
}

impl Outputs {
    pub(crate) fn new(stdout: Option<Lines>, stderr: Option<Lines>) -> Self {
        Self { stdout, stderr, tail: Tail::default() }
    }

    /// The next line of either stream; never resolves once both have ended.
    ///
    /// Cancel-safe: what has arrived stays buffered.
    pub(super) async fn next(&mut self) -> (Output, String) {
        loop {
            let (stream, line) = tokio::select! {
                line = next(&mut self.stderr) => (Output::Stderr, line),
                line = next(&mut self.stdout) => (Output::Stdout, line),
            };
            match (line, stream) {
                (Some(line), stream) => return (stream, line),
                (None, Output::Stdout) => self.stdout = None,
                (None, Output::Stderr) => self.stderr = None,
            }
        }
    }

    /// A line that has arrived, without waiting: the process has ended, and others may hold its pipes open.
    pub(super) fn try_next(&mut self) -> Option<(Output, String)> {
        let line = |lines: &mut Option<Lines>| lines.as_mut().and_then(Lines::try_next);
        let stdout = line(&mut self.stdout).map(|line| (Output::Stdout, line));
        stdout.or_else(|| line(&mut self.stderr).map(|line| (Output::Stderr, line)))
    }

    /// What was printed last, without an end of line.
    pub(super) fn rest(&mut self) -> Vec<(Output, String)> {
        let rest = |lines: &mut Option<Lines>| lines.as_mut().and_then(Lines::rest);
        let stdout = rest(&mut self.stdout).map(|line| (Output::Stdout, line));
        stdout.into_iter().chain(rest(&mut self.stderr).map(|line| (Output::Stderr, line))).collect()
    }

    /// Keeps the last lines of stderr.
    pub(super) fn keep(&mut self, stream: Output, line: &str) {
        if stream == Output::Stderr {
            self.tail.push(line.to_owned());
        }
    }

    pub(super) fn take_tail(&mut self) -> Vec<String> {
        self.tail.take()
    }
}

async fn next(lines: &mut Option<Lines>) -> Option<String> {
    match lines {
        Some(lines) => lines.next().await,
        None => pending().await,
    }
}
