//! A pool as a service of tower's.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{BoxFuture, ready};
use kinfolk_protocol::{Answered, ErrorOf, Message, Protocol, Reply, ToChild, Towards};
use tower_service::Service;

use super::error::PoolError;
use super::handle::Pool;

/// Submits each request; ready while a child or the queue has room. A request takes its place when it is called, not
/// when it is polled. Of several callers that are told at once that there is room some may stand in line all the same,
/// or be refused, as [`WhenFull`](super::WhenFull) says; so is whoever calls without asking.
impl<P, M> Service<M> for Pool<P>
where
    P: Protocol,
    M: Message<Contract: Answered>,
    M::To: Towards<ToChild<P>>,
{
    type Response = Reply<M>;
    type Error = PoolError<ErrorOf<M>>;
    type Future = BoxFuture<'static, Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.poll_room(cx).map(Ok)
    }

    fn call(&mut self, message: M) -> Self::Future {
        // The place is taken here, so that whoever asks next whether there is room sees it.
        match self.submit(message).queued() {
            Ok(submission) => submission.into_future(),
            Err(error) => ready(Err(error)).boxed(),
        }
    }
}
