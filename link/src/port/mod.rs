//! A direct link between two processes that know one protocol: two children of one parent, so that what one makes for
//! the other does not pass through the parent.
//!
//! [`pair`] makes both ends, each a [`Port`]. A port is a value that can be handed on; whoever has it in the end opens
//! it with [`Peering`], and has a [`PeerHandle`] from then on. Everything is as between a parent and a child: typed
//! messages, calls and streams in both directions, credit, deadlines, cancellation, and errors that say how far a call
//! had come.
//!
//! ```
//! # use kinfolk_protocol::{Bincode, Call, Message, Protocol, ToChild, Version};
//! # enum Sums {}
//! # impl Protocol for Sums {
//! #     const NAME: &'static str = "sums";
//! #     const VERSION: Version = Version::new(1, 0);
//! #     type Init = ();
//! #     type Codec = Bincode;
//! # }
//! # #[derive(serde::Serialize, serde::Deserialize)]
//! # struct Add(Vec<u64>);
//! # impl Message for Add {
//! #     type To = ToChild<Sums>;
//! #     type Contract = Call<u64>;
//! #     const NAME: &'static str = "Add";
//! # }
//! # use kinfolk_link::port::{self, Closed, Peering};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let (asks, answers) = port::pair::<Sums>()?;
//! // In one child:
//! let server = Peering::new(answers).on_message(|_, Add(numbers)| async move { Ok(numbers.iter().sum()) });
//! // In another one:
//! let client = Peering::new(asks);
//! # let (server, client) = tokio::join!(server.open(), client.open());
//! # let server = server?;
//! let sums = client?; // `client.open().await?`
//! assert_eq!(sums.request(Add(vec![1, 2])).await?, 3);
//! sums.close().await;
//! assert_eq!(server.closed().await, Closed::ByPeer);
//! # Ok(())
//! # }
//! ```

mod peering;

mod opening;

mod driver;

mod cx;
mod peer;

mod shared;

use std::io;
use std::os::unix::net::UnixStream;

use kinfolk_protocol::{Port, Protocol, ToChild, ToParent};

pub use self::cx::Cx;
pub use self::opening::OpenError;
pub use self::peer::{PeerHandle, Pending, Replies, Request};
pub use self::peering::Peering;
pub use self::shared::Closed;
pub use crate::request::{Asker, CallError, CallSite};

/// Both ends of a link, as [`pair`] makes them.
pub type Pair<P> = (Port<ToChild<P>>, Port<ToParent<P>>);

/// Both ends of a new link: the first one sends what `P` declares `to_child`, the second one what it declares
/// `to_parent`. Which process gets which, the parent of both or a child, is free. Both are closed on exec.
///
/// # Errors
/// No descriptor is left.
///
/// # Examples
/// ```
/// # use kinfolk_protocol::{Bincode, Protocol, Version};
/// # enum Frames {}
/// # impl Protocol for Frames {
/// #     const NAME: &'static str = "frames";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = ();
/// #     type Codec = Bincode;
/// # }
/// # use kinfolk_link::port;
/// let (decoder, renderer) = port::pair::<Frames>()?;
/// assert_eq!(format!("{decoder:?} {renderer:?}"), "Port<ToChild<frames>> Port<ToParent<frames>>");
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pair<P: Protocol>() -> io::Result<Pair<P>> {
    let (one, other) = UnixStream::pair()?;
    Ok((Port::from_stream(one), Port::from_stream(other)))
}

#[cfg(test)]
mod tests;
