//! The child in the middle: keeps nothing, so that another one can take its place at any moment.

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use kinfolk::child::{self, Me};
use kinfolk::port::{PeerHandle, Peering};
use kinfolk::{Blob, ToChild};
use tokio::task::spawn_blocking;

use crate::protocols::{Join, Keep, Packed, Squeeze, Squeezing};

/// What the role does.
pub(crate) async fn worker(me: Me<Squeezing>) -> child::Result {
    me.on_message(|_, neighbours: Join| join(neighbours)).run().await
}

/// The link to the reader has handlers, and so stays open without a handle.
async fn join(Join { from, to }: Join) -> child::Result {
    let writer = Peering::new(to).open().await?;
    Peering::new(from).on_message(move |_, message: Squeeze| squeeze(writer.clone(), message)).open().await?;
    Ok(())
}

/// Answers when the writer has: an acknowledgement is one from end to end.
async fn squeeze(writer: PeerHandle<ToChild<Packed>>, Squeeze { number, block }: Squeeze) -> child::Result {
    let packed = spawn_blocking(move || deflate(&block)).await??;
    Ok(writer.request(Keep { number, packed }).await?)
}

fn deflate(block: &[u8]) -> io::Result<Blob> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(block)?;
    Ok(Blob::from(encoder.finish()?))
}
