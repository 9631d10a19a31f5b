//! A worker is given nothing else.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

#[kinfolk::child]
async fn main(me: Me<Thumbs>, arguments: Vec<String>, more: u8) -> Result {
    Ok(())
}
