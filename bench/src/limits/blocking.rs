//! Blocking reads and writes on a socketpair: what the kernel allows.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::frame::{Answers, HEADER, Operation, READ_BUFFER, SHORT_ANSWER, SMALL_FRAME, Service, header, parse, small};
use super::spawn;
use crate::peer::{Peer, Result, SMALL, ensure};

/// The parent's side. Its methods are `async` for the sake of the trait only: they block, and never yield.
#[derive(Debug)]
pub(crate) struct Socketpair {
    stream: UnixStream,
    child: Child,
    answer: Vec<u8>,
}

impl Socketpair {
    fn call(&mut self, operation: Operation, payload: &[u8]) -> io::Result<usize> {
        if payload.len() == SMALL {
            // One write: two would be two system calls, and the child could wake between them.
            let mut frame = [0; SMALL_FRAME];
            frame[..HEADER].copy_from_slice(&header(SMALL, operation));
            frame[HEADER..].copy_from_slice(payload);
            self.stream.write_all(&frame)?;
            self.stream.read_exact(&mut frame)?;
            return Ok(parse(&frame).0);
        }
        self.stream.write_all(&header(payload.len(), operation))?;
        self.stream.write_all(payload)?;
        self.read_answer()
    }

    fn read_answer(&mut self) -> io::Result<usize> {
        let mut head = [0; HEADER];
        self.stream.read_exact(&mut head)?;
        let length = parse(&head).0;
        self.answer.resize(length, 0);
        self.stream.read_exact(&mut self.answer)?;
        Ok(length)
    }
}

impl Peer for Socketpair {
    type Payload = Bytes;

    async fn start() -> Result<Self> {
        let (stream, child) = spawn::std_command()?;
        Ok(Self { stream, child, answer: Vec::new() })
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn payload(source: &Bytes) -> Bytes {
        source.clone()
    }

    async fn echo(&mut self, payload: Bytes) -> Result<usize> {
        Ok(self.call(Operation::Echo, &payload)?)
    }

    async fn upload(&mut self, payload: Bytes) -> Result<u64> {
        self.call(Operation::Upload, &payload)?;
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
                self.stream.write_all(&batch[..credit * SMALL_FRAME])?;
                sent += credit;
                credit = 0;
            }
            if answered == sent {
                return Ok(answered as u64);
            }
            let read = self.stream.read(&mut buffer)?;
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
            self.stream.write_all(&batch)?;
            sent += 1024;
        }
        self.stream.write_all(&header(0, Operation::Count))?;
        let mut answer = [0; SHORT_ANSWER];
        self.stream.read_exact(&mut answer)?;
        ensure(u64::from_le_bytes(answer[HEADER..].try_into()?) >= sent, "one-way messages got lost")?;
        Ok(sent)
    }

    async fn stop(mut self) -> Result<()> {
        drop(self.stream);
        let status = self.child.wait()?;
        ensure(status.success(), "a limit's child failed")
    }
}

/// The child's side: until the parent closes its end.
pub(super) fn serve(mut stream: UnixStream) -> io::Result<()> {
    let mut service = Service::default();
    let mut buffer = vec![0; READ_BUFFER];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..])? {
            0 => return Ok(()),
            read => filled += read,
        }
        let mut at = 0;
        loop {
            let (taken, large) = service.take(&buffer[at..filled]);
            at += taken;
            let Some(mut large) = large else { break };
            stream.read_exact(&mut large.buffer[large.arrived..])?;
            service.finish(large);
        }
        buffer.copy_within(at..filled, 0);
        filled -= at;
        if !service.answers.is_empty() {
            stream.write_all(&service.answers)?;
            service.answers.clear();
        }
    }
}
