//! No items would come.

use kinfolk::parent::Child;
use thumbs::{Thumbs, Warm};

#[path = "../thumbs.rs"]
mod thumbs;

fn parent(thumbs: Child<Thumbs>) {
    let _ = thumbs.stream(Warm);
}

fn main() {}
