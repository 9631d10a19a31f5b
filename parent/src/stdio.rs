//! Where a child's output goes.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use bytes::{Buf, BytesMut};
use tokio::net::unix::pipe::{Receiver, pipe};
use tokio::task::coop::consume_budget;

/// Where one of a child's output streams goes. The link is a descriptor of its own, so both streams are the
/// program's.
#[derive(Debug, Clone)]
pub struct Stdio(Choice);

#[derive(Debug, Clone)]
enum Choice {
    Inherit,
    Null,
    Lines,
    File(PathBuf),
}

impl Stdio {
    /// To where the parent's goes: the default.
    #[must_use]
    pub fn inherit() -> Self {
        Self(Choice::Inherit)
    }

    /// Nowhere.
    #[must_use]
    pub fn null() -> Self {
        Self(Choice::Null)
    }

    /// To the parent, line by line, as [`ChildEvent::Output`](crate::ChildEvent::Output). It is always read, so a
    /// child never waits for a reader; the last lines of stderr are kept for the exit report. A line longer than
    /// 16 KiB is cut into several.
    #[must_use]
    pub fn lines() -> Self {
        Self(Choice::Lines)
    }

    /// To the end of a file, created if there is none.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Choice::File(path.into()))
    }

    /// What the process gets, and what we read, if we do.
    pub(crate) fn open(&self) -> io::Result<(std::process::Stdio, Option<Lines>)> {
        match &self.0 {
            Choice::Inherit => Ok((std::process::Stdio::inherit(), None)),
            Choice::Null => Ok((std::process::Stdio::null(), None)),
            Choice::File(path) => Ok((File::options().append(true).create(true).open(path)?.into(), None)),
            Choice::Lines => {
                let (theirs, ours) = pipe()?;
                Ok((theirs.into_blocking_fd()?.into(), Some(Lines::new(ours))))
            }
        }
    }

    pub(crate) fn path(&self) -> Option<&PathBuf> {
        match &self.0 {
            Choice::File(path) => Some(path),
            _ => None,
        }
    }
}

/// The longest line, in bytes.
const MAX_LINE: usize = 16 * 1024;
/// Asked for at once.
const READ_SIZE: usize = 8 * 1024;

/// Lines out of a pipe.
#[derive(Debug)]
pub(crate) struct Lines {
    pipe: Receiver,
    buffer: BytesMut,
    /// How much of it is known to hold no end of line.
    scanned: usize,
    ended: bool,
}

impl Lines {
    fn new(pipe: Receiver) -> Self {
        Self { pipe, buffer: BytesMut::new(), scanned: 0, ended: false }
    }

    /// The next line, without its end. `None` at the end of the stream.
    ///
    /// Cancel-safe: what has arrived stays in the buffer.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.buffered() {
                // A pipe that is never empty is always ready: this is where its reader lets others run.
                consume_budget().await;
                return Some(line);
            }
            if self.ended || self.pipe.readable().await.is_err() {
                return None;
            }
            self.fill();
        }
    }

    /// A line that has arrived, without waiting for one.
    pub(crate) fn try_next(&mut self) -> Option<String> {
        loop {
            if let Some(line) = self.buffered() {
                return Some(line);
            }
            if self.ended || !self.fill() {
                return None;
            }
        }
    }

    /// What has arrived of a line that has not ended.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let length = self.buffer.len();
        (length > 0).then(|| self.cut(length, length))
    }

    /// Reads once. False if nothing was there.
    fn fill(&mut self) -> bool {
        self.buffer.reserve(READ_SIZE);
        match self.pipe.try_read_buf(&mut self.buffer) {
            Ok(count) => self.ended = count == 0,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(_) => self.ended = true,
        }
        true
    }

    fn buffered(&mut self) -> Option<String> {
        let end = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n').map(|at| self.scanned + at);
        let (length, skip) = match end {
            Some(end) if end <= MAX_LINE => (end, end + 1),
            _ if self.buffer.len() >= MAX_LINE => (MAX_LINE, MAX_LINE),
            _ if self.ended && !self.buffer.is_empty() => (self.buffer.len(), self.buffer.len()),
            _ => {
                self.scanned = self.buffer.len();
                return None;
            }
        };
        Some(self.cut(length, skip))
    }

    fn cut(&mut self, length: usize, skip: usize) -> String {
        let line = String::from_utf8_lossy(&self.buffer[..length]).trim_end_matches('\r').to_owned();
        self.buffer.advance(skip);
        self.scanned = 0;
        line
    }
}

/// The last lines of a stream.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    lines: VecDeque<String>,
    bytes: usize,
}

/// Kept for the exit report.
const TAIL_LINES: usize = 100;
/// Kept for the exit report, in bytes.
const TAIL_BYTES: usize = 16 * 1024;

impl Tail {
    pub(crate) fn push(&mut self, line: String) {
        self.bytes += line.len();
        self.lines.push_back(line);
        while self.lines.len() > TAIL_LINES || (self.bytes > TAIL_BYTES && self.lines.len() > 1) {
            self.bytes -= self.lines.pop_front().map_or(0, |line| line.len());
        }
    }

    pub(crate) fn take(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines).into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn lines_are_cut_at_their_ends_and_at_the_longest() {
        let (theirs, ours) = pipe().unwrap();
        let mut theirs = File::from(theirs.into_blocking_fd().unwrap());
        let mut lines = Lines::new(ours);
        theirs.write_all(b"one\r\ntwo\n\nhal").unwrap();
        assert_eq!(lines.next().await.as_deref(), Some("one"));
        assert_eq!(lines.next().await.as_deref(), Some("two"));
        assert_eq!(lines.try_next().as_deref(), Some(""));
        assert_eq!(lines.try_next(), None, "the line has not ended");
        theirs.write_all(b"f").unwrap();
        theirs.write_all(&vec![b'x'; MAX_LINE]).unwrap();
        assert_eq!(lines.next().await.unwrap().len(), MAX_LINE);
        drop(theirs);
        assert_eq!(lines.next().await.as_deref(), Some("xxxx"));
        assert_eq!(lines.next().await, None);
    }

    #[test]
    fn a_tail_is_bounded_in_lines_and_bytes() {
        let mut tail = Tail::default();
        (0..1_000).for_each(|n| tail.push(n.to_string()));
        tail.push("x".repeat(TAIL_BYTES - 10));
        let lines = tail.take();
        assert!(lines.len() <= 4 && lines.len() > 1, "{}", lines.len());
    }
}
