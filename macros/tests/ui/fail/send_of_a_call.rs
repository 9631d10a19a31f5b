//! The answer would be lost.

use kinfolk::parent::Child;
use thumbs::{Resize, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

async fn parent(thumbs: Child<Thumbs>) {
    let _ = thumbs.send(Resize { width: 1 }).await;
}

fn main() {}
