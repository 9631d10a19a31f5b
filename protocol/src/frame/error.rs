//! What is no frame.

use thiserror::Error;

use super::{FRAME_VERSION, Kind, MAX_LONG, PREAMBLE, WHOLE};

/// What a peer sent that is no frame.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FrameError {
    /// Its first bytes are not kinfolk's.
    #[error("\"{found}\" in place of \"{}\": this is not a kinfolk program", PREAMBLE.escape_ascii())]
    NotKinfolk {
        /// The bytes, with escapes.
        found: String,
    },
    /// It speaks another version of the frames.
    #[error("frames of version {found}, this side speaks {FRAME_VERSION}: build both with one version of kinfolk")]
    FrameVersion {
        /// Its version.
        found: u8,
    },
    /// The kind is unknown.
    #[error("a frame of unknown kind {byte:#04x}")]
    UnknownKind {
        /// The byte.
        byte: u8,
    },
    /// A flag is set that is not defined for this kind.
    #[error("a {kind:?} frame with unknown flags {flags:#010b}")]
    UnknownFlags {
        /// The kind of frame.
        kind: Kind,
        /// The byte.
        flags: u8,
    },
    /// It takes more along than it may, or says that descriptors come and takes nothing along.
    #[error("a {kind:?} frame with {attachments} attachments: it may have {max}")]
    Attachments {
        /// The kind of frame.
        kind: Kind,
        /// How many.
        attachments: u16,
        /// How many it may have.
        max: u16,
    },
    /// Descriptors were announced, and none came.
    #[error("a {kind:?} frame without the descriptors it announces")]
    NoDescriptors {
        /// The kind of frame.
        kind: Kind,
    },
    /// Descriptors came that no frame announced, or more than any frame may have.
    #[error("descriptors that belong to no frame")]
    StrayDescriptors,
    /// A frame's table and its descriptors do not agree.
    #[error("a {kind:?} frame with {found} descriptors, of which its table says {expected}")]
    DescriptorCount {
        /// The kind of frame.
        kind: Kind,
        /// How many came.
        found: usize,
        /// How many the table has.
        expected: usize,
    },
    /// The payload is longer than this side takes.
    #[error("a {kind:?} frame of {length} bytes: the limit `max_message` is {max}")]
    TooLong {
        /// The kind of frame.
        kind: Kind,
        /// Its length, in bytes.
        length: u32,
        /// What this side takes.
        max: u32,
    },
    /// The payload is long, and did not come in chunks.
    #[error("a {kind:?} frame of {length} bytes in one piece: beyond {WHOLE} it has to come in chunks")]
    NotCut {
        /// The kind of frame.
        kind: Kind,
        /// Its length, in bytes.
        length: u32,
    },
    /// A chunk belongs to no payload that was announced.
    #[error("a chunk of a long payload {number}, which was not announced or has come whole")]
    UnknownLong {
        /// Its number.
        number: u64,
    },
    /// A chunk goes beyond the end of its payload.
    #[error("a chunk of {length} bytes of a payload that lacks only {missing}")]
    BeyondEnd {
        /// The length of the chunk, in bytes.
        length: u32,
        /// What was missing.
        missing: usize,
    },
    /// A chunk says that no more comes of its payload, and brings more of it.
    #[error("a chunk of {length} bytes that gives its payload up: it may have 0")]
    AbandonedLength {
        /// The length of the chunk, in bytes.
        length: u32,
    },
    /// More long payloads were begun at once than may be.
    #[error("more than {MAX_LONG} long payloads at once")]
    TooManyLong,
}
