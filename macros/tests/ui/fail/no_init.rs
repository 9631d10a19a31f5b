//! A child whose protocol has an init value does not start without.

use kinfolk::parent::{ChildSpec, Parent, Program};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

async fn parent(parent: Parent) {
    let _ = parent.spawn(ChildSpec::<Thumbs>::new("thumbs", Program::sibling("thumbs"))).await;
}

fn main() {}
