//! A child of a later version of the protocol.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use kinfolk::child::{self, Me};
use kinfolk_tests::LaterDrill;

fn main() -> ExitCode {
    child::main(|me: Me<LaterDrill>| me.state(()).run())
}
