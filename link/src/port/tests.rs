//! Both ends of a port in one process; each file is one kind of promise.

mod delivery;
mod ending;
mod opening;
mod talking;

use std::io::Write;
use std::time::Duration;

use kinfolk_protocol::{
    Bincode, Call, Fault, Greeting, Header, Kind, Limits, Message, OneWay, PREAMBLE, Port, Protocol, Sketch, Streaming,
    ToChild, ToParent, Version, Welcomed,
};
use serde::{Deserialize, Serialize};

use super::*;
use crate::request::CallError;

/// Far beyond what a busy machine needs: it only keeps a broken test from hanging.
const PATIENCE: Duration = Duration::from_secs(60);

enum Chain {}
impl Protocol for Chain {
    const NAME: &'static str = "chain";
    const VERSION: Version = Version::new(1, 2);
    type Init = ();
    type Codec = Bincode;
}

macro_rules! messages {
    ($($direction:ident $name:ident $fields:tt => $contract:ty;)*) => {$(
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        struct $name $fields;
        impl Message for $name {
            type To = $direction<Chain>;
            type Contract = $contract;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

messages! {
    ToChild Double(u64) => Call<u64, Fault, u64>;
    ToChild Count(u64) => Streaming<u64>;
    ToChild Blob(Vec<u8>) => OneWay;
    ToParent Ask(u64) => Call<u64>;
    ToParent Back(Vec<u8>) => OneWay;
}

/// The same message by name as [`Double`], in another shape than [`Slim`].
#[derive(Debug, Serialize, Deserialize)]
struct Wide(u64, u64);
impl Message for Wide {
    type To = ToChild<Chain>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Shaped";
    fn outline(sketch: &mut Sketch) {
        sketch.of::<(u64, u64)>();
    }
}

/// See [`Wide`].
#[derive(Debug, Serialize, Deserialize)]
struct Slim(u64);
impl Message for Slim {
    type To = ToChild<Chain>;
    type Contract = Call<u64>;
    const NAME: &'static str = "Shaped";
    fn outline(sketch: &mut Sketch) {
        sketch.of::<(u64,)>();
    }
}

type Asks = Peering<ToChild<Chain>>;
type Answers = Peering<ToParent<Chain>>;
type AsksHandle = PeerHandle<ToChild<Chain>>;
type AnswersHandle = PeerHandle<ToParent<Chain>>;

/// Both ends, opened as the two functions say.
async fn linked(
    asks: impl FnOnce(Asks) -> Asks,
    answers: impl FnOnce(Answers) -> Answers,
) -> (AsksHandle, AnswersHandle) {
    let (one, other) = pair::<Chain>().unwrap();
    let (one, other) = (asks(Peering::new(one)), answers(Peering::new(other)));
    within(async { tokio::try_join!(one.open(), other.open()) }).await.unwrap()
}

/// Says what an end that sends `to_parent` says first, by hand.
fn greet(other: &mut UnixStream) {
    let payload = Greeting::of::<ToParent<Chain>>(Limits::default(), vec![Welcomed::of::<Double>()]).encode();
    let header = Header::control(Kind::Greeting, payload.len() as u32).encode();
    other.write_all(&[&PREAMBLE, header.as_slice(), &payload].concat()).unwrap();
}

/// The output of a future that may take a while, but not for ever.
async fn within<T>(future: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future.into_future()).await.expect("it hangs")
}

/// Waits until a condition holds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !holds() {
        assert!(std::time::Instant::now() < end, "never came true: {what}");
        tokio::task::yield_now().await;
    }
}
