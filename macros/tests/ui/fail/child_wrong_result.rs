//! What a worker returns is shown where it is written.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child]
async fn main(me: Me<Thumbs>) -> std::result::Result<(), std::io::Error> {
    let _ = me;
    Ok(())
}
