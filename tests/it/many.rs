//! Many at once.

use futures::future::join_all;
use kinfolk::parent::Parent;
use kinfolk_tests::{Begin, Echo, Grow};

use crate::support::{exists, one, within, worker};

#[tokio::test]
async fn a_hundred_children_at_once() {
    let parent = Parent::new();
    let starts = (0..100).map(|n| parent.spawn(worker(&format!("child-{n}"), Begin::Well)));
    let children: Vec<_> = within(join_all(starts)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(parent.children().len(), 100);
    let calls = children.iter().enumerate().map(|(n, child)| child.request(Echo(n as u64)).into_future());
    let answers: Vec<u64> = within(join_all(calls)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..100).collect::<Vec<_>>());
    let reports = within(parent.shutdown()).await;
    assert!(reports.iter().all(|report| report.status.is_success()));
    assert!(children.iter().all(|child| !exists(child.pid())));
}

#[tokio::test]
async fn a_thousand_calls_in_flight_are_each_answered_with_their_own() {
    let (_parent, child) = one().await;
    let calls = (0..1_000).map(|n| child.request(Echo(n)).into_future());
    let answers: Vec<u64> = within(join_all(calls)).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(answers, (0..1_000).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_directions_full_at_once_do_not_stop_each_other() {
    let parent = Parent::new();
    let child = within(parent.spawn(worker("w", Begin::Well).arg("--multi-thread"))).await.unwrap();
    let call = |n: usize| {
        let child = child.clone();
        tokio::spawn(async move {
            child.request(Grow(vec![n as u8; 100_000].into(), 100_000)).await.map(|bytes| bytes.len())
        })
    };
    for answer in within(join_all((0..300).map(call))).await {
        assert_eq!(answer.unwrap().unwrap(), 200_000);
    }
}
