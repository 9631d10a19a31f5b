//! Opening one end of a port: both ends say the same at once, within a bound, and each compares.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_protocol::{Greeting, Header, Kind, LimitsError, PREAMBLE, PortMismatch};
use thiserror::Error;
use tokio::time::timeout;

use crate::error::{LinkError, Misbehaviour};
use crate::reader::Reader;
use crate::sys::Socket;
use crate::transport::Transport;

/// Why one end of a port could not be opened. The link is over: the other end learns that this one is gone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Nothing could be received within the limits.
    #[error("the limits of the port leave no room")]
    Limits(#[source] LimitsError),
    /// The port's socket cannot be used, or fails.
    #[error("the port's socket cannot be used")]
    Socket(#[source] io::Error),
    /// The other end was closed before it was opened: nobody took it, or whoever had it is gone.
    #[error("the other end of the port was closed before it was opened")]
    Gone,
    /// Nobody opened the other end in time.
    #[error("nobody opened the other end of the port within {after:?}")]
    Silent {
        /// How long was waited.
        after: Duration,
    },
    /// The two ends do not go together. The other one finds the same.
    #[error(transparent)]
    Mismatch(PortMismatch),
    /// What is at the other end is no port, or does not keep to the protocol.
    #[error("what is at the other end of the port cannot be talked to: {0}")]
    Misbehaved(Misbehaviour),
}

impl From<LinkError> for OpenError {
    fn from(error: LinkError) -> Self {
        match error {
            LinkError::Misbehaved(misbehaviour) => Self::Misbehaved(misbehaviour),
            LinkError::Truncated { .. } => Self::Gone,
            LinkError::Io(error) => Self::Socket(error),
        }
    }
}

/// A link past its handshake.
pub(super) struct Opened {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) reader: Reader,
    pub(super) theirs: Greeting,
}

/// Shakes hands over `stream`, for at most `limit`.
pub(super) async fn open(stream: UnixStream, ours: &Greeting, limit: Duration) -> Result<Opened, OpenError> {
    ours.limits.check().map_err(OpenError::Limits)?;
    let transport: Arc<dyn Transport> = Arc::new(Socket::new(stream.into()).map_err(OpenError::Socket)?);
    let mut reader = Reader::new(Arc::clone(&transport), ours.limits.max_message);
    // At once, because neither end need have room for all that the other one says. What is heard tells more than why
    // nothing can be said.
    let greeting = async { tokio::try_join!(hear(&mut reader), async { Ok(say(&*transport, ours).await) }) };
    let (theirs, said) = timeout(limit, greeting).await.map_err(|_| OpenError::Silent { after: limit })??;
    ours.check(&theirs).map_err(OpenError::Mismatch)?;
    said.map_err(|_| OpenError::Gone)?;
    Ok(Opened { transport, reader, theirs })
}

async fn say(transport: &dyn Transport, ours: &Greeting) -> io::Result<()> {
    let payload = ours.encode();
    let header = Header::control(Kind::Greeting, payload.len() as u32).encode();
    let words = [PREAMBLE.as_slice(), &header, &payload].concat();
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        match transport.try_write(&[IoSlice::new(rest)], &[]) {
            Ok(count) => rest = &rest[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_fn(|cx| transport.poll_write_ready(cx)).await?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    transport.write_done();
    Ok(())
}

async fn hear(reader: &mut Reader) -> Result<Greeting, OpenError> {
    if !reader.preamble().await? {
        return Err(OpenError::Gone);
    }
    let frame = reader.next().await?.ok_or(OpenError::Gone)?;
    match frame.header.kind {
        Kind::Greeting => Greeting::decode(&frame.payload).map_err(|error| OpenError::Misbehaved(error.into())),
        kind => Err(OpenError::Misbehaved(Misbehaviour::OutOfPlace { kind, when: "before its greeting" })),
    }
}
