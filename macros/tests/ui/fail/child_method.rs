//! A worker is a plain function.
#![allow(unused_imports, reason = "a macro that fails leaves them unused")]

use kinfolk::child::{Me, Result};
use thumbs::Thumbs;

#[path = "../thumbs.rs"]
mod thumbs;

struct Worker;

impl Worker {
    #[kinfolk::child]
    async fn main(self, me: Me<Thumbs>) -> Result {
        let _ = me;
        Ok(())
    }
}

fn main() {}
