//! Workers with attributes, documentation and visibility; the macro stands beside the module of its name.
#![deny(warnings)]

use std::process::ExitCode;

use kinfolk::child;
use kinfolk::child::Me;
use kinfolk::{Bincode, Fault, Protocol, Version};

enum Idle {}
impl Protocol for Idle {
    const NAME: &'static str = "idle";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

mod program {
    use super::*;

    /// A child's `main`.
    #[kinfolk::child]
    #[expect(unused_variables, reason = "an attribute stays with the function")]
    pub(super) async fn main(me: Me<Idle>) -> child::Result {
        let nothing = 1;
        std::future::pending().await
    }
}

#[child]
async fn role(mut me: Me<Idle>) -> Result<(), Fault> {
    me = std::future::ready(me).await;
    me.state(()).run().await
}

fn main() {
    let _: [fn() -> ExitCode; 2] = [program::main, role];
}
