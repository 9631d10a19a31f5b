//! Frames out of a stream of bytes.

mod assembly;
mod passing;

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use kinfolk_protocol::{Flags, HEADER_LEN, Header, Kind, PREAMBLE_LEN, check_preamble};
use tokio::task::yield_now;

use self::assembly::{Assembly, Chunk};
use self::passing::Passing;
use crate::error::{LinkError, Misbehaviour};
use crate::transport::{Passed, Room, Transport};

/// How much is asked for at once: many small frames, without the memory of an idle child showing it.
const READ_SIZE: usize = 64 * 1024;
/// While a chunk's next header is looked for: what follows it is to be read into the payload's own place.
const SHORT_READ: usize = 4 * 1024;
/// While a chunk is read into its place: for the header of the next, and for short frames between them. What is read of
/// the next payload is copied to its place.
const LOOK_AHEAD: usize = 512;
/// A read is not worth a system call with less room than this.
const LEAST_ROOM: usize = 8 * 1024;
/// After so many frames the task's other branches get a turn, however fast the peer sends.
const STREAK: u32 = 128;
/// So many bytes count as much as a frame: they take as long.
const STREAK_BYTES: usize = 1_024;

/// A frame as it was received.
#[derive(Debug)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Its payload, `header.length` bytes.
    pub payload: Bytes,
    /// The descriptors that came with it.
    pub passed: Passed,
}

/// Reads frames from a [`Transport`]; short payloads share the buffer they were read into, long ones have their own.
#[derive(Debug)]
pub struct Reader {
    transport: Arc<dyn Transport>,
    buffer: BytesMut,
    /// The header of the frame whose payload has not arrived whole.
    header: Option<(Header, Passed)>,
    passing: Passing,
    long: Assembly,
    /// The chunk whose bytes come next.
    chunk: Option<Chunk>,
    max_message: u32,
    ended: bool,
    /// Frames handed out since the reader last waited.
    streak: u32,
    /// An answer was handed out since then.
    answered: bool,
    /// The last read took as much as there was room for: there may be more.
    full: bool,
}

impl Reader {
    /// A reader that takes payloads up to `max_message` bytes.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, max_message: u32) -> Self {
        Self {
            transport,
            buffer: BytesMut::new(),
            header: None,
            passing: Passing::default(),
            long: Assembly::default(),
            chunk: None,
            max_message,
            ended: false,
            streak: 0,
            answered: false,
            full: false,
        }
    }

    /// Waits for the peer's first bytes and checks them. `Ok(false)` if it ended before it sent any.
    ///
    /// # Errors
    /// [`LinkError`] if they are not kinfolk's.
    ///
    /// # Cancel safety
    /// Nothing is lost: what has arrived stays in the buffer.
    pub async fn preamble(&mut self) -> Result<bool, LinkError> {
        while self.buffer.len() < PREAMBLE_LEN {
            if poll_fn(|cx| self.poll_fill(cx)).await? == 0 {
                return match self.buffer.len() {
                    0 => Ok(false),
                    bytes => Err(LinkError::Truncated { bytes }),
                };
            }
        }
        let mut first = [0; PREAMBLE_LEN];
        self.buffer.copy_to_slice(&mut first);
        check_preamble(&first).map_err(Misbehaviour::Frame)?;
        Ok(true)
    }

    /// The next frame, or `None` at the end.
    ///
    /// # Errors
    /// [`LinkError`]: nothing more can be read.
    ///
    /// # Cancel safety
    /// Nothing is lost: what has arrived stays in the buffer.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`next`](Self::next) as a poll.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame>, LinkError>> {
        loop {
            // Each time round, for chunks make no frame for as long as the peer likes.
            if self.streak >= STREAK && (self.full || !self.buffer.is_empty()) {
                return self.give_way(cx);
            }
            if let Some(frame) = self.parse()? {
                if !frame.header.flags.has(Flags::LONG) {
                    self.streak += cost(frame.payload.len());
                }
                self.answered |= matches!(frame.header.kind, Kind::Reply | Kind::Declined | Kind::Failed);
                return Poll::Ready(Ok(Some(frame)));
            }
            // Whoever waits for the answer need not wait for what comes behind it.
            if self.answered && self.full {
                return self.give_way(cx);
            }
            let filled = self.poll_fill(cx);
            if filled.is_pending() {
                (self.streak, self.answered) = (0, false);
            }
            if ready!(filled)? == 0 {
                return Poll::Ready(self.end());
            }
        }
    }

    /// A frame that has arrived, without waiting for one.
    ///
    /// # Errors
    /// [`LinkError`]: nothing more can be read.
    pub fn try_next(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(frame) = self.parse()? {
                return Ok(Some(frame));
            }
            match self.fill(Look::Last) {
                Ok(0) => return self.end(),
                Ok(_) => {}
                Err(LinkError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }

    /// Lets others run: tasks, and the future a runtime blocks on. The turn of that comes when no task is left and
    /// events have been looked for, which a task that wakes itself would put off.
    fn give_way<T>(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        (self.streak, self.answered) = (0, false);
        // It has the task woken after that look, whether or not it is polled again.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }

    fn end(&self) -> Result<Option<Frame>, LinkError> {
        let arrived = self.buffer.len() + if self.header.is_some() { HEADER_LEN } else { 0 };
        let within = arrived > 0 || self.chunk.is_some() || !self.long.is_empty();
        if within { Err(LinkError::Truncated { bytes: arrived }) } else { Ok(None) }
    }

    fn parse(&mut self) -> Result<Option<Frame>, LinkError> {
        loop {
            if let Some(chunk) = self.chunk {
                match self.continue_chunk(chunk) {
                    Progress::Frame(frame) => return Ok(Some(frame)),
                    Progress::Done => {}
                    Progress::Missing => return Ok(None),
                }
            }
            let Some((header, passed)) = self.parse_header()? else { return Ok(None) };
            if header.flags.has(Flags::LONG) {
                self.long.announce(header, passed).map_err(Misbehaviour::Frame)?;
            } else if header.kind == Kind::Chunk {
                self.streak += cost(header.length as usize);
                self.streak += 1;
                self.chunk = self.long.begin(&header).map_err(Misbehaviour::Frame)?;
            } else if self.buffer.len() < header.length as usize {
                self.header = Some((header, passed));
                return Ok(None);
            } else {
                let payload = self.buffer.split_to(header.length as usize).freeze();
                return Ok(Some(Frame { header, payload, passed }));
            }
        }
    }

    fn parse_header(&mut self) -> Result<Option<(Header, Passed)>, LinkError> {
        if let Some(known) = self.header.take() {
            return Ok(Some(known));
        }
        let Some(bytes) = self.buffer.first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let header = Header::decode(bytes, self.max_message).map_err(Misbehaviour::Frame)?;
        // An init value, which alone may be long and whole, is read in the gate: here its length would be believed.
        if header.kind == Kind::Init {
            return Err(Misbehaviour::OutOfPlace { kind: Kind::Init, when: "although only a parent may, once" }.into());
        }
        let passed = self.passing.of(&header, self.buffer.len()).map_err(Misbehaviour::Frame)?;
        self.buffer.advance(HEADER_LEN);
        Ok(Some((header, passed)))
    }

    /// Moves what has been read of a chunk to its place.
    fn continue_chunk(&mut self, mut chunk: Chunk) -> Progress {
        let here = chunk.missing.min(self.buffer.len());
        if here > 0 {
            self.long.buffer(chunk).extend_from_slice(&self.buffer[..here]);
            self.buffer.advance(here);
            chunk.missing -= here;
        }
        if chunk.missing > 0 {
            self.chunk = Some(chunk);
            return Progress::Missing;
        }
        self.chunk = None;
        self.long.end(chunk).map_or(Progress::Done, Progress::Frame)
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, LinkError>> {
        loop {
            match self.fill(Look::Watched) {
                Err(LinkError::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.transport.poll_read_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Reads once. A reset is an end: the peer died with bytes of ours unread, which says no more than that it is gone.
    fn fill(&mut self, look: Look) -> Result<usize, LinkError> {
        if self.ended {
            return Ok(0);
        }
        let mut passed = Passed::default();
        let asked;
        let result = match self.chunk.as_mut() {
            // Into its own place, and then a little more: the header of the next one, at least.
            Some(chunk) => {
                self.buffer.reserve(LOOK_AHEAD);
                let before = self.buffer.len();
                let (limit, then) = (chunk.missing, Some((&mut self.buffer, LOOK_AHEAD)));
                let room = Room { first: self.long.buffer(*chunk), limit, then };
                asked = limit;
                let read = look.read(&*self.transport, room, &mut passed);
                chunk.missing -= read.as_ref().unwrap_or(&0) - (self.buffer.len() - before);
                read
            }
            None => {
                let missing = self
                    .header
                    .as_ref()
                    .map_or(0, |(header, _)| header.length as usize)
                    .saturating_sub(self.buffer.len());
                if self.buffer.capacity() - self.buffer.len() < missing.max(LEAST_ROOM) {
                    self.buffer.reserve(missing.max(READ_SIZE));
                }
                let limit = if self.long.is_empty() { usize::MAX } else { missing.max(SHORT_READ) };
                asked = limit.min(self.buffer.capacity() - self.buffer.len());
                look.read(&*self.transport, Room { first: &mut self.buffer, limit, then: None }, &mut passed)
            }
        };
        let count = match result {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            result => result?,
        };
        (self.ended, self.full) = (count == 0, count >= asked);
        self.passing.read(count, passed).map_err(Misbehaviour::Frame)?;
        Ok(count)
    }
}

/// What a frame or a chunk counts.
fn cost(bytes: usize) -> u32 {
    1 + (bytes / STREAK_BYTES) as u32
}

/// How the transport is asked.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// Where it has announced something.
    Watched,
    /// In any case: nobody will wait for an announcement.
    Last,
}

impl Look {
    fn read(self, transport: &dyn Transport, room: Room<'_>, passed: &mut Passed) -> io::Result<usize> {
        match self {
            Self::Watched => transport.try_read(room, passed),
            Self::Last => transport.read_now(room, passed),
        }
    }
}

/// How far a chunk has come.
enum Progress {
    /// It was the last of this frame.
    Frame(Frame),
    /// It is whole.
    Done,
    /// More of it is to be read.
    Missing,
}

#[cfg(test)]
mod tests;
