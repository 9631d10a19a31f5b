//! What messages take along: on its way out, in memory that both sides see, and on its arrival.

mod borrowing;
mod lending;

mod builder;
mod region;

mod arena;
mod arrived;
mod packed;
mod returned;

pub use self::arrived::Arrived;
pub(crate) use self::borrowing::Borrowing;
pub use self::borrowing::{Trust, arrival};
pub use self::builder::BlobBuilder;
pub(crate) use self::lending::{Carrying, Lending};
pub(crate) use self::packed::Along;
pub use self::packed::Packed;
pub use self::region::Region;
pub(crate) use self::returned::Returned;
