//! State comes before the handlers that share it.

use kinfolk::child::{Me, Result};
use thumbs::{Thumbs, Warm};

#[path = "../thumbs.rs"]
mod thumbs;

async fn worker(me: Me<Thumbs>) -> Result {
    me.on_message(|_, Warm| async {}).state(3).run().await
}

fn main() {}
