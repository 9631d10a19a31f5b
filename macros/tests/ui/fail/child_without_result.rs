//! A worker says whether it went well.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child]
async fn main(me: Me<Thumbs>) {
    let _ = me;
}
