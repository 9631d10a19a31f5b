//! The parent's end of a link, from the first byte of the child to the last.

use std::sync::Arc;

use kinfolk_link::{Conn, Frame, LinkError, Misbehaviour, Reader, Received, Transport};
use kinfolk_protocol::{Hello, Kind};

use crate::event::Disconnected;

/// What came of the link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// The child said who it is.
    Hello(Hello),
    /// A frame that is not the session's own business.
    Received(Received),
    /// Nothing more will come.
    Ended(Disconnected),
    /// A frame that was the session's own business.
    Handled,
}

/// A link before and after its handshake.
#[derive(Debug)]
pub(crate) struct LinkSide {
    transport: Arc<dyn Transport>,
    reader: Reader,
    stage: Stage,
    /// How many frames were read.
    frames: u64,
    /// It was closed before its end, or could not be read to it.
    broken: bool,
}

#[derive(Debug)]
enum Stage {
    /// Nothing was read.
    Fresh,
    /// The preamble was read.
    Greeted,
    /// The hello was read already, by whoever let an attached child in.
    Introduced(Box<Hello>),
    /// The hello was handed out, and nothing can be read before it is answered.
    Waiting,
    Open(Arc<Conn>),
    Over,
}

impl LinkSide {
    pub(crate) fn new(transport: Arc<dyn Transport>, max_message: u32) -> Self {
        let reader = Reader::new(Arc::clone(&transport), max_message);
        Self { transport, reader, stage: Stage::Fresh, frames: 0, broken: false }
    }

    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        Arc::clone(&self.transport)
    }

    /// Waits for the child's hello, which the driver will see again.
    pub(crate) async fn introduce(&mut self) -> Option<&Hello> {
        if let LinkEvent::Hello(hello) = self.next().await {
            self.stage = Stage::Introduced(Box::new(hello));
        }
        match &self.stage {
            Stage::Introduced(hello) => Some(hello),
            _ => None,
        }
    }

    /// How many frames were read: more than before is a sign of life.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// The hello was answered: frames go to `conn` from now on.
    pub(super) fn open(&mut self, conn: Arc<Conn>) {
        self.stage = Stage::Open(conn);
    }

    /// What comes next. Answers, cancels and credit are dealt with on the way.
    ///
    /// Cancel-safe: what has arrived stays in the reader.
    pub(super) async fn next(&mut self) -> LinkEvent {
        if let Stage::Fresh = self.stage {
            match self.reader.preamble().await {
                Ok(true) => self.stage = Stage::Greeted,
                Ok(false) => return self.end(Disconnected::Closed),
                Err(error) => return self.fail(error),
            }
        }
        loop {
            let frame = match self.stage {
                Stage::Introduced(_) => Ok(None),
                Stage::Waiting | Stage::Over => std::future::pending().await,
                _ => self.reader.next().await,
            };
            match self.take(frame) {
                LinkEvent::Handled => {}
                event => return event,
            }
        }
    }

    /// Nothing is read any more.
    pub(super) fn close(&mut self) {
        self.stage = Stage::Over;
        self.broken = true;
    }

    /// False if there may be something that was not taken, once [`try_next`](Self::try_next) finds nothing.
    pub(super) fn was_read_whole(&self) -> bool {
        !self.broken
    }

    /// What has arrived, without waiting: the process has ended.
    pub(super) fn try_next(&mut self) -> Option<LinkEvent> {
        match self.stage {
            // A preamble that came was read, since reading is the first thing done: its hello cannot be there without
            // it.
            Stage::Fresh | Stage::Waiting | Stage::Over => None,
            Stage::Introduced(_) => Some(self.take(Ok(None))),
            Stage::Greeted | Stage::Open(_) => match self.reader.try_next() {
                Ok(None) => None,
                frame => Some(self.take(frame)),
            },
        }
    }

    fn take(&mut self, frame: Result<Option<Frame>, LinkError>) -> LinkEvent {
        if let Some(hello) = self.introduced() {
            return LinkEvent::Hello(hello);
        }
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return self.end(Disconnected::Closed),
            Err(error) => return self.fail(error),
        };
        self.frames += 1;
        let Stage::Open(conn) = &self.stage else { return self.hello(frame) };
        match conn.receive(frame) {
            Ok(Received::Handled) => LinkEvent::Handled,
            Ok(received) => LinkEvent::Received(received),
            Err(misbehaviour) => self.end(Disconnected::Misbehaved(misbehaviour)),
        }
    }

    /// The hello that was read already, once.
    fn introduced(&mut self) -> Option<Hello> {
        match std::mem::replace(&mut self.stage, Stage::Waiting) {
            Stage::Introduced(hello) => Some(*hello),
            other => {
                self.stage = other;
                None
            }
        }
    }

    fn hello(&mut self, frame: Frame) -> LinkEvent {
        let kind = frame.header.kind;
        if kind != Kind::Hello {
            return self.end(Disconnected::Misbehaved(Misbehaviour::OutOfPlace { kind, when: "before its hello" }));
        }
        match Hello::decode(&frame.payload) {
            Ok(hello) => {
                self.stage = Stage::Waiting;
                LinkEvent::Hello(hello)
            }
            Err(error) => self.end(Disconnected::Misbehaved(Misbehaviour::Payload(error))),
        }
    }

    fn fail(&mut self, error: LinkError) -> LinkEvent {
        self.end(match error {
            LinkError::Misbehaved(misbehaviour) => Disconnected::Misbehaved(misbehaviour),
            LinkError::Truncated { .. } => Disconnected::WithinFrame,
            other => Disconnected::Io(
                std::error::Error::source(&other).map_or_else(|| other.to_string(), ToString::to_string),
            ),
        })
    }

    fn end(&mut self, how: Disconnected) -> LinkEvent {
        self.stage = Stage::Over;
        self.broken |= matches!(how, Disconnected::Misbehaved(_) | Disconnected::Io(_));
        LinkEvent::Ended(how)
    }
}
