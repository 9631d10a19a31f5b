//! The unit of the wire: a header of 24 bytes and a payload. `docs/wire.md` describes each byte.

mod error;

pub use self::error::FrameError;
use crate::attachment::MAX_ATTACHMENTS;
use crate::name::{CallId, MessageId};

/// The first bytes each side sends: `kinfolk` and the frame version.
pub const PREAMBLE: [u8; PREAMBLE_LEN] = *b"kinfolk\x01";
/// The length of [`PREAMBLE`], in bytes.
pub const PREAMBLE_LEN: usize = 8;
/// The version of everything `docs/wire.md` describes. Independent of the version of a protocol.
pub const FRAME_VERSION: u8 = PREAMBLE[7];
/// The length of a [`Header`], in bytes.
pub const HEADER_LEN: usize = 24;
/// The longest payload of a frame that is sent in one piece, and of one chunk of a longer one, in bytes. An init value
/// alone may be longer: nothing else travels yet.
pub const WHOLE: u32 = 64 * 1024;
/// A longer payload is counted apart from shorter ones, and leaves behind them, so that they do not wait for it.
pub const SHORT: u32 = 8 * 1024;
/// How many payloads one side may have begun to send in chunks at once.
pub const MAX_LONG: usize = 16;

/// What a frame is. The gaps leave room for what later versions add.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// Child to parent, first: who it is and what it speaks.
    Hello = 0x01,
    /// Parent to child: the answer to a hello it accepts, with the init value.
    Init = 0x02,
    /// Parent to child: the answer to a hello it does not accept, with the reason.
    Refuse = 0x03,
    /// Child to parent: initialized, with the message types it handles.
    Ready = 0x04,
    /// Child to parent: initialization failed, with the reason.
    InitFailed = 0x05,
    /// Each end of a port to the other, first: what it speaks, accepts and handles.
    Greeting = 0x06,
    /// Each end of a port to the other, last: all that it had to say has been said.
    Farewell = 0x07,
    /// A message that is answered.
    Call = 0x10,
    /// The answer of the handler.
    Reply = 0x11,
    /// The error the handler declined with.
    Declined = 0x12,
    /// The answer of the runtime where there is none of the handler.
    Failed = 0x13,
    /// The caller no longer waits.
    Cancel = 0x14,
    /// Something on the way to the answer: progress, or an item of a stream.
    Item = 0x15,
    /// The handler has begun. Sent where there is no shared memory that says so.
    Started = 0x16,
    /// The handler of a cancelled call has ended, for a caller who asked to be told.
    Stopped = 0x17,
    /// A message that is not answered.
    Message = 0x20,
    /// One-way messages have been taken, or items of a call: room for as many more.
    Credit = 0x21,
    /// Parent and child: what a type of messages looks like, before the first of them whose sender could not compare.
    Definition = 0x22,
    /// Parent to child: finish what is begun, then leave. Over a port: its sender lets nothing new in.
    Drain = 0x30,
    /// Child to parent: a thread panicked.
    Panicked = 0x31,
    /// Child to parent: a one-way message was not handled.
    Rejected = 0x32,
    /// Child to parent: an event of its log.
    Log = 0x33,
    /// A part of a payload that was announced as long.
    Chunk = 0x40,
    /// Memory, in a descriptor, from which blobs will be lent.
    Region = 0x41,
    /// A blob that was lent is given back.
    Returned = 0x42,
    /// No more is lent from a region.
    Retired = 0x43,
}

impl Kind {
    fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0x01 => Self::Hello,
            0x02 => Self::Init,
            0x03 => Self::Refuse,
            0x04 => Self::Ready,
            0x05 => Self::InitFailed,
            0x06 => Self::Greeting,
            0x07 => Self::Farewell,
            0x10 => Self::Call,
            0x11 => Self::Reply,
            0x12 => Self::Declined,
            0x13 => Self::Failed,
            0x14 => Self::Cancel,
            0x15 => Self::Item,
            0x16 => Self::Started,
            0x17 => Self::Stopped,
            0x20 => Self::Message,
            0x21 => Self::Credit,
            0x22 => Self::Definition,
            0x30 => Self::Drain,
            0x31 => Self::Panicked,
            0x32 => Self::Rejected,
            0x33 => Self::Log,
            0x40 => Self::Chunk,
            0x41 => Self::Region,
            0x42 => Self::Returned,
            0x43 => Self::Retired,
            _ => return None,
        })
    }
}

/// What a header says besides its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u8);

impl Flags {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// No payload follows: it comes in chunks, and `length` is its whole length. On what a program sends.
    pub const LONG: Self = Self(0x01);
    /// The payload begins with a [`Context`](crate::Context). On calls.
    pub const CONTEXT: Self = Self(0x02);
    /// The caller wants to know when the handler has ended. On cancels of a parent; a child's is overlooked.
    pub const REPORT: Self = Self(0x04);
    /// No more comes of this payload: it is given up. On chunks.
    pub const ABANDONED: Self = Self(0x08);

    /// True if all of `other` is set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Descriptors come with or before the first byte of this frame, and no others before them. On what takes
    /// attachments along.
    pub const DESCRIPTORS: Self = Self(0x10);

    /// Those a kind of frame may have.
    const fn allowed(kind: Kind) -> Self {
        match kind {
            Kind::Call => Self::LONG.with(Self::CONTEXT).with(Self::DESCRIPTORS),
            Kind::Reply | Kind::Declined | Kind::Item | Kind::Message => Self::LONG.with(Self::DESCRIPTORS),
            Kind::Init | Kind::Region => Self::DESCRIPTORS,
            Kind::Cancel => Self::REPORT,
            Kind::Chunk => Self::ABANDONED,
            _ => Self::NONE,
        }
    }
}

/// What stands before every payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// What the frame is.
    pub kind: Kind,
    /// What it says besides.
    pub flags: Flags,
    /// The call it belongs to, or [`CallId::NONE`]. In a chunk the number of the long payload: the first that was
    /// announced on this link in this direction is 1.
    pub call: CallId,
    /// The type of its message, or [`MessageId::NONE`].
    pub message: MessageId,
    /// The length of its payload, in bytes.
    pub length: u32,
    /// What it takes along: so many entries of a [`Table`](crate::Table) end its payload.
    pub attachments: u16,
}

impl Header {
    /// A header without call and message.
    #[must_use]
    pub const fn control(kind: Kind, length: u32) -> Self {
        Self { kind, flags: Flags::NONE, call: CallId::NONE, message: MessageId::NONE, length, attachments: 0 }
    }

    /// A header about a call, without a message.
    #[must_use]
    pub const fn of_call(kind: Kind, call: CallId, length: u32) -> Self {
        Self { kind, flags: Flags::NONE, call, message: MessageId::NONE, length, attachments: 0 }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[0..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = self.kind as u8;
        bytes[5] = self.flags.0;
        bytes[6..8].copy_from_slice(&self.attachments.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.call.to_bits().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.message.to_bits().to_le_bytes());
        bytes
    }

    /// The header that `bytes` hold, if its payload may be `max` bytes long.
    ///
    /// # Errors
    /// [`FrameError`]: the peer does not keep to the format.
    pub fn decode(bytes: &[u8; HEADER_LEN], max: u32) -> Result<Self, FrameError> {
        let [l0, l1, l2, l3, kind, flags, a0, a1, c0, c1, c2, c3, c4, c5, c6, c7, m0, m1, m2, m3, m4, m5, m6, m7] =
            *bytes;
        let kind = Kind::from_byte(kind).ok_or(FrameError::UnknownKind { byte: kind })?;
        let flags_known = Flags::allowed(kind).has(Flags(flags));
        if !flags_known {
            return Err(FrameError::UnknownFlags { kind, flags });
        }
        let attachments = u16::from_le_bytes([a0, a1]);
        check_attachments(kind, Flags(flags), attachments)?;
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        if length > max {
            return Err(FrameError::TooLong { kind, length, max });
        }
        let flags = Flags(flags);
        if length > WHOLE && !flags.has(Flags::LONG) && kind != Kind::Init {
            return Err(FrameError::NotCut { kind, length });
        }
        if length > 0 && flags.has(Flags::ABANDONED) {
            return Err(FrameError::AbandonedLength { length });
        }
        Ok(Self {
            kind,
            flags,
            call: CallId::from_bits(u64::from_le_bytes([c0, c1, c2, c3, c4, c5, c6, c7])),
            message: MessageId::from_bits(u64::from_le_bytes([m0, m1, m2, m3, m4, m5, m6, m7])),
            length,
            attachments,
        })
    }
}

fn check_attachments(kind: Kind, flags: Flags, attachments: u16) -> Result<(), FrameError> {
    let max = match kind {
        // Two of them are the board and the bell.
        Kind::Init => MAX_ATTACHMENTS as u16 + 2,
        _ if Flags::allowed(kind).has(Flags::DESCRIPTORS) => MAX_ATTACHMENTS as u16,
        _ => 0,
    };
    if attachments > max || (attachments == 0 && flags.has(Flags::DESCRIPTORS)) {
        return Err(FrameError::Attachments { kind, attachments, max });
    }
    Ok(())
}

/// Checks the first bytes of a peer.
///
/// # Errors
/// [`FrameError::NotKinfolk`] or [`FrameError::FrameVersion`].
pub fn check_preamble(bytes: &[u8; PREAMBLE_LEN]) -> Result<(), FrameError> {
    if bytes[..7] != PREAMBLE[..7] {
        Err(FrameError::NotKinfolk { found: bytes.escape_ascii().to_string() })
    } else if bytes[7] != FRAME_VERSION {
        Err(FrameError::FrameVersion { found: bytes[7] })
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
