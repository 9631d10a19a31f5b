//! A child that sends frames by hand, most of them wrong.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;

use kinfolk_protocol::{CallId, Flags, Header, Kind, WHOLE};

use crate::frames::{control, hello, link, of_call, read_until, ready, welcome};
use crate::random::Random;

const KINDS: [Kind; 10] = [
    Kind::Hello,
    Kind::Ready,
    Kind::Message,
    Kind::Call,
    Kind::Reply,
    Kind::Item,
    Kind::Credit,
    Kind::Chunk,
    Kind::Started,
    Kind::Region,
];

/// Its first argument is what it draws from.
pub(crate) fn play() -> io::Result<ExitCode> {
    let seed = std::env::args().nth(1).and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (mut random, mut link) = (Random::new(seed, 0), link()?);
    // A parent that has had enough closes the link.
    let _ = speak(&mut random, &mut link);
    if random.one_in(2) {
        return Ok(ExitCode::SUCCESS);
    }
    loop {
        thread::park();
    }
}

fn speak(random: &mut Random, link: &mut UnixStream) -> io::Result<()> {
    let stage = random.below(4);
    if stage > 0 {
        link.write_all(&hello())?;
        welcome(link)?;
    }
    if stage > 1 {
        link.write_all(&ready())?;
    }
    let call = if stage > 2 { read_until(link, Kind::Call)?.call } else { CallId::from_bits(random.next()) };
    for _ in 0..=random.below(8) {
        link.write_all(&utterance(random, call))?;
    }
    Ok(())
}

/// Something that a child may not say, or not here, or not so.
fn utterance(random: &mut Random, call: CallId) -> Vec<u8> {
    match random.below(7) {
        0 => noise(random, 4_096),
        1 => replayed(random, call),
        2 => truncated(random, valid(random.clone(), call)),
        3 => oversized(random, call),
        4 => flipped(random, valid(random.clone(), call)),
        5 => long(random, call),
        _ => any_header(random, call),
    }
}

fn noise(random: &mut Random, most: u64) -> Vec<u8> {
    (0..random.below(most)).map(|_| random.next() as u8).collect()
}

/// A frame as a child of kinfolk's might send it.
fn valid(mut random: Random, call: CallId) -> Vec<u8> {
    match random.below(4) {
        0 => hello(),
        1 => ready(),
        2 => of_call(Kind::Started, call, b""),
        _ => of_call(Kind::Reply, call, &[100]),
    }
}

fn replayed(random: &mut Random, call: CallId) -> Vec<u8> {
    let times = 2 + random.below(50) as usize;
    valid(random.clone(), call).repeat(times)
}

fn truncated(random: &mut Random, mut frame: Vec<u8>) -> Vec<u8> {
    frame.truncate(random.below(frame.len() as u64) as usize);
    frame
}

fn flipped(random: &mut Random, mut frame: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let bit = random.below(frame.len() as u64 * 8) as usize;
        if let Some(byte) = frame.get_mut(bit / 8) {
            *byte ^= 1 << (bit % 8);
        }
    }
    frame
}

/// A header that announces far more than comes.
fn oversized(random: &mut Random, call: CallId) -> Vec<u8> {
    let length = match random.below(3) {
        0 => u32::MAX,
        1 => 1 << 30,
        _ => (1 << 20) + 1,
    };
    let kind = *random.pick(&KINDS).unwrap_or(&Kind::Reply);
    [Header::of_call(kind, call, length).encode().to_vec(), noise(random, 64)].concat()
}

/// Long payloads, announced and begun, within their bounds or beyond.
fn long(random: &mut Random, call: CallId) -> Vec<u8> {
    let mut bytes = Vec::new();
    for number in 1..=1 + random.below(18) {
        let length = WHOLE + random.below(2 << 20) as u32;
        let header = Header { flags: Flags::LONG, ..Header::of_call(Kind::Reply, call, length) };
        let chunk = random.below(u64::from(WHOLE)) as usize;
        bytes.extend(
            [header.encode().to_vec(), of_call(Kind::Chunk, CallId::from_bits(number), &vec![1; chunk])].concat(),
        );
    }
    bytes
}

fn any_header(random: &mut Random, call: CallId) -> Vec<u8> {
    let kind = *random.pick(&KINDS).unwrap_or(&Kind::Reply);
    let payload = noise(random, 256);
    let call = if random.one_in(2) { call } else { CallId::from_bits(random.next()) };
    if random.one_in(2) { of_call(kind, call, &payload) } else { control(kind, &payload) }
}
