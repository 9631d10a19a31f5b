//! Memory that several processes read and write at the same time.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use kinfolk_protocol::{Handle, Nature, Shape, Sketch, Transfer, cannot_unpack};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

use crate::sys::{Atom, Words};

/// A fixed number of atomic integers that this process and those it sends the region to read and write at the same
/// time: counters, flags, a ring of their own making. What Node.js calls a `SharedArrayBuffer`.
///
/// It travels in any message, over links that carry descriptors, and dereferences to a slice of atomics. All are zero
/// at first. Whoever has it may set any of them to anything at any moment; nobody can make an access fail, short of a
/// machine without memory. It takes a descriptor and its memory until the last process has dropped it.
///
/// How many atomics a received region has is its sender's word: look at `len()` before you index.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// # use kinfolk_link::Region;
/// # fn main() -> std::io::Result<()> {
/// let done = Region::<AtomicU64>::new(4)?;
/// done[2].fetch_add(1, Ordering::Relaxed);
///
/// let mut copy = [0; 4];
/// done.load(0, &mut copy);
/// assert_eq!(copy, [0, 0, 1, 0]);
/// # Ok(())
/// # }
/// ```
pub struct Region<A> {
    words: Arc<Words<A>>,
    memory: Memory,
}

/// The descriptor of a region.
#[derive(Clone)]
struct Memory(Arc<OwnedFd>);

impl Transfer for Memory {
    const NAME: &'static str = "Region";

    fn accepts(nature: Nature) -> bool {
        nature == Nature::File
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn receive(descriptor: OwnedFd) -> io::Result<Self> {
        Ok(Self(Arc::new(descriptor)))
    }
}

impl<A: Atom> Region<A> {
    /// A region of `count` atomics.
    ///
    /// # Errors
    /// There is not that much memory, or no descriptor left.
    pub fn new(count: usize) -> io::Result<Self> {
        let (words, descriptor) = Words::create(count)?;
        Ok(Self { words: Arc::new(words), memory: Memory(Arc::new(descriptor)) })
    }

    /// Copies those from `at` on into `values`, each as it is at some moment, with `Ordering::Relaxed`.
    ///
    /// # Panics
    /// If there are not so many behind `at`.
    pub fn load(&self, at: usize, values: &mut [A::Value]) {
        let atoms = &self[at..][..values.len()];
        values.iter_mut().zip(atoms).for_each(|(value, atom)| *value = atom.get());
    }

    /// Copies `values` to those from `at` on, one after another, with `Ordering::Relaxed`.
    ///
    /// # Panics
    /// If there are not so many behind `at`.
    pub fn store(&self, at: usize, values: &[A::Value]) {
        let atoms = &self[at..][..values.len()];
        values.iter().zip(atoms).for_each(|(value, atom)| atom.set(*value));
    }
}

impl<A: Atom> Deref for Region<A> {
    type Target = [A];

    fn deref(&self) -> &[A] {
        &self.words
    }
}

impl<A> Clone for Region<A> {
    /// The same memory.
    fn clone(&self) -> Self {
        Self { words: Arc::clone(&self.words), memory: self.memory.clone() }
    }
}

impl<A: Atom> fmt::Debug for Region<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({} x {})", self.len(), A::NAME)
    }
}

impl<A: Atom> Shape for Region<A> {
    fn describe(sketch: &mut Sketch) {
        sketch.text(&format!("Region<{}>", A::NAME));
    }
}

impl<A: Atom> Serialize for Region<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.len() as u64, size_of::<A>() as u8, Handle::new(self.memory.clone())).serialize(serializer)
    }
}

impl<'de, A: Atom> Deserialize<'de> for Region<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (count, size, handle) = <(u64, u8, Handle<Memory>)>::deserialize(deserializer)?;
        if usize::from(size) != size_of::<A>() {
            let (name, expected) = (A::NAME, size_of::<A>());
            let reason = format!("a region of {size}-byte atomics, in place of `{name}` of {expected}");
            return Err(cannot_unpack(reason));
        }
        let count = usize::try_from(count).map_err(refused)?;
        let memory = handle.into_inner();
        let duplicate = memory.0.try_clone().map_err(refused)?;
        let words = Words::open(duplicate, count).map_err(refused)?;
        Ok(Self { words: Arc::new(words), memory })
    }
}

fn refused<E: Error>(error: impl fmt::Display) -> E {
    cannot_unpack(format!("a region cannot be used: {error}"))
}
