//! A child that behaves.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use kinfolk::child::{self, Me};
use kinfolk_tests::{Count, Drill, Echo, Tick};

async fn worker(me: Me<Drill>) -> child::Result {
    me.on_message(|_, Echo(number)| async move { Ok(number) })
        .on_message(|cx, Count(number)| async move {
            for tick in 0..number {
                if cx.parent().send(Tick(tick)).await.is_err() {
                    return;
                }
            }
        })
        .run()
        .await
}

fn main() -> ExitCode {
    child::main(worker)
}
