//! Errors in the body are shown in the body.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child]
async fn main(me: Me<Thumbs>) -> Result {
    let quality: String = me.init().quality;
    me.state(quality).run().await
}
