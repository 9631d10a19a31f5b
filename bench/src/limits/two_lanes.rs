//! A loop over a nonblocking socket that writes in two lanes: short answers first, a stream in chunks behind them. What
//! the kernel allows a small call beside a large stream.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};

use super::frame::{HEADER, Operation, READ_BUFFER, header, parse};
use super::spawn;
use crate::fairness::{Beside, CALL, ITEM, Streamed, Streamer, nanos_since};
use crate::peer::{Result, ensure, noise, touch};

/// Payload of a chunk.
const CHUNK: usize = 1 << 16;
const CHUNK_FRAME: usize = HEADER + CHUNK;
/// A small call or its answer, with its header.
const CALL_FRAME: usize = HEADER + CALL;
/// Written at most before what has arrived is looked at.
const TURN: usize = 4 * CHUNK_FRAME;

/// The parent's side. Its methods are `async` for the sake of the trait only: they block, and never yield.
#[derive(Debug)]
pub(crate) struct TwoLanes {
    stream: UnixStream,
    child: Child,
    incoming: Incoming,
}

impl TwoLanes {
    fn call(&mut self) -> io::Result<Instant> {
        let mut frame = [0; CALL_FRAME];
        frame[..HEADER].copy_from_slice(&header(CALL, Operation::Echo));
        let sent = Instant::now();
        // There is room: the child has read the call before, and nothing else is sent its way.
        self.stream.write_all(&frame)?;
        Ok(sent)
    }

    /// Waits until something has come, and counts it.
    fn receive(&mut self) -> Result<Arrived> {
        let mut arrived = Arrived::default();
        wait(&self.stream, PollFlags::IN)?;
        loop {
            let more = self.incoming.fill(&mut self.stream)?;
            self.incoming.frames(|operation, payload| match operation {
                Operation::Echo => arrived.answers += 1,
                _ => {
                    touch(payload);
                    arrived.bytes += payload.len();
                }
            });
            match more {
                // A long stream must not keep the next call from being made.
                Filled::Whole if arrived.answers == 0 => {}
                Filled::Ended => return Err("the child hung up".into()),
                Filled::Whole | Filled::Partly => return Ok(arrived),
            }
        }
    }
}

/// What came in one turn.
#[derive(Debug, Default)]
struct Arrived {
    answers: usize,
    bytes: usize,
}

impl Streamer for TwoLanes {
    async fn open() -> Result<Self> {
        let (stream, child) = spawn::two_lanes_command()?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, child, incoming: Incoming::new() })
    }

    async fn calls(&mut self, duration: Duration) -> Result<Vec<u64>> {
        let mut nanos = Vec::with_capacity(1 << 18);
        let start = Instant::now();
        while start.elapsed() < duration {
            let sent = self.call()?;
            while self.receive()?.answers == 0 {}
            nanos.push(nanos_since(sent));
        }
        Ok(nanos)
    }

    async fn stream(&mut self, items: usize, beside: Beside) -> Result<Streamed> {
        let start = Instant::now();
        let mut ask = header(4, Operation::Stream).to_vec();
        ask.extend_from_slice(&u32::try_from(items)?.to_le_bytes());
        self.stream.write_all(&ask)?;
        let mut missing = chunks(items) * CHUNK;
        let mut calls = Vec::with_capacity(1 << 18);
        let mut open = None;
        while missing > 0 {
            if open.is_none() && beside == Beside::Calls {
                open = Some(self.call()?);
            }
            let Arrived { answers, bytes } = self.receive()?;
            missing = missing.checked_sub(bytes).ok_or("more came than was asked for")?;
            if answers > 0 {
                calls.extend(open.take().map(nanos_since));
            }
        }
        let took = start.elapsed();
        while open.is_some() && self.receive()?.answers == 0 {}
        Ok(Streamed { took, calls })
    }

    async fn close(mut self) -> Result<()> {
        drop(self.stream);
        let status = self.child.wait()?;
        ensure(status.success(), "a limit's child failed")
    }
}

/// What was read and makes no whole frame yet.
#[derive(Debug)]
struct Incoming {
    buffer: Vec<u8>,
    filled: usize,
}

/// What came of reading once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filled {
    /// As much as fits: there may be more.
    Whole,
    /// All there is.
    Partly,
    /// The peer has ended.
    Ended,
}

impl Incoming {
    fn new() -> Self {
        Self { buffer: vec![0; READ_BUFFER], filled: 0 }
    }

    fn fill(&mut self, stream: &mut UnixStream) -> io::Result<Filled> {
        match stream.read(&mut self.buffer[self.filled..]) {
            Ok(0) => Ok(Filled::Ended),
            Ok(count) => {
                self.filled += count;
                Ok(if self.filled == self.buffer.len() { Filled::Whole } else { Filled::Partly })
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Filled::Partly),
            Err(error) => Err(error),
        }
    }

    fn frames(&mut self, mut take: impl FnMut(Operation, &[u8])) {
        let mut at = 0;
        while self.filled - at >= HEADER {
            let (length, operation) = parse(&self.buffer[at..]);
            let Some(payload) = self.buffer[at + HEADER..self.filled].get(..length) else { break };
            take(if operation == Operation::Echo as u32 { Operation::Echo } else { Operation::Stream }, payload);
            at += HEADER + length;
        }
        self.buffer.copy_within(at..self.filled, 0);
        self.filled -= at;
    }
}

/// The two lanes of the child.
#[derive(Debug)]
struct Lanes {
    /// Answers.
    short: Vec<u8>,
    /// Chunks to begin.
    chunks: usize,
    /// Bytes left of the chunk that was begun.
    begun: usize,
    /// A chunk with its header: all of them are the same.
    frame: Vec<u8>,
}

impl Lanes {
    fn new() -> Self {
        let frame = [header(CHUNK, Operation::Stream).as_slice(), &noise(CHUNK)].concat();
        Self { short: Vec::new(), chunks: 0, begun: 0, frame }
    }

    fn is_empty(&self) -> bool {
        self.short.is_empty() && self.chunks == 0 && self.begun == 0
    }

    fn take(&mut self, operation: Operation, payload: &[u8]) {
        match (operation, payload.first_chunk()) {
            (Operation::Stream, Some(items)) => {
                self.chunks += chunks(u32::from_le_bytes(*items) as usize);
            }
            _ => {
                self.short.extend_from_slice(&header(payload.len(), Operation::Echo));
                self.short.extend_from_slice(payload);
            }
        }
    }

    /// Writes until the socket takes no more, or others have their turn. A chunk that was begun goes on first.
    fn write(&mut self, stream: &mut UnixStream) -> io::Result<()> {
        let mut turn = 0;
        while !self.is_empty() && turn < TURN {
            let next = if self.chunks > 0 { self.frame.as_slice() } else { &[] };
            let slices = [&self.frame[CHUNK_FRAME - self.begun..], &self.short, next].map(IoSlice::new);
            match stream.write_vectored(&slices) {
                Ok(count) => {
                    turn += count;
                    self.wrote(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wrote(&mut self, mut count: usize) {
        let of_begun = count.min(self.begun);
        self.begun -= of_begun;
        count -= of_begun;
        let of_short = count.min(self.short.len());
        self.short.drain(..of_short);
        count -= of_short;
        if count > 0 {
            self.chunks -= 1;
            self.begun = CHUNK_FRAME - count;
        }
    }
}

/// The child's side: until the parent closes its end.
pub(super) fn serve(mut stream: UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let (mut incoming, mut lanes) = (Incoming::new(), Lanes::new());
    loop {
        let interest = if lanes.is_empty() { PollFlags::IN } else { PollFlags::IN | PollFlags::OUT };
        let ready = wait(&stream, interest)?;
        if ready.intersects(PollFlags::IN | PollFlags::HUP) {
            if incoming.fill(&mut stream)? == Filled::Ended {
                return Ok(());
            }
            incoming.frames(|operation, payload| lanes.take(operation, payload));
        }
        lanes.write(&mut stream)?;
    }
}

/// How many hold so many items.
fn chunks(items: usize) -> usize {
    (items * ITEM).div_ceil(CHUNK)
}

fn wait(stream: &UnixStream, interest: PollFlags) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(stream, interest)];
    poll(&mut fds, None)?;
    Ok(fds[0].revents())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_answer_goes_before_a_chunk_and_never_into_one() {
        let mut lanes = Lanes::new();
        lanes.take(Operation::Stream, &((16 * CHUNK / ITEM) as u32).to_le_bytes());
        assert_eq!(lanes.chunks, 16);
        lanes.wrote(10);
        lanes.take(Operation::Echo, &[7; CALL]);
        assert_eq!((lanes.chunks, lanes.begun, lanes.short.len()), (15, CHUNK_FRAME - 10, CALL_FRAME));
        lanes.wrote(CHUNK_FRAME - 10 + CALL_FRAME + 1);
        assert_eq!((lanes.chunks, lanes.begun, lanes.short.len()), (14, CHUNK_FRAME - 1, 0));
    }
}
