//! A child that says it answers its bell, and never does: its process waits, and is not stopped, as one in a frozen
//! cgroup.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::thread;

use kinfolk_protocol::{
    Entry, HEADER_LEN, Header, Hello, Kind, Limits, MessageId, PREAMBLE, PREAMBLE_LEN, Ready, Table, Token, Welcomed,
};
use kinfolk_tests::Drill;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

fn main() -> io::Result<()> {
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let hello = Hello::of::<Drill>(std::process::id(), Token::NONE, Limits::default()).encode();
    link.write_all(&[PREAMBLE.to_vec(), frame(Kind::Hello, &hello)].concat())?;
    let (_bell, board) = bell_and_board(&link)?;
    // It has opened its board, and beaten once: both by writing to the memory, as `docs/wire.md` lays it out.
    board.write_all_at(b"kinbord2\x01\0\0\0\0\0\0\0", 8)?;
    let echo = Welcomed { message: MessageId::of("Echo"), fingerprint: 0, shape: String::new() };
    link.write_all(&frame(Kind::Ready, &Ready { welcomed: vec![echo] }.encode()))?;
    loop {
        thread::park();
    }
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&Header::control(kind, payload.len() as u32).encode(), payload].concat()
}

/// What comes with the init value.
fn bell_and_board(link: &UnixStream) -> io::Result<(OwnedFd, File)> {
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    receive(link, PREAMBLE_LEN + HEADER_LEN, &mut bytes, &mut descriptors)?;
    let header: [u8; HEADER_LEN] = bytes[PREAMBLE_LEN..].try_into().map_err(io::Error::other)?;
    let header = Header::decode(&header, Limits::default().max_message).map_err(io::Error::other)?;
    let whole = bytes.len() + header.length as usize;
    receive(link, whole, &mut bytes, &mut descriptors)?;
    let table = Table::decode(&bytes[PREAMBLE_LEN + HEADER_LEN..], header.attachments).map_err(io::Error::other)?;
    assert_eq!(table.entries, [Entry::Board, Entry::Bell], "what it is given besides an init value without handles");
    let mut descriptors = descriptors.into_iter();
    match (descriptors.next(), descriptors.next()) {
        (Some(board), Some(bell)) => Ok((bell, board.into())),
        _ => Err(io::Error::other("a descriptor is missing")),
    }
}

fn receive(link: &UnixStream, length: usize, bytes: &mut Vec<u8>, descriptors: &mut Vec<OwnedFd>) -> io::Result<()> {
    while bytes.len() < length {
        let mut part = vec![0; length - bytes.len()];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(link, &mut [IoSliceMut::new(&mut part)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
        if got.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&part[..got.bytes]);
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                descriptors.extend(passed);
            }
        }
    }
    Ok(())
}
