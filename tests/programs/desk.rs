//! A child that was built from the old or the new version of its protocol, or from one with very many messages, as its
//! first argument says.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::process::ExitCode;

use kinfolk::child::{self, CallError, Cx, Me};
use kinfolk::{Message, SendCause, SendError};
use kinfolk_tests::on_each_long;
use kinfolk_tests::versions::{Said, new, old};

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("old") => child::main(old_desk),
        Some("many") => child::main(|me: Me<old::Desk>| on_each_long!(me.state(())).run()),
        _ => child::main(new_desk),
    }
}

async fn old_desk(me: Me<old::Desk>) -> child::Result {
    use old::{Add, Count, Jot, Plain, Relay, Resize};
    me.on_message(|_, Add(numbers)| async move { Ok(numbers.iter().sum()) })
        .on_message(|_, Resize { width, height }| async move { Ok(u64::from(width) * u64::from(height)) })
        .on_message(|_, Jot(_)| async move {})
        .on_message(|_, Count { marks }| async move { Ok(marks.len() as u64) })
        .on_message(|_, Plain(number)| async move { Ok(number) })
        .on_message(|cx: Cx<Relay>, Relay| async move {
            let parent = cx.parent();
            Ok(vec![
                asked::<old::Ask, _, _>(parent.request(old::Ask(1)).await),
                sent(parent.send(old::Told(1)).await),
                asked::<old::Quote, _, _>(parent.request(old::Quote { item: 1 }).await),
                sent(parent.send(old::Seen(1)).await),
                sent(parent.send(old::Noted("x".into())).await),
            ])
        })
        .run()
        .await
}

async fn new_desk(me: Me<new::Desk>) -> child::Result {
    use new::{Add, CountMarks, Greatest, Hint, Jot, Plain, Relay, Resize};
    me.on_message(|_, Add(numbers)| async move { Ok(numbers.iter().sum()) })
        .on_message(|_, Resize { width, height, .. }| async move { Ok(u64::from(width) * u64::from(height)) })
        .on_message(|_, Jot(_)| async move {})
        .on_message(|_, CountMarks { marks }| async move { Ok(marks.len() as u64) })
        .on_message(|_, Plain(number, _)| async move { Ok(number) })
        .on_message(|_, Greatest(numbers)| async move { Ok(numbers.into_iter().max()) })
        .on_message(|_, Hint(_)| async move {})
        .on_message(|cx: Cx<Relay>, Relay| async move {
            let (parent, currency) = (cx.parent(), "EUR".to_owned());
            Ok(vec![
                asked::<new::Ask, _, _>(parent.request(new::Ask(1)).await),
                sent(parent.send(new::Told(1)).await),
                asked::<new::Quote, _, _>(parent.request(new::Quote { item: 1, currency }).await),
                sent(parent.send(new::Seen(1)).await),
                sent(parent.send(new::Noted(vec![1])).await),
                asked::<new::Review, _, _>(parent.request(new::Review(1)).await),
                sent(parent.send(new::Rated(1)).await),
            ])
        })
        .run()
        .await
}

fn asked<M: Message, T, E: Display>(result: Result<T, CallError<E>>) -> Said {
    let end = match &result {
        Ok(_) => "Ok",
        Err(CallError::Unsupported { .. }) => "Unsupported",
        Err(CallError::ShapeMismatch { .. }) => "ShapeMismatch",
        Err(_) => "another",
    };
    said::<M>(end, result.err())
}

fn sent<M: Message>(result: Result<(), SendError<M>>) -> Said {
    let end = match &result {
        Ok(()) => "Ok",
        Err(SendError { cause: SendCause::Unsupported, .. }) => "Unsupported",
        Err(SendError { cause: SendCause::ShapeMismatch(_), .. }) => "ShapeMismatch",
        Err(_) => "another",
    };
    said::<M>(end, result.err())
}

fn said<M: Message>(end: &str, error: Option<impl Display>) -> Said {
    let sentence = error.map(|error| error.to_string()).unwrap_or_default();
    Said { message: M::NAME.to_owned(), end: end.to_owned(), sentence }
}
