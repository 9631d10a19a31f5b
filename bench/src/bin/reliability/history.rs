//! The raw history of a run: one file that parent, nemesis and children append lines to. `docs/reliability.md` has its
//! format; [`verify`](crate::verify) reads it.

use std::fmt::Arguments;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use kinfolk::Delivery;

/// Lines are written together once there are so many bytes of them.
const TOGETHER: usize = 32 * 1_024;

/// The parent's side, and the nemesis's.
#[derive(Debug)]
pub(crate) struct History {
    lines: Mutex<Lines>,
    start: Instant,
}

#[derive(Debug)]
struct Lines {
    file: File,
    waiting: Vec<u8>,
}

impl History {
    /// Begins with what the checker has to know.
    pub(crate) fn create(path: &Path, parameters: Arguments<'_>) -> io::Result<Self> {
        let file = File::options().create(true).append(true).open(path)?;
        let lines = Lines { file, waiting: Vec::new() };
        let history = Self { lines: Mutex::new(lines), start: Instant::now() };
        history.line(format_args!("kinfolk-reliability 1 {parameters}"));
        Ok(history)
    }

    pub(crate) fn invoked(&self, id: u64, nonce: u64) {
        self.line(format_args!("i {} {id} {nonce:x}", self.micros()));
    }

    /// Answered, with this nonce.
    pub(crate) fn answered(&self, id: u64, nonce: u64) {
        self.line(format_args!("o {} {id} {nonce:x}", self.micros()));
    }

    /// Ended without an answer; `pid` is that of the child that ended with it, or 0.
    pub(crate) fn failed(&self, id: u64, word: &str, delivery: Option<Delivery>, pid: u32) {
        let delivery = delivery.map_or("-", word_of);
        self.line(format_args!("f {} {id} {word} {delivery} {pid}", self.micros()));
    }

    /// A second after its deadline it had no outcome.
    pub(crate) fn hung(&self, id: u64) {
        self.line(format_args!("h {} {id}", self.micros()));
    }

    pub(crate) fn killed(&self, pid: u32) {
        self.line(format_args!("k {} {pid}", self.micros()));
    }

    /// After all kills the pool has answered.
    pub(crate) fn usable(&self) {
        self.line(format_args!("usable"));
    }

    /// Writes what waits.
    pub(crate) fn finish(&self) -> io::Result<()> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).write()
    }

    fn micros(&self) -> u128 {
        self.start.elapsed().as_micros()
    }

    fn line(&self, line: Arguments<'_>) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to memory does not fail.
        let _ = writeln!(lines.waiting, "{line}");
        if lines.waiting.len() >= TOGETHER {
            // A full disk shows in `finish`, and in the checker.
            let _ = lines.write();
        }
    }
}

impl Lines {
    /// Whole lines in one write, which is appended in one piece.
    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

/// A delivery, as it stands in a history.
pub(crate) fn word_of(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::NotSent => "NotSent",
        Delivery::Sent => "Sent",
        _ => "Started",
    }
}

/// A child's side: what it has begun, written before it does anything else, and there after it was killed.
#[derive(Debug)]
pub(crate) struct Executions(File);

impl Executions {
    pub(crate) fn open(path: &str) -> io::Result<Self> {
        Ok(Self(File::options().append(true).open(path)?))
    }

    /// One write, so that a line is there whole or not at all.
    pub(crate) fn begun(&self, id: u64, nonce: u64) -> io::Result<()> {
        let line = format!("x {} {id} {nonce:x}\n", std::process::id());
        let written = (&self.0).write(line.as_bytes())?;
        if written == line.len() { Ok(()) } else { Err(io::Error::other("half a line")) }
    }
}
