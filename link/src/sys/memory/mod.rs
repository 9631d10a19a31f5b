//! Memory that several processes see, behind types that are safe to use whatever the other process does.
//!
//! | type | who writes | who reads |
//! |---|---|---|
//! | [`Slot`], seen by others as [`Foreign`] | its maker, again and again | who is passed the descriptor |
//! | [`Draft`], which becomes [`Frozen`] | its maker, once | who is passed the descriptor, for ever |
//! | [`Words`] | everybody, through atomics | everybody, through atomics |
//!
//! All of it is made by `memfd_create`. Two things could make an access to a mapping end the process by a signal:
//! memory that is cut off behind the mapping, which seals forbid, and memory that was never allocated where none is
//! left. So memory is allocated when it is made, and what was received is looked at before it is mapped.

mod check;
mod draft;
mod foreign;
mod frozen;
mod mapping;
mod memfd;
mod slot;
#[cfg(test)]
mod testing;
mod words;

pub(crate) use draft::Draft;
pub(crate) use foreign::{Foreign, View};
pub(crate) use frozen::Frozen;
pub(crate) use slot::Slot;
pub use words::Atom;
pub(crate) use words::Words;
