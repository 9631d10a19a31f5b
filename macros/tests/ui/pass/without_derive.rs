//! The traits need no macro, and a type that is described by hand fits into one that is derived.

use kinfolk::{Bincode, Call, Message, Outline, Protocol, Shape, Sketch, ToChild, Version};
use serde::{Deserialize, Serialize};

enum Sums {}
impl Protocol for Sums {
    const NAME: &'static str = "sums";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize)]
struct Add(u64);
impl Message for Add {
    type To = ToChild<Sums>;
    type Contract = Call<Sum>;
    const NAME: &'static str = "Add";
}

#[derive(Serialize, Deserialize)]
struct Sum(u64);
impl Shape for Sum {
    fn describe(sketch: &mut Sketch) {
        sketch.text("a sum");
    }
}

#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Sums, reply = Sum)]
struct Double(Sum);

fn main() {
    assert_eq!(Outline::of::<Add>().fingerprint, 0);
    assert_eq!(Outline::of::<Double>().text, "Double(a sum) -> a sum | Fault");
}
