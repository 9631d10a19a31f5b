//! A child that comes to grief within a frame: it speaks by hand.

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::thread;

use kinfolk_protocol::{HEADER_LEN, Kind};

use crate::fault::{self, Fault, Stage};
use crate::frames::{hello, link, of_call, read, read_header, read_until, ready, welcome};

/// True for the stages at which a child of kinfolk's own cannot be caught.
pub(crate) fn plays(stage: Stage) -> bool {
    use Stage::{AfterReply, BeforeHello, Drain, HalfHello, HalfReply, HalfRequest};
    matches!(stage, BeforeHello | HalfHello | HalfRequest | HalfReply | AfterReply | Drain)
}

/// Its argument.
pub(crate) fn word(stage: Stage, fault: Fault) -> String {
    format!("{stage:?}:{fault:?}")
}

/// Its first argument says when and what.
pub(crate) fn play() -> io::Result<ExitCode> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let all = Stage::ALL.iter().flat_map(|stage| Fault::ALL.map(|fault| (*stage, fault)));
    let found = all.into_iter().find(|(stage, fault)| word(*stage, *fault) == wanted);
    let (stage, fault) = found.ok_or_else(|| io::Error::other("no such fault"))?;
    fault::prepare()?;
    come_to(stage)?;
    fault::raise(fault);
    loop {
        thread::park();
    }
}

/// Does everything that comes before.
fn come_to(stage: Stage) -> io::Result<()> {
    let mut link = link()?;
    if stage == Stage::BeforeHello {
        return Ok(());
    }
    if stage == Stage::HalfHello {
        return link.write_all(&hello()[..20]);
    }
    link.write_all(&hello())?;
    welcome(&mut link)?;
    link.write_all(&ready())?;
    if stage == Stage::Drain {
        return read_until(&mut link, Kind::Drain).map(drop);
    }
    let header = read_header(&mut link)?;
    if stage == Stage::HalfRequest {
        return link.read_exact(&mut vec![0; header.length as usize / 2]);
    }
    link.read_exact(&mut vec![0; header.length as usize])?;
    link.write_all(&of_call(Kind::Started, header.call, b""))?;
    // A reply of the codec's: a number below 251 is a byte.
    let reply = of_call(Kind::Reply, header.call, &[200]);
    if stage == Stage::HalfReply {
        return link.write_all(&reply[..HEADER_LEN / 2]);
    }
    link.write_all(&reply)?;
    if stage == Stage::AfterReply {
        return Ok(());
    }
    read(&mut link).map(drop)
}
