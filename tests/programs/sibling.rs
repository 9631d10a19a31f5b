//! A program with one end of a port as its stdin, whose handlers write down that they have begun, before they do
//! anything else: in a file that is still there after it was killed.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{Write, stdin};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;

use kinfolk::port::{Closed, Peering};
use kinfolk::{Fault, Port, ToParent};
use kinfolk_tests::siblings::{Fed, Feed, Jot, Kin};
use tokio::task::yield_now;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Fault> {
    let book = std::env::args().nth(1).ok_or_else(|| Fault::new("which book?"))?;
    let book = Arc::new(File::options().append(true).open(book)?);
    let port = Port::<ToParent<Kin>>::from_stream(UnixStream::from(stdin().as_fd().try_clone_to_owned()?));
    let peer = Peering::new(port)
        .concurrency(3)
        .on_message(move |_, Jot(number)| jot(Arc::clone(&book), number))
        .on_message(|cx, Feed(bytes)| async move { cx.peer().send(Fed(bytes)).await.expect("it is read") })
        .open()
        .await?;
    Ok(ExitCode::from(u8::from(peer.closed().await != Closed::ByPeer)))
}

/// One `write`, so that an entry is there whole or not at all.
async fn jot(book: Arc<File>, number: u64) -> Result<u64, Fault> {
    let written = (&*book).write(&number.to_le_bytes())?;
    assert_eq!(written, 8, "half an entry");
    for _ in 0..number % 16 {
        yield_now().await;
    }
    Ok(number)
}
