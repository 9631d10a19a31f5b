//! A handler may move between threads.

use std::rc::Rc;

use kinfolk::child::{Me, Result};
use thumbs::{Image, Resize, Thumbs};

#[path = "../thumbs.rs"]
mod thumbs;

async fn worker(me: Me<Thumbs>) -> Result {
    me.on_message(|_, _: Resize| async move {
        let count = Rc::new(0);
        std::future::ready(()).await;
        Ok(Image(vec![*count]))
    })
    .run()
    .await
}

fn main() {}
