//! One runtime is enough.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child]
#[tokio::main]
async fn main(me: Me<Thumbs>) -> Result {
    me.state(()).run().await
}
