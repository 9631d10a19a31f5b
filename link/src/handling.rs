//! A handler at work: decoding, the program's code, the answer. All three run code of the program's, so a panic in
//! any of
//! them becomes a failure of this message alone.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt;
use kinfolk_protocol::{Answer, Failure, Message, PanicInfo};

use crate::attachments::Arrived;
use crate::conn::Scope;
use crate::scratch::CodecOf;
use crate::trace::handling;

/// What a panic that was caught becomes.
pub type Caught = fn(&(dyn Any + Send)) -> PanicInfo;

/// Handles a one-way message.
///
/// # Errors
/// [`Failure`] if it does not decode, or its handler panicked.
pub async fn handle<M, Fut>(
    payload: Arrived,
    handler: impl FnOnce(M) -> Fut,
    caught: Caught,
) -> Result<Answer<M>, Failure>
where
    M: Message,
    Fut: Future<Output = Answer<M>>,
{
    guard(caught, async {
        let message = decode::<M>(payload)?;
        Ok(handler(message).await)
    })
    .await
}

/// Handles a call and sends its answer, unless it was withdrawn before it could begin.
pub async fn answer<M, Fut>(scope: Arc<Scope>, payload: Arrived, handler: impl FnOnce(M) -> Fut, caught: Caught)
where
    M: Message,
    Fut: Future<Output = Answer<M>>,
{
    if !scope.begin().await {
        return;
    }
    let answering = scope.answering();
    let handled = guard(caught, async {
        let message = decode::<M>(payload)?;
        let answer = scope.ambient().around(handling(M::NAME, &scope, async { handler(message).await })).await;
        answering.settle::<M>(answer).await;
        Ok(())
    });
    if let Err(failure) = handled.await {
        answering.fail(&failure).await;
    }
}

/// The payload is dropped before the handler runs: it may share a buffer with others.
fn decode<M: Message>(payload: Arrived) -> Result<M, Failure> {
    payload.decode::<CodecOf<M>, M>().map_err(|error| Failure::BadMessage(error.to_string()))
}

async fn guard<T>(caught: Caught, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(Failure::Panicked(caught(&*panic))))
}
