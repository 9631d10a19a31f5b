//! Real programs, started for real; each file is one kind of promise.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attaching;
mod calling;
mod computing;
mod delivery;
mod ending;
mod hostile;
mod launching;
mod leaving_nothing;
mod many;
mod messages;
mod starting;
mod support;
mod versions;
