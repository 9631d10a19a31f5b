//! Open files and sockets inside a message.

use std::fmt;
use std::fs::File;
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::{Arrival, Blob, scope};

/// What a received descriptor is one of, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Nature {
    /// A file, a directory, a pipe, a terminal, a device: anything but a socket.
    File,
    /// A TCP socket that does not listen.
    TcpStream,
    /// A TCP socket that listens.
    TcpListener,
    /// A UDP socket.
    UdpSocket,
    /// A Unix stream socket that does not listen.
    UnixStream,
    /// A Unix stream socket that listens.
    UnixListener,
    /// A Unix datagram socket.
    UnixDatagram,
    /// Another socket.
    OtherSocket,
}

impl fmt::Display for Nature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::TcpStream => "TCP stream",
            Self::TcpListener => "TCP listener",
            Self::UdpSocket => "UDP socket",
            Self::UnixStream => "Unix stream",
            Self::UnixListener => "Unix listener",
            Self::UnixDatagram => "Unix datagram socket",
            Self::OtherSocket => "socket of another kind",
        })
    }
}

/// A type that stands for one descriptor, and so can travel in a [`Handle`].
///
/// Implement it for types of your own that wrap one.
pub trait Transfer: Sized {
    /// What it is called in error messages and in the shape of messages, the same in all programs.
    const NAME: &'static str;

    /// True if a descriptor of this nature may become one: others are refused before [`receive`](Self::receive) sees
    /// them, since the sender may be another program than you think.
    fn accepts(nature: Nature) -> bool;

    /// The descriptor. A duplicate of it travels, so that a message that could not be sent is still whole.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// The type again, in the process that received it.
    ///
    /// # Errors
    /// The descriptor is not fit for it.
    fn receive(descriptor: OwnedFd) -> io::Result<Self>;
}

macro_rules! transfer {
    ($($natures:pat => $type:ty;)*) => {$(
        impl Transfer for $type {
            const NAME: &'static str = stringify!($type);

            fn accepts(nature: Nature) -> bool {
                matches!(nature, $natures)
            }

            fn descriptor(&self) -> BorrowedFd<'_> {
                self.as_fd()
            }

            fn receive(descriptor: OwnedFd) -> io::Result<Self> {
                Ok(Self::from(descriptor))
            }
        }
    )*};
}

// A socket arrives in the mode in which it was sent, blocking or not: that is one with the sender's.
transfer! {
    _ => OwnedFd;
    Nature::File => File;
    Nature::TcpStream => TcpStream;
    Nature::TcpListener => TcpListener;
    Nature::UdpSocket => UdpSocket;
    Nature::UnixStream => UnixStream;
    Nature::UnixListener => UnixListener;
    Nature::UnixDatagram => UnixDatagram;
}

/// An open file or socket inside a message, at any place in it.
///
/// The receiver gets a descriptor of its own for the same file or socket: it stays open until every duplicate is
/// closed. A message takes at most [`MAX_ATTACHMENTS`](super::MAX_ATTACHMENTS) handles and large blobs along. A handle
/// travels over links that carry descriptors, which are all but those in memory; elsewhere, and outside kinfolk's
/// messages, it cannot be serialized.
///
/// Besides the types of `std` there are tokio's, with the feature `tokio`, which `parent` and `child` switch on. A
/// socket of tokio's must be decoded in a runtime: outside of one that is an error, and in one without its I/O driver
/// tokio panics.
///
/// ```
/// # use kinfolk_protocol::Handle;
/// use serde::{Deserialize, Serialize};
/// use std::net::TcpStream;
///
/// /// A connection somebody else is to serve, with what was read of it already.
/// #[derive(Serialize, Deserialize)]
/// struct Serve {
///     connection: Handle<TcpStream>,
/// }
/// # fn hand_over(connection: TcpStream, head: Vec<u8>) -> Serve {
/// Serve { connection: Handle::new(connection).with_unread(head) }
/// # }
/// ```
pub struct Handle<T> {
    inner: T,
    unread: Blob,
}

impl<T> Handle<T> {
    /// Wraps a file or a socket.
    pub const fn new(inner: T) -> Self {
        Self { inner, unread: Blob::from_static(&[]) }
    }

    /// Has bytes travel along that were read from it and are not dealt with: the receiver is to read them first.
    #[must_use]
    pub fn with_unread(mut self, unread: impl Into<Blob>) -> Self {
        self.unread = unread.into();
        self
    }

    /// What is to be read before anything else.
    pub const fn unread(&self) -> &Blob {
        &self.unread
    }

    /// The file or socket. What came as [`unread`](Self::unread) is dropped: see
    /// [`into_parts`](Self::into_parts).
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// The file or socket, and what is to be read before anything else. For a tokio stream,
    /// `std::io::Cursor::new(unread).chain(stream)` reads both.
    pub fn into_parts(self) -> (T, Blob) {
        (self.inner, self.unread)
    }
}

impl<T> From<T> for Handle<T> {
    fn from(inner: T) -> Self {
        Self::new(inner)
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> DerefMut for Handle<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.inner
    }
}

impl<T: fmt::Debug> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").field("inner", &self.inner).field("unread", &self.unread.len()).finish()
    }
}

impl<T: Transfer> Serialize for Handle<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let duplicate = || self.inner.descriptor().try_clone_to_owned();
        match scope::put_descriptor(duplicate) {
            Some(Ok(index)) => (index, &self.unread).serialize(serializer),
            Some(Err(reason)) => Err(scope::cannot_pack(format!("a handle cannot travel: {reason}"))),
            None => Err(scope::cannot_pack("a handle can travel in a message of a link only".to_owned())),
        }
    }
}

impl<'de, T: Transfer> Deserialize<'de> for Handle<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (index, unread) = <(u16, Blob)>::deserialize(deserializer)?;
        let inner = received(index).map_err(scope::cannot_unpack)?;
        Ok(Self { inner, unread })
    }
}

fn received<T: Transfer>(index: u16) -> Result<T, String> {
    match scope::take(index)? {
        Arrival::Descriptor(_, nature) if !T::accepts(nature) => {
            Err(format!("attachment {index} is a {nature}, in place of a `{}`", T::NAME))
        }
        Arrival::Descriptor(descriptor, _) => {
            T::receive(descriptor).map_err(|error| format!("attachment {index} cannot be used: {error}"))
        }
        Arrival::Data(_) | Arrival::Lent(_) => Err(format!("attachment {index} is a blob, in place of a handle")),
        Arrival::Lost(reason) => Err(format!("attachment {index} was lost: {reason}")),
    }
}
