//! What the parent and its three kinds of children say to each other: three protocols, each with an init value of its
//! own. In a larger project this module is a crate (see `examples/three-crates`).

use std::ffi::OsString;
use std::time::Duration;

use kinfolk::{Bincode, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Spoken with the child that digests files.
pub(crate) enum Digest {}
impl Protocol for Digest {
    const NAME: &'static str = "digest";
    const VERSION: Version = Version::new(1, 0);
    type Init = DigestInit;
    type Codec = Bincode;
}

/// Paths are `OsString`s throughout: serde refuses a `PathBuf` that is not UTF-8, and a file may well be called so.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DigestInit {
    /// The directory that all paths are relative to.
    pub(crate) root: OsString,
    /// Files to digest at once.
    pub(crate) threads: usize,
}

/// Asks for the SHA-256 of a file.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Digest, reply = Timed<Sum>, error = FileError)]
pub(crate) struct DigestFile(pub(crate) OsString);

/// The digest of a file's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) struct Sum(pub(crate) [u8; 32]);

/// Spoken with the child that compresses files.
pub(crate) enum Squeeze {}
impl Protocol for Squeeze {
    const NAME: &'static str = "squeeze";
    const VERSION: Version = Version::new(1, 0);
    type Init = SqueezeInit;
    type Codec = Bincode;
}

/// How to compress.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SqueezeInit {
    /// The directory that all paths are relative to.
    pub(crate) root: OsString,
    /// Files to compress at once.
    pub(crate) threads: usize,
    /// 0 (store) to 9 (best). The child refuses to start with another.
    pub(crate) level: u32,
}

/// Asks how small a file becomes.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Squeeze, reply = Timed<Squeezed>, error = FileError)]
pub(crate) struct SqueezeFile(pub(crate) OsString);

/// The size of a file before and after.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) struct Squeezed {
    /// Bytes in the file.
    pub(crate) before: u64,
    /// Bytes as a deflate stream.
    pub(crate) after: u64,
}

/// Spoken with the child that counts lines and words.
pub(crate) enum Count {}
impl Protocol for Count {
    const NAME: &'static str = "count";
    const VERSION: Version = Version::new(1, 0);
    type Init = CountInit;
    type Codec = Bincode;
}

/// What to count by.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CountInit {
    /// The directory that all paths are relative to.
    pub(crate) root: OsString,
    /// Files to count at once.
    pub(crate) threads: usize,
    /// Endings of file names, and the language of files that end so.
    pub(crate) languages: Vec<(String, String)>,
}

/// Asks for a file's language, lines and words.
#[derive(Debug, Serialize, Deserialize, Message)]
#[message(to_child = Count, reply = Timed<Counted>, error = FileError)]
pub(crate) struct CountFile(pub(crate) OsString);

/// What a text file holds; zeros for one that is no text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape)]
pub(crate) struct Counted {
    /// A name from the init value's table, or one for all others.
    pub(crate) language: String,
    /// Lines, an unfinished last one included.
    pub(crate) lines: u64,
    /// Runs of characters between white space.
    pub(crate) words: u64,
}

/// A result, and how long a thread of the child was busy with it: waiting in a queue does not count.
#[derive(Debug, Serialize, Deserialize, Shape)]
pub(crate) struct Timed<T> {
    /// The result.
    pub(crate) value: T,
    /// The time it took.
    pub(crate) busy: Duration,
}

/// Why there is no result for a file. An answer like any other: the child lives on, and so does the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Shape, Error)]
pub(crate) enum FileError {
    /// It was there when the directory was listed.
    #[error("it is gone")]
    NotFound,
    /// It may not be read.
    #[error("permission denied")]
    Denied,
    /// Something else took its name since the directory was listed.
    #[error("it is no regular file any more")]
    NotAFile,
    /// Nobody waits for the result any more.
    #[error("no longer wanted")]
    Stopped,
    /// Anything else, in the system's words.
    #[error("{0}")]
    Broken(String),
}
