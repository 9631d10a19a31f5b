use futures::StreamExt;
use kinfolk::parent::{ChildEvent, ChildSpec, ExitStatus, Parent, Program};
use kinfolk_tests::{Count, Drill, Echo, Tick};

#[tokio::test]
async fn a_child_answers_and_leaves() {
    let parent = Parent::new();
    let spec = ChildSpec::<Drill>::new("echo", Program::path(env!("CARGO_BIN_EXE_echo"))).init("x".into());
    let child = parent.spawn(spec).await.unwrap();
    assert_eq!(child.request(Echo(7)).await.unwrap(), 7);
    child.send(Count(5_000)).await.unwrap();
    let mut events = child.events();
    let mut seen = 0;
    while seen < 5_000 {
        if let ChildEvent::Message(message) = events.next().await.unwrap() {
            assert_eq!(message.decode::<Tick>().unwrap().unwrap().0, seen);
            seen += 1;
        }
    }
    let report = child.shutdown().await;
    assert_eq!(report.status, ExitStatus::Code(0), "{report}");
}
