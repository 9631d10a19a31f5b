//! No answer would come.

use kinfolk::parent::Child;
use thumbs::{Thumbs, Warm};

#[path = "../thumbs.rs"]
mod thumbs;

async fn parent(thumbs: Child<Thumbs>) {
    let _ = thumbs.request(Warm).await;
}

fn main() {}
