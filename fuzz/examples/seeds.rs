//! Writes the seeds of the codecs, the session and the stream: valid bytes, from which the targets begin.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use kinfolk_fuzz::{Chain, Double, List, Maps, Nested, Primitives, Single, Tree};
use kinfolk_protocol::{Bincode, Codec, Entry, Fault, Header, Json, Kind, PREAMBLE, Postcard};
use serde::Serialize;

fn main() -> io::Result<()> {
    write_all::<Bincode>("bincode")?;
    write_all::<Postcard>("postcard")?;
    write_all::<Json>("json")?;
    write_steps()?;
    write_streams()?;
    write_attachments()
}

/// A count, then a message, its data and its table: see the target.
fn write_attachments() -> io::Result<()> {
    let folder = folder("attachments")?;
    let entries = |all: &[Entry]| all.iter().flat_map(Entry::encode).collect::<Vec<_>>();
    // Two blobs, the second behind the message; no handle; one more blob, in the message.
    let message = [2, 0, 1, b'a', 1, 0, 0, 1, 1, 0, 1, b'b'];
    let data = entries(&[Entry::Data { length: 3 }]);
    fs::write(folder.join("data"), [[1].as_slice(), &message, b"xyz", &data].concat())?;
    let lent = [Entry::Lent { loan: 1, length: 9 }, Entry::Sealed { loan: 1 << 31, length: 9 }, Entry::Descriptor];
    fs::write(folder.join("lent"), [[3].as_slice(), &[2, 1, 0, 1, 1, 1, 2, 0, 0, 0], &entries(&lent)].concat())?;
    fs::write(
        folder.join("others"),
        [[3].as_slice(), &entries(&[Entry::Board, Entry::Bell, Entry::Region { loan: 2, length: 4_096 }])].concat(),
    )
}

/// Steps of three bytes, after two of limits: see `joined`.
fn write_steps() -> io::Result<()> {
    let folder = folder("session")?;
    let (ours, theirs) = (0, 128);
    let call_and_answer = [0xff, 0xff, ours + 8, 0, 5, theirs, 0, 0, theirs + 11, 0, 0, ours, 0, 0];
    fs::write(folder.join("call"), call_and_answer)?;
    let cancel = [0, 0, ours + 8, 0, 5, ours + 13, 0, 0, theirs, 0, 0, theirs, 0, 0];
    fs::write(folder.join("cancel"), cancel)?;
    let items = [1, 1, ours + 8, 0, 16, theirs, 0, 0, theirs + 14, 0, 9, ours, 0, 0, ours + 17, 0, 0, theirs, 0, 0];
    fs::write(folder.join("items"), items)?;
    let messages = [2, 9, ours + 19, 0, 7, theirs, 0, 0, theirs + 21, 0, 0, ours, 0, 0, ours + 23, 0, 0];
    fs::write(folder.join("messages"), messages)
}

/// Frames of four bytes, after one that says so and one for the cuts: see the target.
fn write_streams() -> io::Result<()> {
    let folder = folder("stream")?;
    fs::write(folder.join("short"), [1, 7, 6, 0x10, 0, 9, 6, 0xf0, 0, 200])?;
    fs::write(folder.join("long"), [1, 9, 0, 0, 0, 1, 2, 0xf0, 1, 255, 2, 0xf0, 1, 255, 5, 0, 1, 0])?;
    fs::write(folder.join("init"), [1, 11, 7, 0xff, 0, 255])?;
    let mut raw = vec![0, 3];
    raw.extend_from_slice(&PREAMBLE);
    raw.extend_from_slice(&Header::control(Kind::Drain, 0).encode());
    fs::write(folder.join("raw"), raw)
}

fn folder(target: &str) -> io::Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn write_all<C: Codec>(target: &str) -> io::Result<()> {
    let folder = folder(target)?;
    write::<C>(&folder, "primitives", &primitives())?;
    write::<C>(&folder, "nested", &nested())?;
    write::<C>(&folder, "list", &List::More(Box::new(List::More(Box::new(List::End)))))?;
    write::<C>(&folder, "tree", &Tree(vec![Tree(vec![]), Tree(vec![Tree(vec![])])]))?;
    write::<C>(&folder, "chain", &Chain { next: Some(Box::new(Chain { next: None })) })?;
    write::<C>(&folder, "maps", &maps())?;
    write::<C>(&folder, "texts", &vec![vec!["a", "bc"], vec![], vec!["ß"]])?;
    write::<C>(&folder, "fault", &Fault::new("cause").context("doing"))?;
    write::<C>(&folder, "nothings", &vec![(); 300])
}

fn write<C: Codec>(folder: &Path, name: &str, value: &impl Serialize) -> io::Result<()> {
    let mut bytes = Vec::new();
    C::encode(value, &mut bytes).map_err(io::Error::other)?;
    fs::write(folder.join(name), bytes)
}

fn primitives() -> Primitives {
    Primitives {
        numbers: (-1, 300, -70_000, u64::MAX, i128::MIN, 1 << 100),
        floats: (Single(1.5), Double(-0.1)),
        texts: ('ß', "text".to_owned(), true),
        bytes: vec![0, 255].into(),
        human: (Ipv4Addr::LOCALHOST.into(), Duration::from_millis(1_500), SystemTime::UNIX_EPOCH),
        nothing: (),
    }
}

fn nested() -> Nested {
    let named = BTreeMap::from([("a".to_owned(), Nested::Leaf), ("b".to_owned(), Nested::Numbers(1, -2))]);
    let left = Box::new(Nested::Many(vec![Nested::Text("x".to_owned()), Nested::Named(named)]));
    Nested::Pair { left, right: Box::new(Nested::Maybe(Some(Box::new(Nested::Maybe(None))))) }
}

fn maps() -> Maps {
    BTreeMap::from([("m".to_owned(), BTreeMap::from([(7, vec![Some(true), None])])), (String::new(), BTreeMap::new())])
}
