//! The parent's end of a link, from the first byte of the child to the last.

use std::sync::Arc;

use kinfolk_link::{Conn, LinkError, Misbehaviour, Reader, Received, Transport};
use kinfolk_protocol::{Frame, Hello, Kind};

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
}

/// A link before and after its handshake.
#[derive(Debug)]
pub(crate) struct LinkSide {
    transport: Arc<dyn Transport>,
    reader: Reader,
    stage: Stage,
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
        Self { transport, reader, stage: Stage::Fresh }
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
            if let Some(event) = self.take(frame) {
                return event;
            }
        }
    }

    /// What has arrived, without waiting: the process has ended.
    pub(super) fn try_next(&mut self) -> Option<LinkEvent> {
        loop {
            match self.stage {
                // A hello is at least as long as the preamble, so one that came whole was greeted.
                Stage::Fresh | Stage::Waiting | Stage::Over => return None,
                Stage::Introduced(_) => return self.take(Ok(None)),
                Stage::Greeted | Stage::Open(_) => match self.reader.try_next() {
                    Ok(None) => return None,
                    frame => {
                        if let Some(event) = self.take(frame) {
                            return Some(event);
                        }
                    }
                },
            }
        }
    }

    fn take(&mut self, frame: Result<Option<Frame>, LinkError>) -> Option<LinkEvent> {
        if let Stage::Introduced(_) = self.stage {
            let Stage::Introduced(hello) = std::mem::replace(&mut self.stage, Stage::Waiting) else { return None };
            return Some(LinkEvent::Hello(*hello));
        }
        let frame = match frame {
            Ok(Some(frame)) => frame,
            Ok(None) => return Some(self.end(Disconnected::Closed)),
            Err(error) => return Some(self.fail(error)),
        };
        let Stage::Open(conn) = &self.stage else { return Some(self.hello(frame)) };
        match conn.receive(frame) {
            Ok(Received::Handled) => None,
            Ok(received) => Some(LinkEvent::Received(received)),
            Err(misbehaviour) => Some(self.end(Disconnected::Misbehaved(misbehaviour))),
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
        LinkEvent::Ended(how)
    }
}
