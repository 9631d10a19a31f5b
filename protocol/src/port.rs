//! One end of a direct link between two processes, as a value to be handed on.

use std::fmt;
use std::marker::PhantomData;
use std::os::unix::net::UnixStream;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::attachment::Handle;
use crate::message::{Direction, Protocol, Way};
use crate::shape::{Shape, Sketch};

/// One end of a direct link between two processes, not open yet: whoever opens it sends the messages declared `D`, and
/// handles those of the same protocol that are declared the other way.
///
/// `kinfolk::port::pair` makes both ends, `kinfolk::port::Peering` opens one. Dropping it tells the other end that
/// nobody will.
pub struct Port<D> {
    stream: Handle<UnixStream>,
    direction: PhantomData<fn() -> D>,
}

impl<D: Direction> Port<D> {
    /// Turns a socket from [`into_stream`](Self::into_stream) back into a port. Its direction is to be that of the port
    /// it was: both ends are compared when they are opened.
    #[must_use]
    pub fn from_stream(stream: UnixStream) -> Self {
        Self { stream: Handle::new(stream), direction: PhantomData }
    }

    /// The socket, for handing it on in another way than as a part of a message. A copy of the descriptor that is kept
    /// hides from the other end that this one is gone.
    #[must_use]
    pub fn into_stream(self) -> UnixStream {
        self.stream.into_inner()
    }
}

impl<D> Serialize for Port<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stream.serialize(serializer)
    }
}

impl<'de, D> Deserialize<'de> for Port<D> {
    fn deserialize<R: Deserializer<'de>>(deserializer: R) -> Result<Self, R::Error> {
        let stream = Handle::deserialize(deserializer)?;
        Ok(Self { stream, direction: PhantomData })
    }
}

impl<D: Direction> fmt::Debug for Port<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&describe::<D>())
    }
}

/// The direction counts: an end given to the wrong program is found out before it is sent.
impl<D: Direction> Shape for Port<D> {
    fn describe(sketch: &mut Sketch) {
        sketch.text(&describe::<D>());
    }
}

fn describe<D: Direction>() -> String {
    let way = match D::WAY {
        Way::Down => "ToChild",
        Way::Up => "ToParent",
    };
    format!("Port<{way}<{}>>", <D::Protocol as Protocol>::NAME)
}
