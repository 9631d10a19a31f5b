//! Frames out of a stream of bytes.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use kinfolk_protocol::{Frame, HEADER_LEN, Header, PREAMBLE_LEN, check_preamble};

use crate::error::{LinkError, Misbehaviour};
use crate::transport::Transport;

/// How much is asked for at once: many small frames, without the memory of an idle child showing it.
const READ_SIZE: usize = 64 * 1024;
/// A read is not worth a system call with less room than this.
const LEAST_ROOM: usize = 8 * 1024;
/// A buffer for a payload up to this long is used again: fresh memory would fault once per page.
const KEPT: usize = 2 << 20;
/// After so many frames the task's other branches get a turn, however fast the peer sends.
const STREAK: u32 = 128;

/// Reads frames from a [`Transport`]; payloads share the buffer they were read into.
#[derive(Debug)]
pub struct Reader {
    transport: Arc<dyn Transport>,
    buffer: BytesMut,
    /// The header of the frame whose payload has not arrived whole.
    header: Option<Header>,
    max_message: u32,
    ended: bool,
    /// The buffer is one that was made for a long payload, and is used again.
    long: bool,
    /// Frames handed out since the reader last waited.
    streak: u32,
}

impl Reader {
    /// A reader that takes payloads up to `max_message` bytes.
    #[must_use]
    pub fn new(transport: Arc<dyn Transport>, max_message: u32) -> Self {
        Self { transport, buffer: BytesMut::new(), header: None, max_message, ended: false, long: false, streak: 0 }
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
        if self.streak == STREAK {
            self.streak = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            if let Some(frame) = self.parse()? {
                self.streak += 1;
                return Poll::Ready(Ok(Some(frame)));
            }
            let filled = self.poll_fill(cx);
            if filled.is_pending() {
                self.streak = 0;
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
            match self.fill() {
                Ok(0) => return self.end(),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn end(&self) -> Result<Option<Frame>, LinkError> {
        let arrived = self.buffer.len() + if self.header.is_some() { HEADER_LEN } else { 0 };
        if arrived > 0 { Err(LinkError::Truncated { bytes: arrived }) } else { Ok(None) }
    }

    fn parse(&mut self) -> Result<Option<Frame>, LinkError> {
        let header = match self.header {
            Some(header) => header,
            None => match self.buffer.first_chunk::<HEADER_LEN>() {
                Some(bytes) => {
                    let header = Header::decode(bytes, self.max_message).map_err(Misbehaviour::Frame)?;
                    self.buffer.advance(HEADER_LEN);
                    header
                }
                None => return Ok(None),
            },
        };
        let length = header.length as usize;
        if self.buffer.len() < length {
            self.header = Some(header);
            return Ok(None);
        }
        self.header = None;
        Ok(Some(Frame { header, payload: self.take(length) }))
    }

    /// The payload that stands first. A short one is not let share a long one's buffer, which it would keep alive.
    fn take(&mut self, length: usize) -> Bytes {
        if length > READ_SIZE {
            let payload = self.buffer.split_to(length).freeze();
            self.long = length <= KEPT;
            if !self.long {
                self.buffer = BytesMut::from(&self.buffer[..]);
            }
            payload
        } else if self.long {
            let payload = Bytes::copy_from_slice(&self.buffer[..length]);
            self.buffer.advance(length);
            payload
        } else {
            self.buffer.split_to(length).freeze()
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.fill() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.transport.poll_read_ready(cx))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Reads once. A reset is an end: the peer died with bytes of ours unread, which says no more than that it is gone.
    fn fill(&mut self) -> io::Result<usize> {
        if self.ended {
            return Ok(0);
        }
        // The rest of a long payload is asked for whole, so that it is read into its own place and copied nowhere.
        let missing = self.header.map_or(0, |header| (header.length as usize).saturating_sub(self.buffer.len()));
        if missing > 0 {
            self.buffer.reserve(missing);
        } else if self.buffer.capacity() - self.buffer.len() < LEAST_ROOM {
            self.buffer.reserve(READ_SIZE);
            self.long = self.buffer.capacity() > 2 * READ_SIZE;
        }
        let count = match self.transport.try_read(&mut self.buffer) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            result => result?,
        };
        self.ended = count == 0;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::IoSlice;

    use kinfolk_protocol::{FrameError, Kind};

    use super::*;
    use crate::memory::Memory;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Header::control(Kind::Credit, payload.len() as u32).encode().to_vec();
        bytes.extend_from_slice(payload);
        bytes
    }

    fn reader(capacity: usize) -> (Memory, Reader) {
        let (ours, theirs) = Memory::pair(capacity);
        (ours, Reader::new(Arc::new(theirs), 100_000))
    }

    #[tokio::test]
    async fn frames_are_found_however_the_bytes_arrive() {
        let stream: Vec<u8> = [frame(b"one"), frame(b""), frame(&[7; 70_000])].concat();
        for step in [1, 7, 23, 24, 25, 4_096, 70_100] {
            let (peer, mut reader) = reader(1 << 20);
            let mut frames = Vec::new();
            for chunk in stream.chunks(step) {
                peer.try_write(&[IoSlice::new(chunk)]).unwrap();
                while let Some(frame) = reader.try_next().unwrap() {
                    frames.push(frame.payload.len());
                }
            }
            assert_eq!(frames, [3, 0, 70_000], "in steps of {step}");
            peer.finish();
            assert!(reader.next().await.unwrap().is_none());
        }
    }

    #[tokio::test]
    async fn a_dropped_read_loses_no_byte() {
        let (peer, mut reader) = reader(1 << 20);
        let bytes = frame(b"whole");
        peer.try_write(&[IoSlice::new(&bytes[..20])]).unwrap();
        tokio::select! {
            biased;
            _ = reader.next() => panic!("the frame is not complete"),
            () = std::future::ready(()) => {}
        }
        peer.try_write(&[IoSlice::new(&bytes[20..])]).unwrap();
        assert_eq!(&reader.next().await.unwrap().unwrap().payload[..], b"whole");
    }

    #[tokio::test]
    async fn a_fast_peer_leaves_the_other_branches_their_turn() {
        let (peer, mut reader) = reader(1 << 20);
        for _ in 0..3 * STREAK {
            peer.try_write(&[IoSlice::new(&frame(b""))]).unwrap();
        }
        let mut read = 0;
        tokio::select! {
            biased;
            () = async { while reader.next().await.unwrap().is_some() { read += 1 } } => {}
            () = std::future::ready(()) => {}
        }
        assert_eq!(read, STREAK);
    }

    #[tokio::test]
    async fn an_end_within_a_frame_is_told_from_an_end() {
        let (peer, mut reader) = reader(1 << 20);
        peer.try_write(&[IoSlice::new(&frame(b"half")[..26])]).unwrap();
        drop(peer);
        assert!(matches!(reader.next().await, Err(LinkError::Truncated { bytes: 26 })));
    }

    #[tokio::test]
    async fn garbage_and_oversize_are_misbehaviour_before_anything_is_reserved() {
        let (peer, mut garbage) = reader(1 << 20);
        peer.try_write(&[IoSlice::new(&[0xff; 24])]).unwrap();
        assert!(matches!(garbage.next().await, Err(LinkError::Misbehaved(Misbehaviour::Frame(_)))));

        let (peer, mut oversize) = reader(1 << 20);
        peer.try_write(&[IoSlice::new(&Header::control(Kind::Reply, u32::MAX).encode())]).unwrap();
        let error = oversize.next().await.unwrap_err();
        let LinkError::Misbehaved(Misbehaviour::Frame(FrameError::TooLong { max, .. })) = error else {
            panic!("{error:?}");
        };
        assert_eq!(max, 100_000);
        assert!(oversize.buffer.capacity() <= 2 * READ_SIZE);
    }

    #[tokio::test]
    async fn the_first_bytes_tell_a_stranger_from_an_early_death() {
        let (peer, mut early) = reader(64);
        drop(peer);
        assert!(!early.preamble().await.unwrap());

        let (peer, mut stranger) = reader(64);
        peer.try_write(&[IoSlice::new(b"hello, I am a shell\n")]).unwrap();
        let error = stranger.preamble().await.unwrap_err().to_string();
        assert!(error.contains("\"hello, I\"") && error.contains("not a kinfolk program"), "{error}");
    }
}
