//! What the derives write: the same as a user would by hand, and an outline that tells what the codecs see.

mod shapes;

use std::any::TypeId;
use std::collections::HashMap;
use std::path::PathBuf;

use kinfolk_protocol::{
    Bincode, Call, Fault, Message, Never, OneWay, Outline, Protocol, Shape, Sketch, Streaming, ToChild, ToParent,
    Version,
};
use serde::{Deserialize, Serialize};

enum Thumbs {}
impl Protocol for Thumbs {
    const NAME: &'static str = "thumbs";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Image, error = ThumbError, progress = Percent, idempotent)]
struct Resize {
    source: Vec<u8>,
    width: u32,
}

#[derive(Serialize, Deserialize, Shape)]
struct Image(Vec<u8>);

#[derive(Serialize, Deserialize, Shape)]
struct Percent(u8);

#[derive(Serialize, Deserialize, Shape)]
enum ThumbError {
    TooWide,
    Other(String),
    At { x: u8, y: Option<u8> },
}

mod by_hand {
    use super::*;

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Resize {
        source: Vec<u8>,
        width: u32,
    }
    impl Message for Resize {
        type To = ToChild<Thumbs>;
        type Contract = Call<Image, ThumbError, Percent>;
        const NAME: &'static str = "Resize";
        const IDEMPOTENT: bool = true;
        fn outline(sketch: &mut Sketch) {
            sketch.named::<Self>("Resize", |sketch| {
                sketch.text(" { source: ");
                sketch.of::<Vec<u8>>();
                sketch.text(", width: ");
                sketch.of::<u32>();
                sketch.text(" }");
            });
            sketch.text(" -> ");
            sketch.of::<Image>();
            sketch.text(" | ");
            sketch.of::<ThumbError>();
            sketch.text(" progress ");
            sketch.of::<Percent>();
        }
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Scanned(u64);
    impl Message for Scanned {
        type To = ToParent<Thumbs>;
        type Contract = OneWay;
        const NAME: &'static str = "Scanned";
        fn outline(sketch: &mut Sketch) {
            sketch.named::<Self>("Scanned", |sketch| sketch.text("(u64)"));
        }
    }

    #[derive(Serialize, Deserialize)]
    pub(crate) struct Scan {
        dir: PathBuf,
    }
    impl Message for Scan {
        type To = ToChild<Thumbs>;
        type Contract = Streaming<PathBuf>;
        const NAME: &'static str = "scan";
        fn outline(sketch: &mut Sketch) {
            sketch.named::<Self>("scan", |sketch| sketch.text(" { dir: String }"));
            sketch.text(" => [String] | Fault");
        }
    }
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Thumbs)]
struct Scanned(u64);

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs)]
#[message(stream = PathBuf, name = "scan")]
struct Scan {
    dir: PathBuf,
}

fn assert_same<Derived: Message, ByHand: Message>() {
    assert_eq!(Derived::NAME, ByHand::NAME);
    assert_eq!(Derived::IDEMPOTENT, ByHand::IDEMPOTENT);
    assert_eq!(TypeId::of::<Derived::To>(), TypeId::of::<ByHand::To>());
    assert_eq!(TypeId::of::<Derived::Contract>(), TypeId::of::<ByHand::Contract>());
    assert_eq!(Outline::of::<Derived>(), Outline::of::<ByHand>());
}

#[test]
fn a_derived_impl_is_the_one_that_a_user_would_write_by_hand() {
    assert_same::<Resize, by_hand::Resize>();
    assert_same::<Scanned, by_hand::Scanned>();
    assert_same::<Scan, by_hand::Scan>();
}

fn text<M: Message>() -> String {
    Outline::of::<M>().text
}

/// The text of a type's shape, through a message that holds nothing else.
fn shape<T: Shape + Serialize + serde::de::DeserializeOwned + Send>() -> String {
    outline_of::<T>().text
}

fn outline_of<T: Shape + Serialize + serde::de::DeserializeOwned + Send>() -> Outline {
    #[derive(Serialize, Deserialize)]
    #[serde(bound = "")]
    struct Holder<T: Serialize + serde::de::DeserializeOwned>(T);
    impl<T: Shape + Serialize + serde::de::DeserializeOwned + Send> Message for Holder<T> {
        type To = ToChild<Thumbs>;
        type Contract = OneWay;
        const NAME: &'static str = "Holder";
        fn outline(sketch: &mut Sketch) {
            sketch.of::<T>();
        }
    }
    Outline::of::<Holder<T>>()
}

#[test]
fn an_outline_tells_the_message_and_what_comes_back() {
    assert_eq!(
        text::<Resize>(),
        "Resize { source: [u8], width: u32 } -> Image([u8]) | \
         ThumbError { TooWide, Other(String), At { x: u8, y: Option<u8> } } progress Percent(u8)"
    );
    assert_eq!(text::<Scanned>(), "Scanned(u64)");
    assert_eq!(text::<Scan>(), "scan { dir: String } => [String] | Fault");
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = (), error = Never)]
struct Ping;

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Tree)]
enum Tree {
    Leaf,
    Branch(Vec<Self>),
    #[serde(rename = "named")]
    Named {
        r#type: String,
    },
}

#[test]
fn units_enums_and_types_that_hold_themselves_are_messages() {
    assert_eq!(text::<Ping>(), "Ping -> () | !");
    assert_eq!(
        text::<Tree>(),
        r#"Tree { Leaf, Branch([Tree]), #[rename = "named"] Named { type: String } } -> Tree | Fault"#
    );
}

/// A type of another crate, which knows nothing of shapes.
mod foreign {
    use super::*;

    #[derive(Serialize, Deserialize, Default)]
    pub(crate) struct Zone<T>(T);
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, stream = foreign :: Zone< u8 >, error = foreign::Zone<()>, opaque(stream, error))]
struct Foreign {
    #[message(opaque)]
    zone: foreign::Zone<HashMap<String, u8>>,
    known: u8,
}

#[derive(Serialize, Deserialize, Shape)]
enum Either {
    One(#[message(opaque)] foreign::Zone<u8>),
    Other {
        #[message(opaque)]
        zone: foreign::Zone<[u8; 2]>,
    },
}

#[test]
fn an_opaque_type_is_what_is_written_with_the_usual_spaces() {
    assert_eq!(
        text::<Foreign>(),
        "Foreign { zone: foreign::Zone<HashMap<String, u8>>, known: u8 } => [foreign::Zone<u8>] | foreign::Zone<()>"
    );
    assert_eq!(shape::<Either>(), "Either { One(foreign::Zone<u8>), Other { zone: foreign::Zone<[u8; 2]> } }");
}

// serde knows arrays of some lengths only; where it finds out which is none of the shape's business.
#[derive(Serialize, Deserialize, Shape)]
#[serde(bound(
    serialize = "T: Serialize, [u64; N]: Serialize",
    deserialize = "T: Deserialize<'de>, [u64; N]: Deserialize<'de>"
))]
struct Timed<T, const N: usize = 2> {
    value: T,
    laps: [u64; N],
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Thumbs, reply = Timed<Percent, 3>, error = Fault)]
struct Lap(Timed<String>, Timed<String>, Timed<u8>);

#[test]
fn a_generic_type_has_the_shape_of_what_it_is_used_with() {
    assert_eq!(
        text::<Lap>(),
        "Lap(Timed { value: String, laps: [u64; 2] }, Timed, Timed { value: u8, laps: [u64; 2] }) \
         -> Timed { value: Percent(u8), laps: [u64; 3] } | Fault"
    );
}

/// The fragments of a `macro_rules` come in groups of their own, with spans of their own.
macro_rules! message {
    ($name:ident, $field:ident: $type:ty) => {
        #[derive(Serialize, Deserialize, Message)]
        #[message(to_child = Thumbs, reply = $type)]
        struct $name {
            $field: $type,
            #[message(opaque)]
            sketch: $type,
        }
    };
}
message!(Made, field: Vec<u8>);

#[test]
fn messages_may_be_made_by_other_macros() {
    assert_eq!(text::<Made>(), "Made { field: [u8], sketch: Vec<u8> } -> [u8] | Fault");
}
