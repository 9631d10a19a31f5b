//! A child that speaks bytes, and not the right ones. Its first argument says what it does wrong.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use kinfolk_protocol::{
    CallId, HEADER_LEN, Header, Hello, Kind, Limits, MessageId, PREAMBLE, PREAMBLE_LEN, Ready, Token, Welcomed,
};
use kinfolk_tests::Drill;

fn main() -> io::Result<()> {
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let fault = std::env::args().nth(1).unwrap_or_default();
    match fault.as_str() {
        "exit" => return Ok(()),
        "garbage" => link.write_all(&[0xa5; 4_096])?,
        "http" => link.write_all(b"GET / HTTP/1.1\r\n\r\n")?,
        "later-frames" => link.write_all(b"kinfolk\x09")?,
        "half-hello" => return link.write_all(&hello()[..20]),
        "hello-exit" => return link.write_all(&hello()),
        "close-at-once" => link.shutdown(std::net::Shutdown::Both)?,
        "ready-first" => link.write_all(&[PREAMBLE.to_vec(), frame(Kind::Ready, b"\0\0\0\0")].concat())?,
        "bad-hello" => link.write_all(&[PREAMBLE.to_vec(), frame(Kind::Hello, b"short")].concat())?,
        _ => return misbehave_later(link, &fault),
    }
    sleep_for_ever()
}

/// What is done wrong after a proper handshake.
fn misbehave_later(mut link: UnixStream, fault: &str) -> io::Result<()> {
    link.write_all(&hello())?;
    link.read_exact(&mut [0; PREAMBLE_LEN])?;
    read_frame(&mut link)?;
    if fault == "half-ready" {
        return link.write_all(&ready()[..HEADER_LEN + 3]);
    }
    link.write_all(&ready())?;
    match fault {
        "never-read" => sleep_for_ever(),
        "flood" => flood(link),
        "late-answers" => answer_for_ever(link),
        "garbage-later" => link.write_all(&[0xff; 64])?,
        "oversize" => link.write_all(&Header::control(Kind::Message, u32::MAX).encode())?,
        "unknown-call" => link.write_all(&answer(CallId::from_bits(77), b"x"))?,
        "credit" => link.write_all(&frame(Kind::Credit, &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))?,
        "ready-twice" => link.write_all(&ready())?,
        "drain-parent" => link.write_all(&frame(Kind::Drain, b""))?,
        "close-live" => {
            link.shutdown(std::net::Shutdown::Both)?;
            drop(link);
        }
        _ => return misanswer(link, fault),
    }
    sleep_for_ever()
}

/// What is done wrong with the first call.
fn misanswer(mut link: UnixStream, fault: &str) -> io::Result<()> {
    let call = read_frame(&mut link)?.call;
    match fault {
        "half-reply" => link.write_all(&answer(call, &[1; 100])[..HEADER_LEN + 50]),
        "wrong-reply" => {
            link.write_all(&answer(call, b"much too long for a number"))?;
            sleep_for_ever()
        }
        "two-replies" => {
            link.write_all(&[answer(call, &[1]), answer(call, &[2])].concat())?;
            let second = read_frame(&mut link)?.call;
            link.write_all(&answer(second, &[3]))?;
            sleep_for_ever()
        }
        _ => Err(io::Error::other("no such fault")),
    }
}

/// One-way messages without end, and without regard to credit.
fn flood(mut link: UnixStream) -> ! {
    let id = MessageId::of("Tick");
    let message = Header { message: id, ..Header::control(Kind::Message, 1) };
    let bytes = [message.encode().as_slice(), &[0]].concat();
    while link.write_all(&bytes).is_ok() {}
    sleep_for_ever()
}

/// The first call is answered without end.
fn answer_for_ever(mut link: UnixStream) -> ! {
    if let Ok(header) = read_frame(&mut link) {
        let bytes = answer(header.call, &[1]).repeat(100);
        while link.write_all(&bytes).is_ok() {}
    }
    sleep_for_ever()
}

fn sleep_for_ever() -> ! {
    loop {
        thread::park();
    }
}

fn hello() -> Vec<u8> {
    let hello = Hello::of::<Drill>(std::process::id(), Token::NONE, Limits::default());
    [PREAMBLE.to_vec(), frame(Kind::Hello, &hello.encode())].concat()
}

fn ready() -> Vec<u8> {
    let welcomed = ["Echo", "Count", "Slow"].map(|name| Welcomed {
        message: MessageId::of(name),
        fingerprint: 0,
        shape: String::new(),
    });
    frame(Kind::Ready, &Ready { welcomed: welcomed.to_vec() }.encode())
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&Header::control(kind, payload.len() as u32).encode(), payload].concat()
}

fn answer(call: CallId, payload: &[u8]) -> Vec<u8> {
    let header = Header::of_call(Kind::Reply, call, payload.len() as u32);
    [&header.encode(), payload].concat()
}

fn read_frame(link: &mut UnixStream) -> io::Result<Header> {
    let mut head = [0; HEADER_LEN];
    link.read_exact(&mut head)?;
    let header = Header::decode(&head, u32::MAX).map_err(io::Error::other)?;
    link.read_exact(&mut vec![0; header.length as usize])?;
    Ok(header)
}
