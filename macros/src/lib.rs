//! The macros of kinfolk: sugar over plain traits, which can be implemented by hand as well.
//!
//! Nobody needs this crate by name. `kinfolk` re-exports all of it with its feature `macros` (on by default), and
//! `kinfolk-protocol` the derives with its feature `derive`.
//!
//! | macro | written above | writes |
//! |---|---|---|
//! | [`#[derive(Message)]`](macro@Message) | a message type | its `Message` and `Shape` impls |
//! | [`#[derive(Shape)]`](macro@Shape) | a type inside messages | its `Shape` impl |
//! | [`#[kinfolk::child]`](macro@child) | a child program's `async fn main` | the `main` that becomes a child first |
#![forbid(unsafe_code)]

// Modules import only from those listed below them.
mod child;
mod message;

mod shape;

mod declaration;
mod outline;

mod errors;
mod place;
mod serde;
mod text;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a type a message: which way it travels, and what comes back.
///
/// ```
/// use kinfolk::{Bincode, Message, Protocol, Shape, Version};
/// use serde::{Deserialize, Serialize};
///
/// pub enum Thumbs {}
/// impl Protocol for Thumbs {
///     const NAME: &'static str = "thumbs";
///     const VERSION: Version = Version::new(1, 0);
///     type Init = ();
///     type Codec = Bincode;
/// }
///
/// /// A call: `thumbs.request(Resize { .. })`.
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(to_child = Thumbs, reply = Image, error = ThumbError, idempotent)]
/// pub struct Resize { pub pixels: Vec<u8>, pub width: u32 }
///
/// /// One way, to the parent: `me.parent().send(Warmed(3))`.
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(to_parent = Thumbs)]
/// pub struct Warmed(pub u32);
///
/// #[derive(Serialize, Deserialize, Shape)]
/// pub struct Image(pub Vec<u8>);
///
/// #[derive(Serialize, Deserialize, Shape)]
/// pub enum ThumbError { TooWide, Other(String) }
///
/// let outline = kinfolk::Outline::of::<Resize>();
/// assert_eq!(
///     outline.text,
///     "Resize { pixels: [u8], width: u32 } -> Image([u8]) | ThumbError { TooWide, Other(String) }"
/// );
/// ```
///
/// An enum is as good a message as a struct. A message has no generic parameters: one name would stand for all of them.
/// What is written is what one would write by hand; `#[derive(Shape)]` is part of it.
///
/// # In `#[message(..)]` above the type
///
/// | key | meaning | without it |
/// |---|---|---|
/// | `to_child = Protocol` | travels from the parent to a child that speaks `Protocol` | one of these |
/// | `to_parent = Protocol` | travels from such a child to its parent | two is due |
/// | `reply = Type` | a call: `Type` comes back | one way: nothing comes back |
/// | `error = Type` | comes back instead, from a call or a stream | `Fault`, which every error becomes by `?` |
/// | `progress = Type` | comes back any number of times before the reply of a call | there is none |
/// | `stream = Type` | any number of `Type`s comes back, instead of one reply | |
/// | `idempotent` | handling it twice does no more than once, so it may be tried again | it is handled once at most |
/// | `name = "…"` | what it is called on the wire, 1 to 255 bytes: keep it when the type is renamed | the type's name |
/// | `opaque(reply, …)` | of `reply`, `error`, `progress` or `stream`: its type does not implement `Shape`, as it is another crate's | it does |
/// | `crate = path` | where kinfolk is, for a macro of yours that writes messages for others | found in Cargo.toml |
///
/// # Before a field
///
/// | key | meaning |
/// |---|---|
/// | `#[message(opaque)]` | the field's type does not implement `Shape`, as it is another crate's: its name stands for it |
///
/// ```
/// # mod chrono {
/// #     #[derive(serde::Serialize, serde::Deserialize)]
/// #     pub struct NaiveDate(i32);
/// # }
/// # enum Shop {}
/// # impl kinfolk::Protocol for Shop {
/// #     const NAME: &'static str = "shop";
/// #     const VERSION: kinfolk::Version = kinfolk::Version::new(1, 0);
/// #     type Init = ();
/// #     type Codec = kinfolk::Bincode;
/// # }
/// # use kinfolk::Message;
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Message)]
/// #[message(to_child = Shop, stream = chrono::NaiveDate, opaque(stream))]
/// struct Closed {
///     #[message(opaque)]
///     since: chrono::NaiveDate,
///     branch: u32,
/// }
/// # let text = kinfolk::Outline::of::<Closed>().text;
/// # assert_eq!(text, "Closed { since: chrono::NaiveDate, branch: u32 } => [chrono::NaiveDate] | Fault");
/// ```
#[proc_macro_derive(Message, attributes(message))]
pub fn derive_message(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    message::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Describes a type that is inside a message, or comes back for one, so that two programs which were built from
/// different definitions of it notice before they misread each other.
///
/// ```
/// use kinfolk::Shape;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Shape)]
/// struct Timed<T> { value: T, millis: u64 }
///
/// #[derive(Serialize, Deserialize, Shape)]
/// enum Found { Nothing, One(String), #[serde(rename = "lots")] Many { names: Vec<String> } }
/// ```
///
/// These read `Timed { value: String, millis: u64 }` and
/// `Found { Nothing, One(String), #[rename = "lots"] Many { names: [String] } }`. The name of a type is there for
/// people
/// and does not count, all else does. A generic type needs shapes for its parameters.
///
/// What serde is told counts as far as it decides which bytes are written:
///
/// | attribute of serde | effect |
/// |---|---|
/// | `skip`, `skip_serializing`, `skip_deserializing` | the field is left out; of a variant only the name stays |
/// | `with`, `serialize_with`, `deserialize_with` | the field is opaque, and the attribute counts |
/// | `transparent`, `from`, `try_from`, `into` | the type looks like the one that it is written as |
/// | `crate`, `bound`, `borrow`, `getter`, `alias`, `deny_unknown_fields`, `expecting` | none: they change no byte |
/// | all others | what is written counts |
///
/// # In `#[message(..)]`
///
/// | where | key | meaning |
/// |---|---|---|
/// | before a field | `opaque` | the field's type does not implement `Shape`, as it is another crate's: its name stands for it |
/// | above the type | `crate = path` | where kinfolk is, if Cargo.toml does not tell |
#[proc_macro_derive(Shape, attributes(message))]
pub fn derive_shape(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    shape::derive(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an async function the `main` of a child program: first the handshake, before any thread, then a
/// single-threaded runtime, then the function.
///
/// ```no_run
/// # use kinfolk::{Bincode, Message, Protocol, Version};
/// # enum Sums {}
/// # impl Protocol for Sums {
/// #     const NAME: &'static str = "sums";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = u64;
/// #     type Codec = Bincode;
/// # }
/// # #[derive(serde::Serialize, serde::Deserialize, Message)]
/// # #[message(to_child = Sums, reply = u64)]
/// # struct Add(Vec<u64>);
/// use kinfolk::child::Me;
///
/// #[kinfolk::child]
/// async fn main(me: Me<Sums>) -> kinfolk::child::Result {
///     let start = *me.init();
///     me.on_message(move |_, Add(numbers)| async move { Ok(start + numbers.iter().sum::<u64>()) }).run().await
/// }
/// ```
///
/// is the same as
///
/// ```no_run
/// # use kinfolk::{Bincode, Message, Protocol, Version};
/// # enum Sums {}
/// # impl Protocol for Sums {
/// #     const NAME: &'static str = "sums";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = u64;
/// #     type Codec = Bincode;
/// # }
/// # use kinfolk::child::Me;
/// fn main() -> std::process::ExitCode {
///     async fn main(me: Me<Sums>) -> kinfolk::child::Result {
/// #       me.state(()).run().await
///         // …
///     }
///     kinfolk::child::main(main)
/// }
/// ```
///
/// Any name will do: in a program that plays several roles, each can be such a function, which is then called without
/// arguments. A program that brings a runtime of its own, as with `#[tokio::main]`, calls `kinfolk::child::enter`
/// instead.
///
/// The attribute takes no arguments; other attributes, documentation and visibility stay with the function.
#[proc_macro_attribute]
pub fn child(arguments: TokenStream, item: TokenStream) -> TokenStream {
    child::expand(&arguments.into(), item.into()).into()
}
