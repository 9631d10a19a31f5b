//! A child that speaks bytes, and not the right ones. Its first argument says what it does wrong.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::thread;

use kinfolk_protocol::{
    CallId, Fault, Flags, HEADER_LEN, Header, Hello, InitFailed, Kind, Limits, MessageId, PREAMBLE, PREAMBLE_LEN,
    Protocol, Ready, Token, WHOLE, Welcomed,
};
use kinfolk_tests::{Drill, LaterDrill};

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
        "refused-and-ready" => link.write_all(&[hello_of::<LaterDrill>(), ready()].concat())?,
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
    if fault == "failed-and-ready" {
        link.write_all(&[init_failed(), ready()].concat())?;
        sleep_for_ever()
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
        _ => match breach(fault) {
            Some(bytes) => link.write_all(&bytes)?,
            None => return misanswer(link, fault),
        },
    }
    sleep_for_ever()
}

/// Bytes that no child may send.
fn breach(fault: &str) -> Option<Vec<u8>> {
    let chunk = |number, length: u32| {
        [&Header::of_call(Kind::Chunk, CallId::from_bits(number), length).encode(), vec![0; length as usize].as_slice()]
            .concat()
    };
    let call = |slot: u32, flags, payload: &[u8]| {
        let id = call_id(slot, 1);
        let header =
            Header { flags, message: MessageId::of("Ask"), ..Header::of_call(Kind::Call, id, payload.len() as u32) };
        [&header.encode(), payload].concat()
    };
    Some(match fault {
        "unknown-item" => of_call(Kind::Item, CallId::from_bits(77), b"x"),
        "unknown-chunk" => chunk(5, 10),
        "chunk-beyond" => [long(Kind::Message, WHOLE + 10), chunk(1, WHOLE), chunk(1, 11)].concat(),
        "chunk-after-end" => [long(Kind::Item, 10), chunk(1, 9), chunk(1, 2)].concat(),
        "abandoned-with-bytes" => {
            let flags = Flags::ABANDONED;
            let chunk = Header { flags, ..Header::of_call(Kind::Chunk, CallId::from_bits(1), 1) };
            [long(Kind::Message, WHOLE + 10), chunk.encode().to_vec(), vec![0]].concat()
        }
        "many-long" => long(Kind::Message, WHOLE + 1).repeat(17),
        "long-credit" => long(Kind::Credit, WHOLE + 1),
        "long-oversize" => long(Kind::Message, u32::MAX),
        "not-cut" => Header::control(Kind::Message, WHOLE + 1).encode().to_vec(),
        "call-beyond" => call(1_024, Flags::NONE, b"x"),
        "call-twice" => call(3, Flags::NONE, b"x").repeat(2),
        "definition-twice" => frame(Kind::Definition, &[0; 10]).repeat(2),
        "bad-context" => call(3, Flags::CONTEXT, b"\xff\xffx"),
        "item-credit" => [call(3, Flags::NONE, b"x"), of_call(Kind::Credit, call_id(3, 1), &[9; 12])].concat(),
        _ => return None,
    })
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
        "items-without-credit" => {
            link.write_all(&of_call(Kind::Item, call, b"x").repeat(65))?;
            sleep_for_ever()
        }
        "meaningless" => meaningless(&mut link, call),
        "empty-chunks" => empty_chunks(link),
        _ => Err(io::Error::other("no such fault")),
    }
}

/// What is about no call, or about one that is over, means nothing; then the calls behind are answered.
fn meaningless(link: &mut UnixStream, call: CallId) -> io::Result<()> {
    let unknown = call_id(500, 9);
    let over = [call, unknown]
        .map(|call| [Kind::Started, Kind::Stopped, Kind::Cancel].map(|kind| of_call(kind, call, b"")).concat());
    let credit = of_call(Kind::Credit, unknown, &[9; 12]);
    let late = of_call(Kind::Item, call, b"late").repeat(200);
    link.write_all(&[over[1].as_slice(), &credit, &answer(call, &[1]), &over[0], &late].concat())?;
    loop {
        let header = read_frame(link)?;
        if header.kind == Kind::Call {
            link.write_all(&answer(header.call, &[3]))?;
        }
    }
}

/// A long payload that never gets any further.
fn empty_chunks(mut link: UnixStream) -> ! {
    let chunk = Header::of_call(Kind::Chunk, CallId::from_bits(1), 0).encode().repeat(1_000);
    let _ = link.write_all(&long(Kind::Message, WHOLE + 1));
    while link.write_all(&chunk).is_ok() {}
    sleep_for_ever()
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
    hello_of::<Drill>()
}

fn init_failed() -> Vec<u8> {
    frame(Kind::InitFailed, &InitFailed { fault: Fault::new("it was to fail") }.encode())
}

fn hello_of<P: Protocol>() -> Vec<u8> {
    let hello = Hello::of::<P>(std::process::id(), Token::NONE, Limits::default());
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
    of_call(Kind::Reply, call, payload)
}

fn of_call(kind: Kind, call: CallId, payload: &[u8]) -> Vec<u8> {
    [&Header::of_call(kind, call, payload.len() as u32).encode(), payload].concat()
}

fn call_id(slot: u32, generation: u32) -> CallId {
    CallId::from_bits(u64::from(slot) | u64::from(generation) << 32)
}

/// The announcement of a long payload.
fn long(kind: Kind, length: u32) -> Vec<u8> {
    Header { flags: Flags::LONG, message: MessageId::of("Tick"), ..Header::control(kind, length) }.encode().to_vec()
}

fn read_frame(link: &mut UnixStream) -> io::Result<Header> {
    let mut head = [0; HEADER_LEN];
    link.read_exact(&mut head)?;
    let header = Header::decode(&head, u32::MAX).map_err(io::Error::other)?;
    link.read_exact(&mut vec![0; header.length as usize])?;
    Ok(header)
}
