//! What `bearer` and its tests send each other: blobs and handles, wherever a message may have them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, AtomicU64};

use kinfolk::{
    Bincode, Blob, Call, Fault, Handle, Limits, Message, OneWay, Protocol, Region, Streaming, ToChild, ToParent,
    Version,
};
use serde::{Deserialize, Serialize};
use tokio::net as tokio_net;

/// The protocol of `bearer`.
#[derive(Debug)]
pub enum Parcels {}

impl Protocol for Parcels {
    const NAME: &'static str = "parcels";
    const VERSION: Version = Version::new(1, 0);
    type Init = Luggage;
    type Codec = Bincode;
}

/// The protocol of `bearer --narrow`, which may be lent next to nothing at once.
#[derive(Debug)]
pub enum Narrow {}

/// What may be lent to it, in bytes.
pub const NARROW: u64 = 100 * 1024;

impl Protocol for Narrow {
    const NAME: &'static str = "narrow";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
    const LIMITS: Limits = Limits::DEFAULT.blob_bytes(NARROW).max_message(4 << 20);
}

/// What a bearer is given at its start.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Luggage {
    /// A blob.
    pub blob: Blob,
    /// Files.
    pub files: Vec<Handle<std::fs::File>>,
}

macro_rules! messages {
    ($(
        $(#[$doc:meta])*
        $direction:ident<$protocol:ident> $name:ident($($type:ty),*) $(as $wire:literal)? => $contract:ty;
    )*) => {$(
        $(#[$doc])*
        #[derive(Debug, Serialize, Deserialize)]
        pub struct $name($(#[doc = "The value."] pub $type),*);

        impl Message for $name {
            type To = $direction<$protocol>;
            type Contract = $contract;
            const NAME: &'static str = messages!(@name $name $($wire)?);
        }
    )*};
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $wire:literal) => { $wire };
}

messages! {
    /// Answered with the same blobs.
    ToChild<Parcels> Echo(Vec<Blob>) => Call<Vec<Blob>>;
    /// Answered with so many blobs of that length, each [`pattern`] of its number; built in place if so wished.
    ToChild<Parcels> Make(u64, u32, bool) => Call<Vec<Blob>>;
    /// Answered with the same tree, or declined with it.
    ToChild<Parcels> Plant(Tree, bool) => Call<Tree, Tree>;
    /// The same blobs as items, and then as the error.
    ToChild<Parcels> Spread(Vec<Blob>, bool) => Streaming<Blob, Vec<Blob>>;
    /// The same blobs as progress; answered with their number.
    ToChild<Parcels> Unload(Vec<Blob>) => Call<u64, Fault, Blob>;
    /// Sent back as a [`Posted`].
    ToChild<Parcels> Post(Blob) => OneWay;
    /// Answered with the parent's answer to a [`Mirror`].
    ToChild<Parcels> Reflect(Blob) => Call<Blob>;
    /// Kept; answered with how many are.
    ToChild<Parcels> Keep(Blob) => Call<u64>;
    /// Kept too, by a handler of one-way messages.
    ToChild<Parcels> Put(Blob) => OneWay;
    /// Answered with everything that was kept.
    ToChild<Parcels> Fetch() => Call<Vec<Blob>>;
    /// Everything that was kept is dropped.
    ToChild<Parcels> Forget() => Call<()>;
    /// Never answered; holds what came with it.
    ToChild<Parcels> Hang(Blob, Option<Handle<std::fs::File>>) => Call<()>;
    /// A panic, with all that in hand.
    ToChild<Parcels> Panic(Blob, Option<Handle<std::fs::File>>) => Call<()>;
    /// Its blobs are never taken: the handlers of one-way messages wait for ever.
    ToChild<Parcels> Clog(Blob) => OneWay;
    /// No call by this name has a handler: the one-way message has.
    ToChild<Parcels> PutAsCall(Blob, Handle<std::fs::File>) as "Put" => Call<()>;
    /// What no [`Keep`] decodes from.
    ToChild<Parcels> KeepHandle(Handle<std::fs::File>) as "Keep" => Call<u64>;
    /// More than a [`Keep`] takes.
    ToChild<Parcels> KeepMore(Blob, Vec<Blob>, Vec<Handle<std::fs::File>>) as "Keep" => Call<u64>;
    /// What no [`Read`] decodes from.
    ToChild<Parcels> ReadSocket(Handle<std::net::UdpSocket>) as "Read" => Call<String>;
    /// What no [`Read`] decodes from, either.
    ToChild<Parcels> ReadBlob(Blob, Blob) as "Read" => Call<String>;
    /// Answered with the file's text.
    ToChild<Parcels> Read(Handle<std::fs::File>) => Call<String>;
    /// Answered with the texts of all files.
    ToChild<Parcels> ReadAll(Vec<Handle<std::fs::File>>) => Call<Vec<String>>;
    /// Answered with the same, after a look at it.
    ToChild<Parcels> Pass(Thing) => Call<(Thing, u64)>;
    /// The files one after another.
    ToChild<Parcels> PassAll(Vec<Handle<std::fs::File>>) => Streaming<Handle<std::fs::File>>;
    /// Answered with so many files whose texts are their numbers.
    ToChild<Parcels> Files(u32) => Call<Vec<Handle<std::fs::File>>>;
    /// Sent back as a [`Handed`].
    ToChild<Parcels> Hand(u64, Handle<std::fs::File>) => OneWay;
    /// Answered with what came with the init value.
    ToChild<Parcels> Unpack() => Call<(Blob, Vec<String>)>;
    /// The child may have so many descriptors open; answered with how many it has.
    ToChild<Parcels> Restrict(u64) => Call<u64>;
    /// The inodes of sealed memory that the child has a descriptor of.
    ToChild<Parcels> Sealed() => Call<Vec<u64>>;
    /// Blobs without end, in both directions, until it is killed.
    ToChild<Parcels> Churn() => OneWay;
    /// Adds 1 so many times to the atomic at this place; answered with what it came to.
    ToChild<Parcels> Tally(Region<AtomicU64>, u64, u64) => Call<u64>;
    /// Answered with a region of so many atomics, whose values are their places.
    ToChild<Parcels> Lay(u64) => Call<Region<AtomicU32>>;
    /// Not what a [`Lay`] is: its reply has wider atomics.
    ToChild<Parcels> LayWide(u64) as "Lay" => Call<Region<AtomicU64>>;
    /// Not what a [`Tally`] is: a file in place of a region.
    ToChild<Parcels> TallyFile(u64, u8, Handle<std::fs::File>, u64, u64) as "Tally" => Call<u64>;
    /// Makes no noise.
    ToChild<Parcels> Number(u64) => Call<u64>;
    /// Answered with the same blob.
    ToParent<Parcels> Mirror(Blob) => Call<Blob>;
    /// A [`Post`] on its way back.
    ToParent<Parcels> Posted(Blob) => OneWay;
    /// A [`Hand`] on its way back.
    ToParent<Parcels> Handed(u64, Handle<std::fs::File>) => OneWay;
    /// Answered with the same blobs.
    ToChild<Narrow> NarrowEcho(Vec<Blob>) => Call<Vec<Blob>>;
    /// Kept; answered with how many are.
    ToChild<Narrow> NarrowKeep(Blob) => Call<u64>;
    /// Everything that was kept is dropped.
    ToChild<Narrow> NarrowForget() => Call<()>;
}

/// Blobs in every kind of nest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tree {
    /// One.
    Leaf(Blob),
    /// Many.
    Many(Vec<Self>),
    /// By name.
    Named(BTreeMap<String, Self>),
    /// Perhaps.
    Pair {
        /// One.
        left: Option<Box<Self>>,
        /// The other.
        right: (u8, Blob),
    },
}

/// Anything that has a descriptor, with a type that says so.
#[derive(Debug, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is what its type says")]
pub enum Thing {
    Descriptor(Handle<std::os::fd::OwnedFd>),
    File(Handle<std::fs::File>),
    TcpStream(Handle<std::net::TcpStream>),
    TcpListener(Handle<std::net::TcpListener>),
    UdpSocket(Handle<std::net::UdpSocket>),
    UnixStream(Handle<std::os::unix::net::UnixStream>),
    UnixListener(Handle<std::os::unix::net::UnixListener>),
    UnixDatagram(Handle<std::os::unix::net::UnixDatagram>),
    AsyncFile(Handle<tokio::fs::File>),
    AsyncTcpStream(Handle<tokio_net::TcpStream>),
    AsyncTcpListener(Handle<tokio_net::TcpListener>),
    AsyncUdpSocket(Handle<tokio_net::UdpSocket>),
    AsyncUnixStream(Handle<tokio_net::UnixStream>),
    AsyncUnixListener(Handle<tokio_net::UnixListener>),
    AsyncUnixDatagram(Handle<tokio_net::UnixDatagram>),
}

macro_rules! each {
    ($thing:expr, $handle:ident => $value:expr) => {
        match $thing {
            Thing::Descriptor($handle) => $value,
            Thing::File($handle) => $value,
            Thing::TcpStream($handle) => $value,
            Thing::TcpListener($handle) => $value,
            Thing::UdpSocket($handle) => $value,
            Thing::UnixStream($handle) => $value,
            Thing::UnixListener($handle) => $value,
            Thing::UnixDatagram($handle) => $value,
            Thing::AsyncFile($handle) => $value,
            Thing::AsyncTcpStream($handle) => $value,
            Thing::AsyncTcpListener($handle) => $value,
            Thing::AsyncUdpSocket($handle) => $value,
            Thing::AsyncUnixStream($handle) => $value,
            Thing::AsyncUnixListener($handle) => $value,
            Thing::AsyncUnixDatagram($handle) => $value,
        }
    };
}

impl Thing {
    /// What it is one of, in the kernel's numbers: two descriptors of one thing have the same.
    #[must_use]
    pub fn inode(&self) -> u64 {
        each!(self, handle => inode(&**handle))
    }

    /// What was read of it already.
    #[must_use]
    pub fn unread(&self) -> &Blob {
        each!(self, handle => handle.unread())
    }

    /// The same, with something that was read of it already.
    #[must_use]
    pub fn with_unread(self, unread: Blob) -> Self {
        match self {
            Self::File(handle) => Self::File(handle.with_unread(unread)),
            Self::TcpStream(handle) => Self::TcpStream(handle.with_unread(unread)),
            Self::AsyncUnixStream(handle) => Self::AsyncUnixStream(handle.with_unread(unread)),
            other => other,
        }
    }
}

/// The inode behind a descriptor, or 0 if there is none.
pub fn inode(descriptor: impl std::os::fd::AsFd) -> u64 {
    rustix::fs::fstat(descriptor).map_or(0, |stat| stat.st_ino)
}

/// Bytes that tell of which blob they are, and every 256 of them where in it.
#[must_use]
pub fn pattern(number: u64, length: usize) -> Blob {
    let seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(length + 256);
    for at in 0..length.div_ceil(256) {
        bytes.extend_from_slice(&(seed ^ at as u64).to_le_bytes());
        bytes.resize((at + 1) * 256, seed as u8);
    }
    bytes.truncate(length);
    Blob::from(bytes)
}

/// A file without a name, and this text in it.
///
/// # Errors
/// Those of the system.
pub fn file(text: &str) -> std::io::Result<std::fs::File> {
    use std::io::Write;
    let mut file = std::fs::File::from(rustix::fs::memfd_create("parcel", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// The text of a file from its beginning, wherever it was read to.
///
/// # Errors
/// Those of the system.
pub fn text(file: &std::fs::File) -> std::io::Result<String> {
    use std::os::unix::fs::FileExt;
    let mut bytes = vec![0; file.metadata()?.len() as usize];
    file.read_exact_at(&mut bytes, 0)?;
    String::from_utf8(bytes).map_err(std::io::Error::other)
}

/// What a process holds of what may leak: its descriptors, and its mappings of blobs. Its link, its runtime and its
/// board are part of it.
///
/// # Errors
/// There is no such process.
pub fn holdings(pid: u32) -> std::io::Result<(usize, usize)> {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
    let mappings = std::fs::read_to_string(format!("/proc/{pid}/maps"))?;
    Ok((descriptors, mappings.lines().filter(|line| line.contains("/memfd:kinfolk-")).count()))
}
