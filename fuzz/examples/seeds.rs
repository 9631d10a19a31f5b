//! Writes the seeds of the codecs: valid bytes of each type, from which the targets begin.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::{Duration, SystemTime};
use std::{fs, io};

use kinfolk_fuzz::{Chain, Double, List, Maps, Nested, Primitives, Single, Tree};
use kinfolk_protocol::{Bincode, Codec, Fault, Json, Postcard};
use serde::Serialize;

fn main() -> io::Result<()> {
    write_all::<Bincode>("bincode")?;
    write_all::<Postcard>("postcard")?;
    write_all::<Json>("json")
}

fn write_all<C: Codec>(target: &str) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder)?;
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
