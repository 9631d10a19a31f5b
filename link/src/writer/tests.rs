//! Waiting for what is queued to leave.

use futures::FutureExt;
use kinfolk_protocol::{CallId, Kind, WHOLE};

use super::*;
use crate::memory::Memory;

const BOUNDS: Bounds = Bounds { items: 1_000, bytes: 1 << 20, long: 1 << 20 };

#[tokio::test]
async fn whoever_makes_items_waits_while_as_many_are_queued_as_leave_at_once() {
    let (ours, _theirs) = Memory::pair(1 << 20);
    let writer = Writer::new(Arc::new(ours), BOUNDS);
    let (call, another) = (CallId::from_bits(1), CallId::from_bits(2));
    let push = |call| writer.push(&Header::of_call(Kind::Item, call, WHOLE), &mut vec![1; WHOLE as usize].into());
    push(call);
    push(another);
    assert!(writer.caught_up(Order::Answer(call)).now_or_never().is_some(), "only one is of this call");
    push(call);
    assert!(writer.caught_up(Order::Answer(call)).now_or_never().is_none());
    assert!(writer.caught_up(Order::Answer(another)).now_or_never().is_some(), "each call waits for its own alone");
    tokio::join!(writer.caught_up(Order::Answer(call)), async {
        yield_now().await;
        writer.flush();
    });
    push(call);
    push(call);
    tokio::join!(writer.caught_up(Order::Answer(call)), async {
        yield_now().await;
        writer.close();
    });
}
