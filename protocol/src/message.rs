//! The traits a protocol crate implements: everything a message may do stands in its type.

use std::fmt;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::fault::Fault;
use crate::limits::Limits;
use crate::shape::Sketch;
use crate::version::Version;

/// Anything that can cross to another process: serializable, owned, sendable. Implemented for every such type.
pub trait Payload: Serialize + DeserializeOwned + Send + 'static {}
impl<T: Serialize + DeserializeOwned + Send + 'static> Payload for T {}

/// What a kind of child program and its parent speak: a type without values that both sides name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no protocol",
    label = "it has no `Protocol` impl",
    note = "a protocol is a type without values, as `pub enum {Self} {{}}`, with an `impl Protocol` that says its `NAME`, `VERSION`, `Init` and `Codec`"
)]
pub trait Protocol: Sized + Send + Sync + 'static {
    /// Its name, compared when a child starts: 1 to 255 bytes.
    const NAME: &'static str;
    /// Its version, compared when a child starts.
    const VERSION: Version;
    /// Sent to the child once, before anything else. `()` if it needs nothing.
    type Init: Payload;
    /// How payloads become bytes.
    type Codec: Codec;
    /// What a child that speaks it accepts. A parent's own are set on its spec.
    const LIMITS: Limits = Limits::DEFAULT;
}

/// A type of message: which way it travels, and what comes back. `#[derive(Message)]` writes it, with the feature
/// `macros` of `kinfolk` or `derive` of `kinfolk-protocol`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    label = "it has no `Message` impl",
    note = "write `#[derive(Message)]` above it, and `#[message(to_child = YourProtocol)]` or `#[message(to_parent = YourProtocol)]`, with `reply = SomeType` if it is answered"
)]
pub trait Message: Payload {
    /// [`ToChild<P>`] or [`ToParent<P>`]: the protocol and the direction in one.
    type To: Direction;
    /// [`OneWay`], [`Call`] or [`Streaming`].
    type Contract: Contract;
    /// Its name on the wire, unique within its protocol and direction. Keep it when the type is renamed.
    const NAME: &'static str;
    /// True if handling it twice does no more than once, so that it may be retried after its child died with it.
    const IDEMPOTENT: bool = false;

    /// Describes what it looks like, and what comes back, so that two programs that were built from different
    /// definitions of it learn so before they misread each other. A type that describes nothing is not compared.
    /// `#[derive(Message)]` writes this.
    fn outline(sketch: &mut Sketch) {
        let _ = sketch;
    }
}

mod sealed {
    #[expect(unnameable_types, reason = "what cannot be named cannot be implemented elsewhere")]
    pub trait Sealed {}
}

/// Which way a message travels, and in which protocol: [`ToChild`] or [`ToParent`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no direction",
    note = "write `type To = ToChild<YourProtocol>` or `type To = ToParent<YourProtocol>`; with `#[derive(Message)]`, `#[message(to_child = YourProtocol)]` or `#[message(to_parent = YourProtocol)]`"
)]
pub trait Direction: sealed::Sealed + Send + 'static {
    /// The protocol the message belongs to.
    type Protocol: Protocol;
    /// The other way, in the same protocol.
    type Back: Direction<Protocol = Self::Protocol, Back = Self>;
    /// Which of the two it is.
    const WAY: Way;
}

/// Which of the two directions of a protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Way {
    /// That of messages declared [`ToChild`].
    Down = 1,
    /// That of messages declared [`ToParent`].
    Up = 2,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Down => "`to_child`",
            Self::Up => "`to_parent`",
        })
    }
}

/// From the parent to a child that speaks `P`; over a port, from the end that is a `Port<ToChild<P>>`.
pub struct ToChild<P>(PhantomData<fn() -> P>);
/// From a child that speaks `P` to its parent; over a port, from the end that is a `Port<ToParent<P>>`.
pub struct ToParent<P>(PhantomData<fn() -> P>);

impl<P> sealed::Sealed for ToChild<P> {}
impl<P> sealed::Sealed for ToParent<P> {}
impl<P: Protocol> Direction for ToChild<P> {
    type Protocol = P;
    type Back = ToParent<P>;
    const WAY: Way = Way::Down;
}
impl<P: Protocol> Direction for ToParent<P> {
    type Protocol = P;
    type Back = ToChild<P>;
    const WAY: Way = Way::Up;
}
impl<P: Protocol> fmt::Debug for ToChild<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToChild<{}>", P::NAME)
    }
}
impl<P: Protocol> fmt::Debug for ToParent<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ToParent<{}>", P::NAME)
    }
}

/// The same direction as `D`: a bound of its own, so that the compiler can say what is wrong in our words.
#[diagnostic::on_unimplemented(
    message = "a message declared `{Self}` cannot travel `{D}`",
    label = "its `Message` impl says `To = {Self}`",
    note = "the direction and the protocol are part of the message type: see `#[message(to_child = ..)]` or `#[message(to_parent = ..)]` above it, or `type To` in its `Message` impl"
)]
pub trait Towards<D>: Direction {}
impl<D: Direction> Towards<D> for D {}

/// What becomes of a message once it is handled: [`OneWay`], [`Call`] or [`Streaming`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no contract",
    note = "write `type Contract = OneWay`, `type Contract = Call<Reply>` or `type Contract = Streaming<Item>`"
)]
pub trait Contract: sealed::Sealed + Send + 'static {
    /// What comes back.
    type Reply: Payload;
    /// What comes back instead, where the handler declined.
    type Error: Payload;
    /// What comes back before the end: the progress of a call, the items of a stream.
    type Progress: Payload;
    /// What a handler returns: `()`, `Result<Reply, Error>` or, for a stream, `Result<(), Error>`.
    type Answer: Send + 'static;
    /// True if the sender waits for an answer.
    #[doc(hidden)]
    const ANSWERED: bool;
    /// The handler's return value as what is sent back.
    #[doc(hidden)]
    fn settle(answer: Self::Answer) -> Result<Self::Reply, Self::Error>;
}

/// Nothing comes back: for `send`.
pub enum OneWay {}

/// `Reply` or `Error` comes back, and before it any number of `Progress`: for `request`.
pub struct Call<Reply, Error = Fault, Progress = Never>(Returning<(Reply, Error, Progress)>);

/// Names types without owning any.
type Returning<T> = PhantomData<fn() -> T>;

/// Any number of `Item`s comes back, then an end or `Error`: for `stream`.
pub struct Streaming<Item, Error = Fault>(Returning<(Item, Error)>);

/// Has no value: the progress of a call that reports none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Never {}

impl sealed::Sealed for OneWay {}
impl<R, E, P> sealed::Sealed for Call<R, E, P> {}
impl<I, E> sealed::Sealed for Streaming<I, E> {}

impl Contract for OneWay {
    type Reply = ();
    type Error = ();
    type Progress = Never;
    type Answer = ();
    const ANSWERED: bool = false;
    fn settle((): ()) -> Result<(), ()> {
        Ok(())
    }
}
impl<R: Payload, E: Payload, P: Payload> Contract for Call<R, E, P> {
    type Reply = R;
    type Error = E;
    type Progress = P;
    type Answer = Result<R, E>;
    const ANSWERED: bool = true;
    fn settle(answer: Self::Answer) -> Result<R, E> {
        answer
    }
}
impl<I: Payload, E: Payload> Contract for Streaming<I, E> {
    type Reply = ();
    type Error = E;
    type Progress = I;
    type Answer = Result<(), E>;
    const ANSWERED: bool = true;
    fn settle(answer: Self::Answer) -> Result<(), E> {
        answer
    }
}
impl fmt::Debug for OneWay {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}
impl<R, E, P> fmt::Debug for Call<R, E, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Call")
    }
}
impl<I, E> fmt::Debug for Streaming<I, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streaming")
    }
}

/// A contract without an answer: what `send` takes.
#[diagnostic::on_unimplemented(
    message = "`send` would lose the answer of this message, which is a `{Self}`",
    label = "this message is answered",
    note = "use `.request(..)` for a `Call`, `.stream(..)` for a `Streaming`"
)]
pub trait Unanswered: Contract {}
impl Unanswered for OneWay {}

/// A contract with one answer: what `request` takes.
#[diagnostic::on_unimplemented(
    message = "this message is no `Call`: its contract is `{Self}`",
    label = "no single reply comes back for this message",
    note = "use `.send(..)` for a `OneWay`, `.stream(..)` for a `Streaming`"
)]
pub trait Answered: Contract {}
impl<R: Payload, E: Payload, P: Payload> Answered for Call<R, E, P> {}

/// A contract with many answers: what `stream` takes.
#[diagnostic::on_unimplemented(
    message = "this message is no `Streaming`: its contract is `{Self}`",
    label = "no items come back for this message",
    note = "use `.send(..)` for a `OneWay`, `.request(..)` for a `Call`"
)]
pub trait Streamed: Contract {}
impl<I: Payload, E: Payload> Streamed for Streaming<I, E> {}

/// What comes back for `M`.
pub type Reply<M> = <<M as Message>::Contract as Contract>::Reply;
/// What comes back for `M` where its handler declined.
pub type ErrorOf<M> = <<M as Message>::Contract as Contract>::Error;
/// What comes back for `M` before its end: progress, or the items of a stream.
pub type Progress<M> = <<M as Message>::Contract as Contract>::Progress;
/// What a handler of `M` returns.
pub type Answer<M> = <<M as Message>::Contract as Contract>::Answer;
