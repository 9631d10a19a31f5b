//! The first words over a port: both ends say the same, each about itself, and each compares.

use thiserror::Error;

use super::{Welcomed, limits, put_limits, put_table, put_version, table, version};
use crate::codec::Codec;
use crate::limits::Limits;
use crate::message::{Direction, Protocol, Way};
use crate::version::Version;
use crate::wire::{Fields, WireError, put_text};

/// The first frame of each end of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// The version of its protocol.
    pub version: Version,
    /// What it accepts.
    pub limits: Limits,
    /// Which messages of the protocol it sends.
    pub sends: Way,
    /// The name of its protocol.
    pub protocol: String,
    /// The name of its codec.
    pub codec: String,
    /// The message types it handles.
    pub welcomed: Vec<Welcomed>,
}

impl Greeting {
    /// The greeting of an end that sends messages declared `D`.
    #[must_use]
    pub fn of<D: Direction>(limits: Limits, welcomed: Vec<Welcomed>) -> Self {
        let protocol = <D::Protocol as Protocol>::NAME.to_owned();
        let codec = <D::Protocol as Protocol>::Codec::NAME.to_owned();
        Self { version: <D::Protocol as Protocol>::VERSION, limits, sends: D::WAY, protocol, codec, welcomed }
    }

    /// Its payload.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        put_version(&mut out, self.version);
        put_limits(&mut out, &self.limits);
        out.push(self.sends as u8);
        put_text(&mut out, &self.protocol);
        put_text(&mut out, &self.codec);
        put_table(&mut out, &self.welcomed);
        out
    }

    /// The greeting in a payload. What follows its last field is left to later versions.
    ///
    /// # Errors
    /// [`WireError`] if the payload is none.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let mut fields = Fields::new("Greeting", payload);
        let version = version(&mut fields)?;
        let limits = limits(&mut fields)?;
        let sends = match fields.u8("sends")? {
            1 => Way::Down,
            2 => Way::Up,
            other => return Err(fields.invalid("sends", other)),
        };
        let protocol = fields.text("protocol")?.to_owned();
        let codec = fields.text("codec")?.to_owned();
        Ok(Self { version, limits, sends, protocol, codec, welcomed: table(&mut fields)? })
    }

    /// Compares the other end's greeting with this one.
    ///
    /// # Errors
    /// [`PortMismatch`] with both ends' data.
    pub fn check(&self, theirs: &Self) -> Result<(), PortMismatch> {
        let protocol = || self.protocol.clone();
        if theirs.protocol != self.protocol {
            Err(PortMismatch::Protocol { ours: protocol(), theirs: theirs.protocol.clone() })
        } else if !self.version.accepts(theirs.version) {
            Err(PortMismatch::Version { protocol: protocol(), ours: self.version, theirs: theirs.version })
        } else if theirs.codec != self.codec {
            let (ours, theirs) = (self.codec.clone(), theirs.codec.clone());
            Err(PortMismatch::Codec { protocol: protocol(), ours, theirs })
        } else if theirs.sends == self.sends {
            Err(PortMismatch::SameEnd { protocol: protocol(), sends: self.sends })
        } else {
            Ok(())
        }
    }
}

/// Why the two ends of a port do not go together: each finds it out for itself.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PortMismatch {
    /// Different protocols.
    #[error("this end of the port speaks protocol `{ours}`, the other one `{theirs}`: open both ends of one pair")]
    Protocol {
        /// What this end speaks.
        ours: String,
        /// What the other one speaks.
        theirs: String,
    },
    /// Versions that do not go together.
    #[error(
        "this end of the port speaks `{protocol}` {ours}, the other one {theirs}: build both programs from one protocol crate"
    )]
    Version {
        /// The protocol.
        protocol: String,
        /// This end's version.
        ours: Version,
        /// The other one's version.
        theirs: Version,
    },
    /// Different codecs.
    #[error(
        "this end of the port encodes `{protocol}` with `{ours}`, the other one with `{theirs}`: build both programs from one protocol crate"
    )]
    Codec {
        /// The protocol.
        protocol: String,
        /// This end's codec.
        ours: String,
        /// The other one's codec.
        theirs: String,
    },
    /// Both ends send the same messages, and neither handles any.
    #[error("both ends of the port send what `{protocol}` declares {sends}: open both ends of one pair")]
    SameEnd {
        /// The protocol.
        protocol: String,
        /// What both send.
        sends: Way,
    },
}
