//! All mistakes of a function are told at once.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child(8)]
fn main() {}
