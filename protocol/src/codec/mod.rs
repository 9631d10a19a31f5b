//! How payloads become bytes: chosen per protocol, announced in the handshake.

mod bincode;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

pub use self::bincode::Bincode;

/// How the payloads of a protocol become bytes and values again.
///
/// The methods are generic, so a protocol's codec is called directly, never through a table. Frames and the handshake
/// do not use it: two sides with different codecs can still tell each other so.
pub trait Codec: Send + Sync + 'static {
    /// Its name, compared when a child starts: 1 to 255 bytes. Change it with the bytes.
    const NAME: &'static str;

    /// Appends the bytes of `value` to `out`.
    ///
    /// # Errors
    /// [`CodecError`] if the value cannot be expressed; what was appended by then is discarded by the caller.
    fn encode<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), CodecError>;

    /// The value that `bytes` stand for, all of them.
    ///
    /// The bytes may come from a hostile process: an implementation neither panics nor reserves memory that is out of
    /// proportion to their number.
    ///
    /// # Errors
    /// [`CodecError`] if they stand for no `T`, or if some are left over.
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError>;
}

/// Why a value and its bytes could not be turned into each other.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The value cannot be expressed in this codec.
    #[error("`{codec}` cannot express a `{type_name}`: {reason}")]
    Encode {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type, as the compiler names it.
        type_name: &'static str,
        /// The codec's own words.
        reason: String,
    },
    /// The bytes stand for no such value.
    #[error("{bytes} bytes are no `{type_name}` in `{codec}`: {reason}")]
    Decode {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type, as the compiler names it.
        type_name: &'static str,
        /// How many bytes there were.
        bytes: usize,
        /// The codec's own words.
        reason: String,
    },
    /// Bytes are left over: most likely the two sides were built from different definitions of the type.
    #[error(
        "{left} of {bytes} bytes are left over after a `{type_name}` in `{codec}`: do both sides share one protocol crate?"
    )]
    Trailing {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type, as the compiler names it.
        type_name: &'static str,
        /// How many bytes there were.
        bytes: usize,
        /// How many were not used.
        left: usize,
    },
}
