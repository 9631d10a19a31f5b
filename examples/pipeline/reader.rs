//! The first child: makes blocks, and sends each until it is acknowledged.

use std::future::ready;

use futures::{StreamExt, TryStreamExt, stream};
use kinfolk::child::{self, Cx, Me};
use kinfolk::port::{PeerHandle, Peering};
use kinfolk::{Blob, Delivery, Fault, ToChild};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

use crate::block;
use crate::protocols::{DeliverAll, Delivered, Raw, Reading, SendTo, Squeeze};

/// Blocks that are made and not acknowledged: a few more than the squeezer takes, so that it never waits.
const AHEAD: usize = 12;

/// The squeezer of now, or the last one.
type Next = watch::Sender<Option<PeerHandle<ToChild<Raw>>>>;

/// What the role does.
pub(crate) async fn worker(me: Me<Reading>) -> child::Result {
    me.state(Next::new(None)).on_message(send_to).on_message(deliver_all).run().await
}

async fn send_to(cx: Cx<SendTo, Next>, SendTo(port): SendTo) -> child::Result {
    let squeezer = Peering::new(port).open().await?;
    cx.state().send_replace(Some(squeezer));
    Ok(())
}

async fn deliver_all(cx: Cx<DeliverAll, Next>, DeliverAll { blocks }: DeliverAll) -> child::Result<Delivered> {
    let mut sum = Sha256::new();
    let deliveries = stream::iter(0..blocks).map(|number| {
        let block = block::make(number)?;
        sum.update(&block);
        Ok(deliver(cx.state().subscribe(), number, block))
    });
    let sent_again = deliveries.try_buffer_unordered(AHEAD).try_fold(0, |sum, again| ready(Ok(sum + again))).await?;
    Ok(Delivered { sent_again, sum: block::hex(sum) })
}

/// Returns when the block is in its place, with how often it was sent in vain.
async fn deliver(
    mut next: watch::Receiver<Option<PeerHandle<ToChild<Raw>>>>,
    number: u64,
    block: Blob,
) -> Result<u64, Fault> {
    let mut again = 0;
    loop {
        let there = |peer: &Option<PeerHandle<_>>| peer.as_ref().is_some_and(PeerHandle::is_connected);
        // A clone keeps the watch free for the next squeezer.
        let Some(squeezer) = next.wait_for(there).await?.clone() else { continue };
        // The clone of a blob shares its bytes.
        match squeezer.request(Squeeze { number, block: block.clone() }).await {
            Ok(()) => return Ok(again),
            // Whether it had come through is for the writer to know: it knows blocks by their number.
            Err(error) if error.is_lost() => again += u64::from(error.delivery() > Some(Delivery::NotSent)),
            Err(error) => return Err(error.into()),
        }
    }
}
