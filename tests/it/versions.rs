//! Two programs with different versions of one protocol: what both know works, and nothing is misread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::StreamExt;
use kinfolk::parent::{CallError, Child, ChildEvent, ChildSpec, Parent, Program, Unhandled, UnhandledError};
use kinfolk::{Protocol, SendCause};
use kinfolk_tests::versions::{Long, Longer, Said, new, old};

use crate::support::{eventually, within};

const DESK: &str = env!("CARGO_BIN_EXE_desk");

/// A parent of the new version with a child of the old one. The number is what it was last told.
async fn new_parent() -> (Parent, Child<new::Desk>, Arc<AtomicU64>) {
    let (parent, told) = (Parent::new(), Arc::new(AtomicU64::new(0)));
    let heard = Arc::clone(&told);
    let spec = ChildSpec::<new::Desk>::new("old", Program::path(DESK))
        .arg("old")
        .on_message(|_, new::Ask(number)| async move { Ok(number) })
        .on_message(|_, new::Quote { .. }| async move { panic!("misread") })
        .on_message(|_, new::Seen(_)| async move { panic!("misread") })
        .on_message(|_, new::Review(_)| async move { panic!("the child does not know it") })
        .on_message(move |_, new::Told(number)| {
            heard.store(number.into(), Ordering::SeqCst);
            std::future::ready(())
        });
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child, told)
}

/// A parent of the old version with a child of the new one.
async fn old_parent() -> (Parent, Child<old::Desk>, Arc<AtomicU64>) {
    let (parent, told) = (Parent::new(), Arc::new(AtomicU64::new(0)));
    let heard = Arc::clone(&told);
    let spec = ChildSpec::<old::Desk>::new("new", Program::path(DESK))
        .arg("new")
        .on_message(|_, old::Ask(number)| async move { Ok(number) })
        .on_message(|_, old::Quote { .. }| async move { panic!("misread") })
        .on_message(|_, old::Seen(_)| async move { panic!("misread") })
        .on_message(move |_, old::Told(number)| {
            heard.store(number.into(), Ordering::SeqCst);
            std::future::ready(())
        });
    let child = within(parent.spawn(spec)).await.unwrap();
    (parent, child, told)
}

/// What came of the child's message `name`.
fn of<'a>(said: &'a [Said], name: &str) -> &'a Said {
    said.iter().find(|said| said.message == name).unwrap_or_else(|| panic!("nothing of {name}"))
}

#[tokio::test]
async fn what_both_versions_have_works_in_both_directions() {
    let (_parent, child, told) = new_parent().await;
    assert_eq!(within(child.request(new::Add(vec![1, 2]))).await.unwrap(), 3);
    let said = within(child.request(new::Relay)).await.unwrap();
    assert_eq!((of(&said, "Ask").end.as_str(), of(&said, "Told").end.as_str()), ("Ok", "Ok"), "{said:?}");
    eventually("the new parent was told", || told.load(Ordering::SeqCst) == 1).await;

    let (_parent, child, told) = old_parent().await;
    assert_eq!(within(child.request(old::Add(vec![1, 2]))).await.unwrap(), 3);
    let said = within(child.request(old::Relay)).await.unwrap();
    assert_eq!((of(&said, "Ask").end.as_str(), of(&said, "Told").end.as_str()), ("Ok", "Ok"), "{said:?}");
    eventually("the old parent was told", || told.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn what_the_older_child_lacks_is_unsupported_and_harms_nothing_else() {
    let (_parent, child, _) = new_parent().await;
    let error = within(child.request(new::Greatest(vec![1]))).await.unwrap_err();
    assert!(matches!(error, CallError::Unsupported { .. }) && error.is_undelivered(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "call `Greatest` to child `old` has no handler there: register one, or compare the versions of the two programs"
    );
    let refused = within(child.send(new::Hint("x".into()))).await.unwrap_err();
    assert_eq!((&refused.cause, refused.message.0.as_str()), (&SendCause::Unsupported, "x"), "{refused}");
    assert_eq!(child.try_send(new::Hint("x".into())).unwrap_err().cause, SendCause::Unsupported);
    assert_eq!(within(child.request(new::Add(vec![1]))).await.unwrap(), 1);
}

#[tokio::test]
async fn what_the_older_parent_lacks_is_unsupported_or_an_event_and_harms_nothing_else() {
    let (_parent, child, _) = old_parent().await;
    let mut events = child.events();
    let said = within(child.request(old::Relay)).await.unwrap();
    let review = of(&said, "Review");
    assert_eq!(review.end, "Unsupported", "{review:?}");
    assert!(review.sentence.contains("`Review`"), "{review:?}");
    assert_eq!(of(&said, "Rated").end, "Ok", "whoever reads the events may know it");
    loop {
        match within(events.next()).await.unwrap() {
            ChildEvent::Message(message) if message.is::<new::Rated>() => {
                assert_eq!(message.decode::<new::Rated>().unwrap().unwrap().0, 1);
                break;
            }
            _ => {}
        }
    }
    assert_eq!(within(child.request(old::Add(vec![1]))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_changed_message_is_refused_with_both_shapes_in_one_sentence() {
    let (_parent, child, _) = new_parent().await;
    let resize = new::Resize { width: 2, height: 3, quality: 80 };
    let error = within(child.request(resize)).await.unwrap_err();
    assert!(matches!(error, CallError::ShapeMismatch { .. }) && error.is_undelivered(), "{error:?}");
    assert_eq!(
        error.to_string(),
        "call `Resize` to child `old` was not sent: `Resize` is `Resize { width: u32, height: u32, quality: u8 } -> u64 | \
         Fault` in this program and `Resize { width: u32, height: u32 } -> u64 | Fault` in the other: build both from one \
         version of the protocol crate; a minor version may add message types, never change them"
    );
    let refused = within(child.send(new::Jot(vec!["x".into()]))).await.unwrap_err();
    assert!(matches!(refused.cause, SendCause::ShapeMismatch(_)), "{refused:?}");
    let sentence = refused.to_string();
    assert!(
        sentence.contains("`Jot([String])` in this") && sentence.contains("`Jot(String)` in the other"),
        "{sentence}"
    );
    assert_eq!(within(child.request(new::Add(vec![1]))).await.unwrap(), 1);

    let (_parent, child, _) = old_parent().await;
    let error = within(child.request(old::Resize { width: 2, height: 3 })).await.unwrap_err();
    assert!(matches!(error, CallError::ShapeMismatch { .. }), "{error:?}");
    assert!(matches!(child.try_send(old::Jot("x".into())).unwrap_err().cause, SendCause::ShapeMismatch(_)));
    assert_eq!(within(child.request(old::Add(vec![1]))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_changed_message_is_refused_on_its_way_to_the_parent_too() {
    let (_parent, child, _) = new_parent().await;
    let said = within(child.request(new::Relay)).await.unwrap();
    for name in ["Quote", "Seen"] {
        assert_eq!(of(&said, name).end, "ShapeMismatch", "{said:?}");
    }
    assert_eq!(
        of(&said, "Quote").sentence,
        "call `Quote` to the parent was not sent: `Quote` is `Quote { item: u32 } -> u64 | Fault` in this program and \
         `Quote { item: u32, currency: String } -> u64 | Fault` in the other: build both from one version of the \
         protocol crate; a minor version may add message types, never change them"
    );
    let (_parent, child, _) = old_parent().await;
    let said = within(child.request(old::Relay)).await.unwrap();
    for (name, ours, theirs) in [("Quote", "currency: String }", "{ item: u32 }"), ("Seen", "(u64)", "(u32)")] {
        let Said { end, sentence, .. } = of(&said, name);
        assert_eq!(end, "ShapeMismatch", "{said:?}");
        let (here, there) = sentence.split_once("in this program").unwrap();
        assert!(here.contains(ours) && there.contains(theirs), "{sentence}");
    }
    assert_eq!(of(&said, "Told").end, "Ok", "the rest goes on");
}

/// The child's message that no handler took.
async fn noted<P: Protocol>(child: &Child<P>) -> Unhandled {
    let mut events = child.events();
    loop {
        match within(events.next()).await.unwrap() {
            ChildEvent::Message(message) if message.is::<new::Noted>() => return message,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_changed_message_without_a_handler_is_not_misread_where_it_is_decoded() {
    let (_parent, child, _) = new_parent().await;
    let said = within(child.request(new::Relay)).await.unwrap();
    assert_eq!(of(&said, "Noted").end, "Ok", "whoever reads the events may know it");
    let message = noted(&child).await;
    let error = message.decode::<new::Noted>().unwrap().unwrap_err();
    assert!(matches!(error, UnhandledError::ShapeMismatch(_)), "{error:?}");
    assert_eq!(
        error.to_string(),
        "`Noted` is `Noted([u16])` in this program and `Noted(String)` in the other: build both from one version of \
         the protocol crate; a minor version may add message types, never change them"
    );
    assert_eq!(message.decode::<old::Noted>().unwrap().unwrap().0, "x", "the child's own definition fits");
    assert!(message.decode::<new::Told>().is_none());
    assert_eq!(within(child.request(new::Add(vec![1]))).await.unwrap(), 1);

    let (_parent, child, _) = old_parent().await;
    within(child.request(old::Relay)).await.unwrap();
    let error = noted(&child).await.decode::<old::Noted>().unwrap().unwrap_err();
    assert!(matches!(error, UnhandledError::ShapeMismatch(_)), "{error:?}");
    assert_eq!(within(child.request(old::Add(vec![1]))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_type_may_be_renamed() {
    let (_parent, child, _) = new_parent().await;
    let marks = vec![new::Spot { at: 1 }, new::Spot { at: 2 }];
    assert_eq!(within(child.request(new::CountMarks { marks })).await.unwrap(), 2);
    let (_parent, child, _) = old_parent().await;
    assert_eq!(within(child.request(old::Count { marks: vec![old::Mark { at: 1 }] })).await.unwrap(), 1);
}

#[tokio::test]
async fn a_message_without_a_shape_is_not_compared_and_bytes_too_many_or_too_few_are_told() {
    let (_parent, child, _) = new_parent().await;
    let error = within(child.request(new::Plain(1, 2))).await.unwrap_err();
    let CallError::BadMessage { reason, .. } = &error else { panic!("{error:?}") };
    assert!(reason.contains("trailing") || reason.contains("left"), "{reason}");
    assert_eq!(within(child.request(new::Add(vec![1]))).await.unwrap(), 1);
    let (_parent, child, _) = old_parent().await;
    let error = within(child.request(old::Plain(1))).await.unwrap_err();
    assert!(matches!(error, CallError::BadMessage { .. }), "{error:?}");
    assert_eq!(within(child.request(old::Add(vec![1]))).await.unwrap(), 1);
}

#[tokio::test]
async fn more_shapes_than_fit_one_frame_are_all_compared() {
    let parent = Parent::new();
    let spec = ChildSpec::<old::Desk>::new("many", Program::path(DESK)).arg("many");
    let child = within(parent.spawn(spec)).await.unwrap();
    assert_eq!(within(child.request(Long::<0>)).await.unwrap(), 0);
    assert_eq!(within(child.request(Long::<39>)).await.unwrap(), 39);
    let error = within(child.request(Longer::<1>(0))).await.unwrap_err();
    assert!(matches!(error, CallError::ShapeMismatch { .. }), "{error}");
    // There was no room for the words of the last one, but for its fingerprint.
    let error = within(child.request(Longer::<38>(0))).await.unwrap_err();
    assert!(matches!(error, CallError::ShapeMismatch { .. }), "{error}");
    assert!(error.to_string().contains("` in this program and something else in the other: build both"), "{error}");
}
