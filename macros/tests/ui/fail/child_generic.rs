//! A program speaks one protocol.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::Protocol;
use kinfolk::child::{Me, Result};

#[kinfolk::child]
async fn main<P: Protocol>(me: Me<P>) -> Result {
    let _ = me;
    Ok(())
}
