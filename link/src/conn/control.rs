//! Frames of the runtime's own, which belong to no call.

use kinfolk_protocol::{Header, Kind, LogRecord, MessageId};

use super::Conn;
use crate::attachments::Packed;

impl Conn {
    /// Queues our first bytes and our first frame, and writes them at once.
    pub fn open(&self, kind: Kind, payload: impl Into<Packed>) {
        self.writer.preamble();
        self.control(kind, payload);
    }

    /// Queues a frame that belongs to no call, and writes it at once.
    pub fn control(&self, kind: Kind, payload: impl Into<Packed>) {
        let mut payload = payload.into();
        self.writer.push(&Header::control(kind, payload.len() as u32), &mut payload);
        self.writer.flush();
    }

    /// Queues a frame about a message type.
    pub fn about(&self, kind: Kind, message: MessageId, payload: impl Into<Packed>) {
        let mut payload = payload.into();
        let header = Header { message, ..Header::control(kind, payload.len() as u32) };
        self.writer.push(&header, &mut payload);
        self.writer.flush();
    }

    /// Queues an event of the log, unless the queue is full: a log must not hold the program up. True if it is queued.
    pub fn log(&self, record: &LogRecord) -> bool {
        let mut payload = Packed::from(record.encode());
        let room = self.writer.has_room(payload.len());
        if room {
            self.writer.push(&Header::control(Kind::Log, payload.len() as u32), &mut payload);
            self.writer.wake();
        }
        room
    }
}
