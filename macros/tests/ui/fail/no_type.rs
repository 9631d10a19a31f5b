//! A handler names its message.

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

async fn worker(me: Me<Thumbs>) -> Result {
    me.on_message(|_cx, m| async move { Ok(m) }).run().await
}

fn main() {}
