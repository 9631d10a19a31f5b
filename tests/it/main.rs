//! Real programs, started for real; each file is one kind of promise.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod attaching;
mod blobs;
mod budgets;
mod calling;
mod cancelling;
mod computing;
mod cousins;
mod crowded;
mod deadlines;
mod delivery;
mod ending;
mod fairness;
mod forged;
mod frozen;
mod handles;
mod hostile;
mod launching;
mod leaving_no_parcel;
mod leaving_nothing;
mod many;
mod messages;
mod pools;
mod pools_failing;
mod pools_sizing;
mod progress;
mod regions;
mod siblings;
mod starting;
mod streams;
mod support;
mod upcalls;
mod versions;
