//! What the kernel and tokio allow without a framework: no types, no ids, no cancellation, no deadlines, one buffer
//! reused for ever. Nothing useful can be faster, so these rows are the yardstick.

mod blocking;
mod frame;
mod shared;
mod spawn;
mod tokio_uds;
mod two_lanes;

pub(crate) use blocking::Socketpair;
pub(crate) use shared::SharedMemory;
pub(crate) use spawn::child_main;
pub(crate) use tokio_uds::TokioStream;
pub(crate) use two_lanes::TwoLanes;
