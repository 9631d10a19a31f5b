//! Shapes are of types that own what they hold, and messages have keys of their own.

use kinfolk::Shape;

#[derive(Shape)]
struct Text<'a>(&'a str);

#[derive(Shape)]
#[message(to_child = Thumbs, name = "image", idempotent, opaque(reply))]
struct Image(u32);

#[derive(Shape)]
union Either {
    whole: u32,
    half: u16,
}

#[derive(Shape)]
struct Percent(#[message(hidden)] u8);

fn main() {}
