//! A pool as a service of tower's.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_protocol::{Answered, ErrorOf, Message, Protocol, Reply, ToChild, Towards};
use tower_service::Service;

use super::error::PoolError;
use super::handle::Pool;

/// Submits each request; ready while a child or the queue has room. Of several that are told so at once some may wait
/// in line all the same, or be refused, as [`WhenFull`](super::WhenFull) says.
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
        self.submit(message).into_future().boxed()
    }
}
