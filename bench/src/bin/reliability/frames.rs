//! A child's side of the link by hand, for what a child of kinfolk's would never do.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use kinfolk::{Limits, Message, MessageId};
use kinfolk_protocol::{CallId, HEADER_LEN, Header, Hello, Kind, PREAMBLE, PREAMBLE_LEN, Ready, Token, Welcomed};

use crate::toil::{Carry, Dose, Toil};

/// The link, which is descriptor 0.
pub(crate) fn link() -> io::Result<UnixStream> {
    Ok(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))
}

pub(crate) fn hello() -> Vec<u8> {
    let hello = Hello::of::<Toil>(std::process::id(), Token::NONE, Limits::default());
    [PREAMBLE.to_vec(), control(Kind::Hello, &hello.encode())].concat()
}

/// What the parent says to a hello.
pub(crate) fn welcome(link: &mut UnixStream) -> io::Result<()> {
    link.read_exact(&mut [0; PREAMBLE_LEN])?;
    read(link).map(drop)
}

/// Ready for calls of these two types.
pub(crate) fn ready() -> Vec<u8> {
    let welcomed = [Carry::NAME, Dose::NAME].map(|name| Welcomed {
        message: MessageId::of(name),
        fingerprint: 0,
        shape: String::new(),
    });
    control(Kind::Ready, &Ready { welcomed: welcomed.to_vec() }.encode())
}

pub(crate) fn control(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&Header::control(kind, payload.len() as u32).encode(), payload].concat()
}

pub(crate) fn of_call(kind: Kind, call: CallId, payload: &[u8]) -> Vec<u8> {
    [&Header::of_call(kind, call, payload.len() as u32).encode(), payload].concat()
}

/// A frame's header; its payload is dropped.
pub(crate) fn read(link: &mut UnixStream) -> io::Result<Header> {
    let header = read_header(link)?;
    link.read_exact(&mut vec![0; header.length as usize])?;
    Ok(header)
}

pub(crate) fn read_header(link: &mut UnixStream) -> io::Result<Header> {
    let mut head = [0; HEADER_LEN];
    link.read_exact(&mut head)?;
    Header::decode(&head, u32::MAX).map_err(io::Error::other)
}

/// The first frame of this kind; those before it are dropped.
pub(crate) fn read_until(link: &mut UnixStream, kind: Kind) -> io::Result<Header> {
    loop {
        let header = read(link)?;
        if header.kind == kind {
            return Ok(header);
        }
    }
}
