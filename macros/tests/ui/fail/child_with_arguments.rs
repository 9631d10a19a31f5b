//! The attribute takes no arguments.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child(flavor = "multi_thread")]
async fn main(me: Me<Thumbs>) -> Result {
    me.state(()).run().await
}
