//! Many types with long shapes: together they are longer than READY may be.

use kinfolk::{Call, Message, Sketch, ToChild};
use serde::{Deserialize, Serialize};

use super::old::Desk;

macro_rules! row {
    ($a:literal: $($b:literal)*) => { [$(concat!("Long", $a, $b)),*] };
}
const NAMES: [[&str; 10]; 4] = [
    row!(0: 0 1 2 3 4 5 6 7 8 9),
    row!(1: 0 1 2 3 4 5 6 7 8 9),
    row!(2: 0 1 2 3 4 5 6 7 8 9),
    row!(3: 0 1 2 3 4 5 6 7 8 9),
];

/// One of forty, answered with its number.
#[derive(Debug, Serialize, Deserialize)]
pub struct Long<const N: usize>;

impl<const N: usize> Message for Long<N> {
    type To = ToChild<Desk>;
    type Contract = Call<u64>;
    const NAME: &'static str = NAMES[N / 10][N % 10];
    fn outline(sketch: &mut Sketch) {
        describe(sketch, N);
    }
}

/// The same by name, and one more field.
#[derive(Debug, Serialize, Deserialize)]
pub struct Longer<const N: usize>(
    /// The field.
    pub u64,
);

impl<const N: usize> Message for Longer<N> {
    type To = ToChild<Desk>;
    type Contract = Call<u64>;
    const NAME: &'static str = Long::<N>::NAME;
    fn outline(sketch: &mut Sketch) {
        describe(sketch, N);
        sketch.text(", u64");
    }
}

fn describe(sketch: &mut Sketch, number: usize) {
    for field in 0..60 {
        sketch.text(&format!("field_{field}_of_type_{number}: String, "));
    }
}

/// Gives something a handler for each of the types.
#[macro_export]
macro_rules! on_each_long {
    ($serving:expr) => { $crate::on_each_long!(@rows $serving; 0 1 2 3) };
    (@rows $serving:expr; $($a:literal)*) => {{
        let serving = $serving;
        $(let serving = $crate::on_each_long!(@types serving, $a; 0 1 2 3 4 5 6 7 8 9);)*
        serving
    }};
    (@types $serving:ident, $a:literal; $($b:literal)*) => {
        $serving$(.on_message(|_, _: $crate::versions::Long<{ $a * 10 + $b }>| async move { Ok($a * 10 + $b) }))*
    };
}
