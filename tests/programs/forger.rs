//! A child that forges blobs and handles by hand. Its first argument says how.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::thread;

use kinfolk_protocol::{
    CallId, Entry, Flags, HEADER_LEN, Header, Hello, Kind, Limits, MessageId, PREAMBLE, PREAMBLE_LEN, Ready, Token,
    Welcomed,
};
use kinfolk_tests::parcels::Parcels;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// What keeps a region's size, and its bytes from anybody but its maker.
const REGION: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::FUTURE_WRITE);
/// What keeps sealed bytes as they are.
const SEALED: SealFlags = SealFlags::SHRINK.union(SealFlags::GROW).union(SealFlags::WRITE);
const LENGTH: u64 = 65_536;

fn main() -> io::Result<()> {
    let mut link = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let fault = std::env::args().nth(1).unwrap_or_default();
    link.write_all(&hello())?;
    link.read_exact(&mut [0; PREAMBLE_LEN])?;
    read_frame(&mut link)?;
    link.write_all(&frame(Kind::Ready, &ready().encode()))?;
    let link = Link(link);
    match fault.as_str() {
        "strays-within-a-payload" => strays(&link, &Header { flags: Flags::LONG, ..posted(1 << 20, 0) })?,
        "lends-and-never-reads" => lend_for_ever(&link)?,
        _ => match fault.split_once(':') {
            Some(("region", how)) => regions(&link, how)?,
            Some(("sealed", how)) => sealed(&link, how)?,
            Some(("loan", how)) => loans(&link, how)?,
            _ => descriptors(&link, &fault)?,
        },
    }
    loop {
        thread::park();
    }
}

struct Link(UnixStream);

impl Link {
    /// Bytes with descriptors.
    fn pass(&self, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        let sent = sendmsg(&self.0, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL)?;
        (&self.0).write_all(&bytes[sent..])
    }

    fn region(&self, loan: u32, length: u64, memory: impl AsFd) -> io::Result<()> {
        let entry = Entry::Region { loan, length }.encode();
        let header = Header { flags: Flags::DESCRIPTORS, attachments: 1, ..Header::control(Kind::Region, 16) };
        self.pass(&[header.encode().as_slice(), &entry].concat(), &[memory.as_fd()])
    }

    /// A `Posted` whose blob is this entry.
    fn post(&self, entry: Entry, memory: Option<BorrowedFd<'_>>) -> io::Result<()> {
        let payload = [blob(0).as_slice(), &entry.encode()].concat();
        let flags = if memory.is_some() { Flags::DESCRIPTORS } else { Flags::NONE };
        let header = Header { flags, ..posted(payload.len() as u32, 1) };
        self.pass(&[header.encode().as_slice(), &payload].concat(), memory.as_slice())
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        (&self.0).write_all(bytes)
    }
}

/// A blob that travels as this attachment, in the codec.
fn blob(attachment: u8) -> Vec<u8> {
    vec![1, attachment]
}

fn posted(length: u32, attachments: u16) -> Header {
    Header { message: MessageId::of("Posted"), attachments, ..Header::control(Kind::Message, length) }
}

/// Memory of `size` bytes, all of them there, with these seals.
fn memory(size: u64, seals: SealFlags) -> io::Result<OwnedFd> {
    let fd = memfd_create("forged", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    File::from(fd.try_clone()?).write_all(&vec![7; size as usize])?;
    fcntl_add_seals(&fd, seals)?;
    Ok(fd)
}

fn descriptors(link: &Link, fault: &str) -> io::Result<()> {
    let null = File::open("/dev/null")?;
    let entry = Entry::Descriptor.encode();
    let one = |flags, kind| Header { flags, attachments: 1, ..Header::control(kind, 16) };
    match fault {
        "announced-and-missing" => link.write(&[&one(Flags::DESCRIPTORS, Kind::Message).encode()[..], &entry].concat()),
        "unannounced" => {
            link.pass(&posted(2, 0).encode(), &[null.as_fd()])?;
            link.write(&[&blob(0)[..], &posted(2, 0).encode(), &blob(0)].concat())
        }
        "one-too-many" => {
            let bytes = [&one(Flags::DESCRIPTORS, Kind::Message).encode()[..], &entry].concat();
            link.pass(&bytes, &[null.as_fd(), null.as_fd()])
        }
        "two-hundred" => {
            let bytes = [&one(Flags::DESCRIPTORS, Kind::Message).encode()[..], &entry].concat();
            link.pass(&bytes, &[null.as_fd(); 200])
        }
        "flag-without-table" => link.write(&Header { flags: Flags::DESCRIPTORS, ..posted(0, 0) }.encode()),
        "large-table" => link.write(&posted(65 * 16, 65).encode()),
        "table-beyond" => link.write(&[&posted(15, 1).encode()[..], &[0; 15]].concat()),
        "unknown-entry" => link.write(&[&posted(16, 1).encode()[..], &[9; 16]].concat()),
        "data-beyond" => {
            let entry = Entry::Data { length: 3 }.encode();
            link.write(&[&posted(18, 1).encode()[..], &blob(0), &entry].concat())
        }
        "board" => link.post(Entry::Board, Some(null.as_fd())),
        "region-in-message" => link.post(Entry::Region { loan: 0, length: 1 }, Some(null.as_fd())),
        "on-credit" => link.write(&Header { attachments: 1, ..Header::control(Kind::Credit, 16) }.encode()),
        "on-chunk" => link.write(&Header { attachments: 1, ..Header::control(Kind::Chunk, 16) }.encode()),
        "on-ready" => link.write(&one(Flags::DESCRIPTORS, Kind::Ready).encode()),
        // These two are no breach: the message alone is refused.
        "handle-for-blob" => link.post(Entry::Descriptor, Some(null.as_fd())),
        "nothing-for-blob" => link.write(&[&posted(2, 0).encode()[..], &blob(0)].concat()),
        _ => Err(io::Error::other("no such fault")),
    }
}

fn regions(link: &Link, how: &str) -> io::Result<()> {
    match how {
        "unsealed" => link.region(0, LENGTH, memory(LENGTH, SealFlags::empty())?),
        "may-grow" => link.region(0, LENGTH, memory(LENGTH, REGION - SealFlags::GROW)?),
        "writable" => link.region(0, LENGTH, memory(LENGTH, REGION - SealFlags::FUTURE_WRITE)?),
        "shorter" => link.region(0, LENGTH, memory(4_096, REGION)?),
        "longer" => link.region(0, LENGTH, memory(2 * LENGTH, REGION)?),
        "holes" => {
            let fd = memfd_create("forged", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&fd, LENGTH)?;
            fcntl_add_seals(&fd, REGION)?;
            link.region(0, LENGTH, fd)
        }
        "file" => link.region(0, 4_096, File::open("/proc/self/exe")?),
        "folder" => link.region(0, 4_096, File::open("/dev")?),
        "pipe" => link.region(0, 4_096, rustix::pipe::pipe()?.0),
        "socket" => link.region(0, 4_096, UnixStream::pair()?.0),
        "twice" => {
            link.region(3, LENGTH, memory(LENGTH, REGION)?)?;
            link.region(3, LENGTH, memory(LENGTH, REGION)?)
        }
        "too-many" => (0..65).try_for_each(|loan| link.region(loan, 4_096, memory(4_096, REGION)?)),
        "retired-unknown" => link.write(&frame(Kind::Retired, &9_u32.to_le_bytes())),
        "kept-written" => write_meanwhile(link),
        _ => Err(io::Error::other("no such fault")),
    }
}

/// Lends memory and writes it while the parent reads.
fn write_meanwhile(link: &Link) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let memory = memory(1 << 20, SealFlags::SHRINK | SealFlags::GROW)?;
    // Sealed against new writers for the look of it, after a way to write was opened: a mapping, were `unsafe` allowed
    // here. Written while it may be, and lent as often.
    let file = File::from(memory.try_clone()?);
    (0..16).try_for_each(|round| file.write_all_at(&vec![round; 1 << 20], 0))?;
    fcntl_add_seals(&memory, SealFlags::FUTURE_WRITE)?;
    link.region(0, 1 << 20, &memory)?;
    link.post(Entry::Lent { loan: 0, length: 1 << 20 }, None)
}

fn sealed(link: &Link, how: &str) -> io::Result<()> {
    let post = |length, memory: OwnedFd| link.post(Entry::Sealed { loan: 1 << 31, length }, Some(memory.as_fd()));
    match how {
        "writable" => post(LENGTH, memory(LENGTH, SEALED - SealFlags::WRITE)?),
        "may-shrink" => post(LENGTH, memory(LENGTH, SEALED - SealFlags::SHRINK)?),
        "shorter" => post(LENGTH, memory(LENGTH - 1, SEALED)?),
        "longer" => post(LENGTH, memory(LENGTH + 1, SEALED)?),
        "holes" => {
            let fd = memfd_create("forged", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
            ftruncate(&fd, LENGTH)?;
            fcntl_add_seals(&fd, SEALED)?;
            post(LENGTH, fd)
        }
        "pipe" => post(LENGTH, rustix::pipe::pipe()?.0),
        "file" => post(LENGTH, File::open("/proc/self/exe")?.into()),
        "without-end" => (0..8).try_for_each(|number| {
            let entry = Entry::Sealed { loan: (1 << 31) + number, length: LENGTH };
            link.post(entry, Some(memory(LENGTH, SEALED)?.as_fd()))
        }),
        "changed-later" => {
            let memory = memory(LENGTH, SEALED)?;
            post(LENGTH, memory.try_clone()?)?;
            let changed = [ftruncate(&memory, 0).is_ok(), File::from(memory.try_clone()?).write_all(b"x").is_ok()];
            assert!(changed == [false; 2], "it could be changed: {changed:?}");
            // The parent sees that nothing panicked.
            link.post(Entry::Sealed { loan: (1 << 31) + 1, length: LENGTH }, Some(memory.as_fd()))
        }
        _ => Err(io::Error::other("no such fault")),
    }
}

fn loans(link: &Link, how: &str) -> io::Result<()> {
    let returned = |loan: u32| frame(Kind::Returned, &loan.to_le_bytes());
    let lent = |loan, length| link.post(Entry::Lent { loan, length }, None);
    if how != "unknown-region" {
        link.region(0, LENGTH, memory(LENGTH, REGION)?)?;
    }
    match how {
        "unknown-region" | "another-region" => lent(7, 5),
        "beyond" => lent(0, LENGTH + 1),
        "twice" => (0..2).try_for_each(|_| lent(0, 10)),
        "after-retired" => {
            link.write(&frame(Kind::Retired, &0_u32.to_le_bytes()))?;
            lent(0, 10)
        }
        "returned-unknown" => link.write(&returned(5)),
        "returned-sealed-unknown" => link.write(&returned(1 << 31)),
        "returned-short" => link.write(&frame(Kind::Returned, &[1, 0])),
        "over-budget" => {
            link.region(1, 1 << 20, memory(1 << 20, REGION)?)?;
            lent(1, 200_000)
        }
        _ => Err(io::Error::other("no such fault")),
    }
}

/// Descriptors without end, none of which belongs to a frame.
fn strays(link: &Link, header: &Header) -> io::Result<()> {
    let null = File::open("/dev/null")?;
    link.write(&header.encode())?;
    let chunk = Header::of_call(Kind::Chunk, CallId::from_bits(1), 65_536);
    link.write(&chunk.encode())?;
    while link.pass(&[0], &[null.as_fd(); 64]).is_ok() {}
    Ok(())
}

/// Items of no call, each of which lends the same once more, and nobody reads that it was given back.
fn lend_for_ever(link: &Link) -> io::Result<()> {
    let memory = memory(4_096, SEALED)?;
    let entry = Entry::Sealed { loan: 1 << 31, length: 4_096 };
    let payload = [blob(0).as_slice(), &entry.encode()].concat();
    // The answer to a call that was given up is nobody's, and so are its items.
    let call = read_frame(&mut link.0.try_clone()?)?.call;
    let header =
        Header { flags: Flags::DESCRIPTORS, attachments: 1, ..Header::of_call(Kind::Item, call, payload.len() as u32) };
    let bytes = [header.encode().as_slice(), &payload].concat();
    while link.pass(&bytes, &[memory.as_fd()]).is_ok() {}
    Ok(())
}

fn hello() -> Vec<u8> {
    let hello = Hello::of::<Parcels>(std::process::id(), Token::NONE, Limits::default());
    [PREAMBLE.to_vec(), frame(Kind::Hello, &hello.encode())].concat()
}

fn ready() -> Ready {
    Ready { welcomed: vec![Welcomed { message: MessageId::of("Number"), fingerprint: 0, shape: String::new() }] }
}

fn frame(kind: Kind, payload: &[u8]) -> Vec<u8> {
    [&Header::control(kind, payload.len() as u32).encode(), payload].concat()
}

fn read_frame(link: &mut UnixStream) -> io::Result<Header> {
    let mut head = [0; HEADER_LEN];
    link.read_exact(&mut head)?;
    let header = Header::decode(&head, u32::MAX).map_err(io::Error::other)?;
    link.read_exact(&mut vec![0; header.length as usize])?;
    Ok(header)
}
