//! Every key at once, with types that are nested, generic and another crate's.

use kinfolk::{Bincode, Message, Outline, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};

mod protocols {
    pub enum Thumbs {}
}
impl Protocol for protocols::Thumbs {
    const NAME: &'static str = "thumbs";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

mod foreign {
    #[derive(serde::Serialize, serde::Deserialize)]
    pub struct Date(i32);
}

#[derive(Serialize, Deserialize, Message)]
#[message(
    to_child = protocols::Thumbs,
    reply = Timed<Vec<Image>>,
    error = foreign::Date,
    progress = (Percent, u64),
    idempotent,
    name = "thumbs.resize",
    opaque(error),
    crate = ::kinfolk,
)]
struct Resize {
    image: Image,
    #[message(opaque)]
    taken: foreign::Date,
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = protocols::Thumbs, stream = Percent, error = String)]
struct Watch;

#[derive(Serialize, Deserialize, Shape)]
struct Timed<T> {
    value: T,
    millis: u64,
}

#[derive(Serialize, Deserialize, Shape)]
struct Image(Vec<u8>);

#[derive(Serialize, Deserialize, Shape)]
#[message(crate = kinfolk)]
struct Percent(u8);

fn main() {
    assert!(Resize::IDEMPOTENT);
    assert_eq!(Resize::NAME, "thumbs.resize");
    assert_eq!(
        Outline::of::<Resize>().text,
        "thumbs.resize { image: Image([u8]), taken: foreign::Date } \
         -> Timed { value: [Image], millis: u64 } | foreign::Date progress (Percent(u8), u64)"
    );
    assert_eq!(Outline::of::<Watch>().text, "Watch => [Percent(u8)] | String");
}
