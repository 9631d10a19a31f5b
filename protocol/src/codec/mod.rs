//! How payloads become bytes: chosen per protocol, announced in the handshake.

#[cfg(feature = "bincode")]
mod bincode;
#[cfg(feature = "json")]
mod json;
#[cfg(feature = "postcard")]
mod postcard;

#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
mod bounded;

use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

#[cfg(feature = "bincode")]
pub use self::bincode::Bincode;
#[cfg(feature = "json")]
pub use self::json::Json;
#[cfg(feature = "postcard")]
pub use self::postcard::Postcard;

/// How the payloads of a protocol become bytes and values again.
///
/// The methods are generic, so a protocol's codec is called directly, never through a table. Frames and the handshake
/// do not use it: two sides with different codecs can still tell each other so.
///
/// There are `Bincode` (feature `bincode`, on by default), `Postcard` (feature `postcard`) and `Json` (feature `json`);
/// a protocol may bring its own.
///
/// # Evolution
///
/// `Bincode` and `Postcard` are positional: fields are told apart by their order alone, and a changed type is misread,
/// not always refused. With them a new minor version of a protocol may add message types, but never a field to a type
/// there is, nor a variant to an enum the other side reads. `Json` names its fields, so they may be added.
///
/// # Limits
///
/// What a hostile process sends ends in a [`CodecError`], not in a panic, an overflowed stack or exhausted memory. The
/// three codecs decode
/// - at most 128 values within one another, where an `Option`, an enum and a newtype are a level each;
/// - at most one element of a sequence or map per byte received, and 65,536 besides, for elements that have no bytes;
/// - into memory in proportion to the bytes received.
///
/// Encoding has no such limits: a deeper value can be sent, and is refused by the side that receives it.
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
    /// Blobs or handles came along that the value does not use.
    #[error(
        "{left} attachments are left over after a `{type_name}` in `{codec}`: do both sides share one protocol crate?"
    )]
    Unused {
        /// The codec's name.
        codec: &'static str,
        /// The Rust type, as the compiler names it.
        type_name: &'static str,
        /// How many were not used.
        left: usize,
    },
}

#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
impl CodecError {
    /// The error of a `T` that `C` cannot express, in the codec's own words.
    fn encode<C: Codec, T>(reason: &impl ToString) -> Self {
        Self::Encode { codec: C::NAME, type_name: std::any::type_name::<T>(), reason: reason.to_string() }
    }
}

#[cfg(test)]
#[cfg(any(feature = "bincode", feature = "json", feature = "postcard"))]
mod tests;
