//! A handler's errors become the error of its message.

use kinfolk::child::{Me, Result};
use thumbs::{Image, Resize, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

async fn worker(me: Me<Thumbs>) -> Result {
    me.on_message(|_, _: Resize| async move {
        let bytes = std::fs::read("image")?;
        Ok(Image(bytes))
    })
    .run()
    .await
}

fn main() {}
