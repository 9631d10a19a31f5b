//! Any other type is no message.

use kinfolk::parent::Child;
use thumbs::{Percent, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

async fn parent(thumbs: Child<Thumbs>) {
    let _ = thumbs.send(Percent(1)).await;
}

fn main() {}
