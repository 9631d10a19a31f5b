//! tokio's `UnixStream` with a length prefix, one task, on a current-thread runtime: what plain tokio allows.

use std::io;
use std::os::unix::net::UnixStream as StdStream;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::Child;

use super::frame::{Answers, HEADER, Operation, READ_BUFFER, SHORT_ANSWER, SMALL_FRAME, Service, header, parse, small};
use super::spawn;
use crate::peer::{Peer, Result, SMALL, ensure};

/// The parent's side.
#[derive(Debug)]
pub(crate) struct TokioStream {
    stream: UnixStream,
    child: Child,
    pid: u32,
    answer: Vec<u8>,
}

impl TokioStream {
    async fn call(&mut self, operation: Operation, payload: &[u8]) -> io::Result<usize> {
        if payload.len() == SMALL {
            // One write: two would be two system calls, and the child could wake between them.
            let mut frame = [0; SMALL_FRAME];
            frame[..HEADER].copy_from_slice(&header(SMALL, operation));
            frame[HEADER..].copy_from_slice(payload);
            self.stream.write_all(&frame).await?;
            self.stream.read_exact(&mut frame).await?;
            return Ok(parse(&frame).0);
        }
        self.stream.write_all(&header(payload.len(), operation)).await?;
        self.stream.write_all(payload).await?;
        self.read_answer().await
    }

    async fn read_answer(&mut self) -> io::Result<usize> {
        let mut head = [0; HEADER];
        self.stream.read_exact(&mut head).await?;
        let length = parse(&head).0;
        self.answer.resize(length, 0);
        self.stream.read_exact(&mut self.answer).await?;
        Ok(length)
    }
}

impl Peer for TokioStream {
    type Payload = Bytes;

    async fn start() -> Result<Self> {
        let (stream, child) = spawn::tokio_command()?;
        let pid = child.id().ok_or("a child that was just started has an id")?;
        Ok(Self { stream: registered(stream)?, child, pid, answer: Vec::new() })
    }

    fn pid(&self) -> u32 {
        self.pid
    }

    fn payload(source: &Bytes) -> Bytes {
        source.clone()
    }

    async fn echo(&mut self, payload: Bytes) -> Result<usize> {
        Ok(self.call(Operation::Echo, &payload).await?)
    }

    async fn upload(&mut self, payload: Bytes) -> Result<u64> {
        self.call(Operation::Upload, &payload).await?;
        Ok(u64::from_le_bytes(self.answer.as_slice().try_into()?))
    }

    async fn in_flight(&mut self, calls: usize, duration: Duration) -> Result<u64> {
        let batch = small(Operation::Echo).repeat(calls);
        let mut buffer = vec![0; READ_BUFFER];
        let (mut credit, mut sent, mut answered) = (calls, 0, 0);
        let mut answers = Answers::default();
        let start = Instant::now();
        loop {
            if credit > 0 && start.elapsed() < duration {
                self.stream.write_all(&batch[..credit * SMALL_FRAME]).await?;
                sent += credit;
                credit = 0;
            }
            if answered == sent {
                return Ok(answered as u64);
            }
            let read = self.stream.read(&mut buffer).await?;
            ensure(read > 0, "the child hung up")?;
            let whole = answers.complete(read);
            answered += whole;
            credit += whole;
        }
    }

    async fn one_way(&mut self, duration: Duration) -> Result<u64> {
        let batch = small(Operation::OneWay).repeat(1024);
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < duration {
            self.stream.write_all(&batch).await?;
            sent += 1024;
        }
        self.stream.write_all(&header(0, Operation::Count)).await?;
        let mut answer = [0; SHORT_ANSWER];
        self.stream.read_exact(&mut answer).await?;
        ensure(u64::from_le_bytes(answer[HEADER..].try_into()?) >= sent, "one-way messages got lost")?;
        Ok(sent)
    }

    async fn stop(mut self) -> Result<()> {
        drop(self.stream);
        let status = self.child.wait().await?;
        ensure(status.success(), "a limit's child failed")
    }
}

/// The child's side: until the parent closes its end.
pub(super) fn serve(stream: StdStream) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async { answer_all(registered(stream)?).await })
}

async fn answer_all(mut stream: UnixStream) -> io::Result<()> {
    let mut service = Service::default();
    let mut buffer = vec![0; READ_BUFFER];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Ok(()),
            read => filled += read,
        }
        let mut at = 0;
        loop {
            let (taken, large) = service.take(&buffer[at..filled]);
            at += taken;
            let Some(mut large) = large else { break };
            stream.read_exact(&mut large.buffer[large.arrived..]).await?;
            service.finish(large);
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if !service.answers.is_empty() {
            stream.write_all(&service.answers).await?;
            service.answers.clear();
        }
    }
}

fn registered(stream: StdStream) -> io::Result<UnixStream> {
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream)
}
