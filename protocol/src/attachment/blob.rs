//! Bytes inside a message.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, Error, SeqAccess, VariantAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use super::{Arrival, scope};

/// Bytes inside a message, at any place in it, which travel without being copied more often than they must.
///
/// Up to 8 KiB they are part of the message. From 32 KiB on they are lent in shared memory, where the link carries
/// descriptors and the receiver has room for them ([`Limits::blob_bytes`](crate::Limits::blob_bytes)). Between the two,
/// and where that is not so, they leave straight from where they are and arrive in the buffer the receiver reads into.
/// `docs/attachments.md` has the details.
///
/// A clone shares the bytes. Whoever receives a blob may keep it for as long as it likes, also after its sender has
/// ended; the memory is given back when the last clone is dropped.
///
/// Outside kinfolk's messages, say in a file or a test, a blob is serialized as plain bytes.
///
/// ```
/// # use kinfolk_protocol::Blob;
/// let blob = Blob::from(vec![7; 1 << 20]);
/// assert_eq!(blob.len(), 1 << 20);
/// assert_eq!(blob[..3], [7, 7, 7]);
/// let bytes = bytes::Bytes::from(blob); // shares them
/// # assert_eq!(bytes.len(), 1 << 20);
/// ```
#[derive(Clone, Default)]
pub struct Blob {
    bytes: Bytes,
    /// What the runtime knows of where they are.
    origin: Option<Arc<dyn Any + Send + Sync>>,
}

impl Blob {
    /// A blob of bytes that never change.
    #[must_use]
    pub const fn from_static(bytes: &'static [u8]) -> Self {
        Self { bytes: Bytes::from_static(bytes), origin: None }
    }

    /// The same bytes, shared. A blob that is made of them again travels as one in ordinary memory: what was built by
    /// `BlobBuilder`, or received as such, is no longer known to be unchangeable. Clone the blob to keep that.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// A blob of which the runtime knows where its bytes are.
    #[doc(hidden)]
    #[must_use]
    pub fn with_origin(bytes: Bytes, origin: Arc<dyn Any + Send + Sync>) -> Self {
        Self { bytes, origin: Some(origin) }
    }

    /// What the runtime knows of where they are.
    #[doc(hidden)]
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.origin.as_ref()
    }
}

impl Deref for Blob {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Blob {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Blob {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Blob {}

/// Its length only: a blob may be large, and none of a log's business.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({} bytes)", self.len())
    }
}

impl From<Bytes> for Blob {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, origin: None }
    }
}

impl From<Vec<u8>> for Blob {
    fn from(bytes: Vec<u8>) -> Self {
        Self::from(Bytes::from(bytes))
    }
}

impl From<&[u8]> for Blob {
    fn from(bytes: &[u8]) -> Self {
        Self::from(Bytes::copy_from_slice(bytes))
    }
}

impl From<String> for Blob {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<Blob> for Bytes {
    /// The same bytes; as with [`Blob::to_bytes`], that they were sealed is lost.
    fn from(blob: Blob) -> Self {
        blob.bytes
    }
}

const NAME: &str = "Blob";
const VARIANTS: &[&str] = &["bytes", "attached"];

/// Serialized as bytes, which `&[u8]` is not.
struct Raw<'a>(&'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !scope::is_packing() {
            return serializer.serialize_bytes(self);
        }
        match scope::put_blob(self) {
            None => serializer.serialize_newtype_variant(NAME, 0, VARIANTS[0], &Raw(self)),
            Some(Ok(index)) => serializer.serialize_newtype_variant(NAME, 1, VARIANTS[1], &index),
            Some(Err(reason)) => Err(scope::cannot_pack(reason)),
        }
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if scope::is_unpacking() {
            deserializer.deserialize_enum(NAME, VARIANTS, Traveller)
        } else {
            Plain.deserialize(deserializer)
        }
    }
}

/// A blob in a message.
struct Traveller;

impl<'de> Visitor<'de> for Traveller {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a blob")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, choice: A) -> Result<Blob, A::Error> {
        let (variant, value) = choice.variant::<Variant>()?;
        match variant {
            Variant::Bytes => value.newtype_variant_seed(Plain),
            Variant::Attached => attached(value.newtype_variant()?).map_err(scope::cannot_unpack),
        }
    }
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Variant {
    Bytes,
    Attached,
}

fn attached(index: u16) -> Result<Blob, String> {
    match scope::take(index)? {
        Arrival::Data(data) => Ok(Blob::from(data)),
        Arrival::Lent(lent) => lent.open().map_err(|error| format!("attachment {index} cannot be read: {error}")),
        Arrival::Descriptor(..) => Err(format!("attachment {index} is a handle, in place of a blob")),
        Arrival::Lost(reason) => Err(format!("attachment {index} was lost: {reason}")),
    }
}

/// A blob as plain bytes.
struct Plain;

impl<'de> DeserializeSeed<'de> for Plain {
    type Value = Blob;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Blob, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for Plain {
    type Value = Blob;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Blob, E> {
        Ok(scope::share(bytes).map_or_else(|| Blob::from(bytes), Blob::from))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Blob, E> {
        Ok(Blob::from(bytes))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Blob, E> {
        Ok(Blob::from(bytes))
    }

    /// What a text format makes of bytes.
    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Blob, A::Error> {
        // The announced length is only a word: the buffer grows with what comes.
        let mut bytes = Vec::new();
        while let Some(byte) = elements.next_element()? {
            bytes.push(byte);
        }
        Ok(Blob::from(bytes))
    }
}
