//! The first words of a link: `Hello` from the child, `Init` or `Refuse` from the parent, `Ready` or `InitFailed`
//! from the child.
//!
//! The layouts are written by hand and never change within a frame version; what is added goes behind the last field,
//! where older readers do not look.

mod greeting;
mod table;

use thiserror::Error;

pub use self::greeting::{Greeting, PortMismatch};
pub use self::table::{MAX_WELCOMED, Welcomed};
use self::table::{put_table, table};
use crate::codec::Codec;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::message::Protocol;
use crate::version::Version;
use crate::wire::{Fields, WireError, put_text};

/// A secret of 128 bits that lets a process attach to a named endpoint.
///
/// Its `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct Token([u8; 16]);

impl Token {
    /// Sent over an inherited socket, which needs no secret.
    pub const NONE: Self = Self([0; 16]);

    /// A token from random bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The token as 32 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The token that 32 hexadecimal digits stand for.
    #[must_use]
    pub fn from_hex(hex: &str) -> Option<Self> {
        if hex.len() != 32 || !hex.is_ascii() {
            return None;
        }
        let mut bytes = [0; 16];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }

    /// True if both are the same; takes the same time wherever they differ.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The child's first frame.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Its process id, as it sees it.
    pub pid: u32,
    /// What lets it attach to a named endpoint, or [`Token::NONE`].
    pub token: Token,
    /// The version of its protocol.
    pub version: Version,
    /// What it accepts.
    pub limits: Limits,
    /// The name of its protocol.
    pub protocol: String,
    /// The name of its codec.
    pub codec: String,
}

impl Hello {
    /// The hello of a program that speaks `P`.
    #[must_use]
    pub fn of<P: Protocol>(pid: u32, token: Token, limits: Limits) -> Self {
        let (protocol, codec) = (P::NAME.to_owned(), P::Codec::NAME.to_owned());
        Self { pid, token, version: P::VERSION, limits, protocol, codec }
    }

    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        out.extend_from_slice(&self.pid.to_le_bytes());
        out.extend_from_slice(&self.token.0);
        put_version(&mut out, self.version);
        put_limits(&mut out, &self.limits);
        put_text(&mut out, &self.protocol);
        put_text(&mut out, &self.codec);
        out
    }

    /// The hello in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Hello", payload);
        Ok(Self {
            pid: fields.u32("pid")?,
            token: Token(fields.array("token")?),
            version: version(&mut fields)?,
            limits: limits(&mut fields)?,
            protocol: fields.text("protocol")?.to_owned(),
            codec: fields.text("codec")?.to_owned(),
        })
    }
}

/// What a parent expects of the program it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// The name of the protocol.
    pub protocol: &'static str,
    /// Its version.
    pub version: Version,
    /// The name of the codec.
    pub codec: &'static str,
}

impl Expected {
    /// What is expected of a program that speaks `P`.
    #[must_use]
    pub const fn of<P: Protocol>() -> Self {
        Self { protocol: P::NAME, version: P::VERSION, codec: P::Codec::NAME }
    }

    /// Compares a hello with it.
    ///
    /// # Errors
    /// [`Refusal`] with both sides' data.
    pub fn check(&self, hello: &Hello) -> Result<(), Refusal> {
        if hello.protocol != self.protocol {
            Err(Refusal::Protocol { child: hello.protocol.clone(), parent: self.protocol.to_owned() })
        } else if !self.version.accepts(hello.version) {
            let protocol = hello.protocol.clone();
            Err(Refusal::Version { protocol, child: hello.version, parent: self.version })
        } else if hello.codec != self.codec {
            let protocol = hello.protocol.clone();
            Err(Refusal::Codec { protocol, child: hello.codec.clone(), parent: self.codec.to_owned() })
        } else {
            Ok(())
        }
    }
}

/// Why a parent does not take a child: told to both, in one sentence that shows both sides.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Different protocols.
    #[error("the program speaks protocol `{child}`, its parent expects `{parent}`: start another program or spec")]
    Protocol {
        /// What the child speaks.
        child: String,
        /// What the parent expects.
        parent: String,
    },
    /// Versions that do not go together.
    #[error("the program speaks `{protocol}` {child}, its parent {parent}: build both from one protocol crate")]
    Version {
        /// The protocol.
        protocol: String,
        /// The child's version.
        child: Version,
        /// The parent's version.
        parent: Version,
    },
    /// Different codecs.
    #[error(
        "the program encodes `{protocol}` with `{child}`, its parent with `{parent}`: build both from one protocol crate"
    )]
    Codec {
        /// The protocol.
        protocol: String,
        /// The child's codec.
        child: String,
        /// The parent's codec.
        parent: String,
    },
    /// The token is not the one the parent gave out.
    #[error("the token does not match: use the value of KINFOLK_CONNECT as the parent gives it, once")]
    Token,
}

/// The parent's answer to a hello it accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// What the parent accepts.
    pub limits: Limits,
    /// The version of its protocol.
    pub version: Version,
    /// What it calls the child.
    pub name: String,
    /// The init value, in the protocol's codec.
    pub value: Vec<u8>,
    /// The message types the parent has handlers for.
    pub welcomed: Vec<Welcomed>,
}

impl Init {
    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.value.len());
        put_version(&mut out, self.version);
        put_limits(&mut out, &self.limits);
        put_text(&mut out, &self.name);
        out.extend_from_slice(&(self.value.len() as u32).to_le_bytes());
        out.extend_from_slice(&self.value);
        put_table(&mut out, &self.welcomed);
        out
    }

    /// The init in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Init", payload);
        let version = version(&mut fields)?;
        let limits = limits(&mut fields)?;
        let name = fields.text("name")?.to_owned();
        let length = fields.u32("value")? as usize;
        let value = fields.take("value", length)?.to_vec();
        Ok(Self { limits, version, name, value, welcomed: table(&mut fields)? })
    }
}

/// The child's word that it is initialized.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ready {
    /// The message types it handles.
    pub welcomed: Vec<Welcomed>,
}

impl Ready {
    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_table(&mut out, &self.welcomed);
        out
    }

    /// The ready in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        Ok(Self { welcomed: table(&mut Fields::new("Ready", payload))? })
    }
}

/// Causes beyond these are left out, so that the frame fits any `max_message`.
const MAX_CAUSES: usize = 6;

/// The child's word that its initialization failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitFailed {
    /// Why.
    pub fault: Fault,
}

impl InitFailed {
    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put_text(&mut out, self.fault.message());
        let causes = self.fault.causes();
        out.extend_from_slice(&(causes.len().min(MAX_CAUSES) as u16).to_le_bytes());
        causes.take(MAX_CAUSES).for_each(|cause| put_text(&mut out, cause));
        out
    }

    /// The failure in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("InitFailed", payload);
        let message = fields.text("message")?.to_owned();
        let count = fields.u16("causes")?;
        let mut causes = Vec::new();
        for _ in 0..count {
            causes.push(fields.text("cause")?.to_owned());
        }
        Ok(Self { fault: Fault::with_causes(message, causes) })
    }
}

fn put_version(out: &mut Vec<u8>, version: Version) {
    out.extend_from_slice(&version.major().to_le_bytes());
    out.extend_from_slice(&version.minor().to_le_bytes());
}

fn version(fields: &mut Fields<'_>) -> Result<Version, WireError> {
    Ok(Version::new(fields.u16("major version")?, fields.u16("minor version")?))
}

fn put_limits(out: &mut Vec<u8>, limits: &Limits) {
    out.extend_from_slice(&limits.max_message.to_le_bytes());
    out.extend_from_slice(&limits.max_in_flight.to_le_bytes());
    out.extend_from_slice(&limits.window.to_le_bytes());
    out.extend_from_slice(&limits.window_bytes.to_le_bytes());
    out.extend_from_slice(&limits.items.to_le_bytes());
    out.extend_from_slice(&limits.item_bytes.to_le_bytes());
    out.extend_from_slice(&limits.blob_bytes.to_le_bytes());
}

fn limits(fields: &mut Fields<'_>) -> Result<Limits, WireError> {
    let limits = Limits {
        max_message: fields.u32("max_message")?,
        max_in_flight: fields.u32("max_in_flight")?,
        window: fields.u32("window")?,
        window_bytes: fields.u64("window_bytes")?,
        items: fields.u32("items")?,
        item_bytes: fields.u64("item_bytes")?,
        blob_bytes: fields.u64("blob_bytes")?,
        // Not told, since nobody but its owner can keep to it.
        ..Limits::DEFAULT
    };
    limits.check().map_err(|error| fields.invalid("limits", error))?;
    Ok(limits)
}

#[cfg(test)]
mod tests;
