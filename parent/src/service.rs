//! A child as a service of tower's.

use std::task::{Context, Poll};

use kinfolk_protocol::{Answered, ErrorOf, Message, Protocol, Reply, ToChild, Towards};
use tower_service::Service;

use crate::child::Child;
use crate::error::CallError;
use crate::request::Pending;

/// Asks the child. Always ready: a call waits for its place among those the child takes at once. Where callers are to
/// be held back before, put tower's concurrency limit round it.
impl<P, M> Service<M> for Child<P>
where
    P: Protocol,
    M: Message<Contract: Answered>,
    M::To: Towards<ToChild<P>>,
{
    type Response = Reply<M>;
    type Error = CallError<ErrorOf<M>>;
    type Future = Pending<'static, M>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, message: M) -> Self::Future {
        self.request(message).into_future()
    }
}
