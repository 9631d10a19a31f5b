//! The kit itself: a child within this process behaves like one of its own, and faults do what they say.

use std::sync::Mutex;
use std::time::Duration;

use futures::TryStreamExt;
use kinfolk_child::{Me, Result};
use kinfolk_parent::{CallError, Child, ChildEvent, ChildSpec, Disconnected, EndedBy, Parent, StartError, Why};
use kinfolk_protocol::{
    Bincode, Call, Cancelled, Fault as Error, Message, Protocol, Streaming, ToChild, ToParent, Version,
};
use kinfolk_testing::{Fault, FaultPlan, Snapshot, in_process};
use serde::{Deserialize, Serialize};

enum Kit {}
impl Protocol for Kit {
    const NAME: &'static str = "kit";
    const VERSION: Version = Version::new(1, 0);
    type Init = Begin;
    type Codec = Bincode;
}

#[derive(Serialize, Deserialize)]
enum Begin {
    Well,
    Fail,
    Panic,
}

macro_rules! messages {
    ($($to:ident $name:ident($field:ty) => $contract:ty;)*) => {$(
        #[derive(Serialize, Deserialize)]
        struct $name($field);
        impl Message for $name {
            type To = $to<Kit>;
            type Contract = $contract;
            const NAME: &'static str = stringify!($name);
        }
    )*};
}

messages! {
    ToChild Echo(Vec<u8>) => Call<Vec<u8>>;
    ToChild CountTo(u64) => Streaming<u64>;
    ToChild Ask(u64) => Call<u64, Error, u64>;
    ToChild Spin(()) => Call<u64>;
    ToChild Trip(()) => Call<()>;
    ToParent Double(u64) => Call<u64>;
}

async fn worker(me: Me<Kit>) -> Result {
    match me.init() {
        Begin::Well => {}
        Begin::Fail => return Err(Error::new("it was to fail")),
        Begin::Panic => panic!("it was to panic"),
    }
    me.on_message(|_, Echo(bytes)| async move { Ok(bytes) })
        .on_message(|cx, CountTo(end)| async move {
            for number in 0..end {
                cx.send(number).await;
            }
            Ok(())
        })
        .on_message(|cx, Ask(number)| async move {
            cx.send(50).await;
            Ok(cx.parent().request(Double(number)).await?)
        })
        .on_blocking(|job, Spin(())| -> std::result::Result<u64, Error> {
            loop {
                job.check().map_err(|Cancelled| Error::new("cancelled"))?;
                std::thread::yield_now();
            }
        })
        .on_message(|_, Trip(())| async { panic!("tripped") })
        .run()
        .await
}

fn spec(begin: Begin) -> ChildSpec<Kit, kinfolk_parent::WithInit<Kit>> {
    ChildSpec::<Kit>::new("kit", in_process(worker))
        .init(begin)
        .grace(Duration::from_millis(500))
        .on_message(|_, Double(number)| async move { Ok(2 * number) })
}

/// One test at a time: they count the descriptors of the process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone<F: Future<Output = ()>>(test: F) {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    // First: what a process opens once, for its first runtime, stays.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be built");
    let before = Snapshot::take();
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("it hangs") });
    drop(runtime);
    before.assert_no_leaks();
}

async fn start(plan: FaultPlan) -> (Parent, std::result::Result<Child<Kit>, StartError>) {
    let parent = Parent::new();
    let child = parent.spawn(plan.apply(spec(Begin::Well))).await;
    (parent, child)
}

#[test]
fn a_child_in_this_process_does_all_that_one_of_its_own_does() {
    alone(async {
        let (_parent, child) = start(FaultPlan::new()).await;
        let child = child.unwrap();
        let long = vec![7; 300_000];
        assert_eq!(child.request(Echo(long.clone())).await.unwrap(), long);
        let numbers: Vec<u64> = child.stream(CountTo(1_000)).try_collect().await.unwrap();
        assert_eq!(numbers, (0..1_000).collect::<Vec<_>>());
        let mut progress = Vec::new();
        assert_eq!(child.request(Ask(21)).on_progress(|p| progress.push(p)).await.unwrap(), 42);
        assert_eq!(progress, [50]);
        let error = child.request(Trip(())).await.unwrap_err();
        assert!(matches!(&error, CallError::Panicked { panic, .. } if panic.message == "tripped"), "{error:?}");
        let error = child.request(Spin(())).deadline(Duration::from_millis(20)).await.unwrap_err();
        assert!(error.is_deadline(), "{error:?}");
        let report = child.shutdown().await;
        assert!(report.status.is_success(), "{report}");
    });
}

#[test]
fn an_initialization_that_fails_or_panics_is_told() {
    alone(async {
        let parent = Parent::new();
        for (begin, words) in [(Begin::Fail, "it was to fail"), (Begin::Panic, "it was to panic")] {
            let error = parent.spawn(spec(begin)).await.unwrap_err();
            assert!(matches!(error, StartError::InitFailed { .. }) && error.to_string().contains(words), "{error}");
        }
    });
}

#[test]
fn a_child_in_this_process_can_be_ended_by_force() {
    alone(async {
        let (_parent, child) = start(FaultPlan::new()).await;
        let child = child.unwrap();
        let (ended, report) = tokio::join!(child.request(Spin(())), async {
            tokio::task::yield_now().await;
            child.kill().await
        });
        assert!(ended.unwrap_err().is_lost());
        assert_eq!(report.ended_by, EndedBy::Us(Why::Killed));
    });
}

#[test]
fn a_link_that_is_cut_ends_its_calls() {
    alone(async {
        let (_parent, child) = start(FaultPlan::new().from_child(3, Fault::Cut)).await;
        let child = child.unwrap();
        assert!(child.request(Echo(vec![1])).await.unwrap_err().is_lost());
        child.wait().await;
    });
}

#[test]
fn a_garbled_frame_ends_its_link_with_the_reason() {
    alone(async {
        let (_parent, child) = start(FaultPlan::new().from_child(3, Fault::Garble)).await;
        let child = child.unwrap();
        let mut events = child.events();
        assert!(child.request(Echo(vec![1])).await.unwrap_err().is_lost());
        let mut why = None;
        while let Some(event) = futures::StreamExt::next(&mut events).await {
            if let ChildEvent::Disconnected(how) = event {
                why = Some(how);
            }
        }
        assert!(matches!(why, Some(Disconnected::Misbehaved(_))), "{why:?}");
    });
}

#[test]
fn a_delayed_frame_arrives_and_a_stalled_one_leaves_calls_to_their_deadlines() {
    alone(async {
        let limit = Duration::from_millis(30);
        let plan = FaultPlan::new().from_child(3, Fault::Delay(limit)).to_child(3, Fault::Delay(limit));
        let (_parent, child) = start(plan.from_child(5, Fault::Stall)).await;
        let child = child.unwrap();
        for number in 0..2 {
            assert_eq!(child.request(Echo(vec![number])).await.unwrap(), [number]);
        }
        let error = child.request(Echo(vec![9])).deadline(limit).await.unwrap_err();
        assert!(error.is_deadline(), "{error:?}");
        child.kill().await;
    });
}

#[test]
fn a_handshake_that_stalls_ends_within_its_limit() {
    alone(async {
        let parent = Parent::new();
        let spec = spec(Begin::Well).handshake_timeout(Duration::from_millis(50));
        let error = parent.spawn(FaultPlan::new().from_child(1, Fault::Stall).apply(spec)).await.unwrap_err();
        assert!(matches!(error, StartError::Timeout { .. }), "{error}");
    });
}

#[test]
fn what_is_left_behind_is_named() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let before = Snapshot::take();
    let file = std::fs::File::open("/dev/null").unwrap();
    let panic = std::panic::catch_unwind(|| before.assert_no_leaks()).unwrap_err();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("/dev/null"), "{text}");
    drop(file);
    before.assert_no_leaks();
}
