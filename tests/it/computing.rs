//! Computing never stops cancel, small calls or drain.

use std::time::Duration;

use kinfolk::parent::{ExitStatus, Parent};
use kinfolk_tests::{Begin, Cancellations, Compute, Echo, Tick};

use crate::support::{give_up_begun, one, within, worker};

#[tokio::test]
async fn a_handler_that_computes_for_five_seconds_leaves_room_for_a_cancel_and_a_second_call() {
    let (_parent, child) = one().await;
    let long = tokio::spawn(child.request(Compute(5_000)).into_future());
    give_up_begun(|| child.request(Compute(600_000))).await;
    assert_eq!(within(child.request(Echo(1))).await.unwrap(), 1);
    let mut count = 0;
    while count == 0 {
        count = within(child.request(Cancellations())).await.unwrap();
    }
    assert!(!long.is_finished(), "it was answered while the first one computed");
    assert!(within(long).await.unwrap().unwrap() > 0);
}

#[tokio::test]
async fn a_computation_that_was_cancelled_cleans_up_before_its_child_leaves() {
    let parent = Parent::new();
    let (told, mut tells) = tokio::sync::mpsc::channel(1);
    let spec = worker("one", Begin::Well).on_message(move |_, Tick(number)| {
        let told = told.clone();
        async move { told.send(number).await.unwrap() }
    });
    let child = within(parent.spawn(spec)).await.unwrap();
    give_up_begun(|| child.request(Compute(600_001))).await;
    assert_eq!(within(child.shutdown()).await.status, ExitStatus::Code(0));
    assert_eq!(within(tells.recv()).await, Some(600_001), "it was told, and the child left by itself after that");
}

#[tokio::test]
async fn a_computation_that_nobody_waits_for_does_not_keep_a_child_from_leaving() {
    let (_parent, child) = one().await;
    let call = child.request(Compute(600_000)).deadline(Duration::from_millis(50));
    assert!(within(call).await.unwrap_err().is_deadline());
    let report = within(child.shutdown()).await;
    assert_eq!(report.status, ExitStatus::Code(0), "{report}");
}
