//! A handler returns the reply of its message.

use kinfolk::child::{Me, Result};
use thumbs::{Percent, Resize, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

async fn worker(me: Me<Thumbs>) -> Result {
    me.on_message(|_, resize: Resize| async move { Ok(Percent(resize.width as u8)) }).run().await
}

fn main() {}
