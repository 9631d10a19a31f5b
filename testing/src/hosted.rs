//! A child on a thread of the test.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitStatus;
use std::sync::{Arc, Mutex};
use std::thread;

use futures::FutureExt;
use futures::future::BoxFuture;
use kinfolk_child::{Me, host};
use kinfolk_link::{Signal, lock};
use kinfolk_parent::{Hosted, Program};
use kinfolk_protocol::Protocol;
use tokio::sync::watch;

/// A child whose `worker`, the argument of `kinfolk::child::main`, runs on a thread of this process instead of in a
/// program of its own. Everything else is the same: the spec, the handshake, the frames, the handle, the events.
///
/// What needs a process is not to be had: its output is the test's, its arguments and environment are not set, a panic
/// outside a handler is not reported, and `kill` drops the worker and its handlers at their next `await`; a
/// computation goes on until it asks `job.check()`.
///
/// ```
/// # use kinfolk_protocol::{Bincode, Call, Message, Protocol, ToChild, Version};
/// # enum Sums {}
/// # impl Protocol for Sums {
/// #     const NAME: &'static str = "sums";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = u64;
/// #     type Codec = Bincode;
/// # }
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Add(Vec<u64>);
/// # impl Message for Add {
/// #     type To = ToChild<Sums>;
/// #     type Contract = Call<u64>;
/// #     const NAME: &'static str = "Add";
/// # }
/// use kinfolk_child::Me;
/// use kinfolk_parent::{ChildSpec, Parent};
/// use kinfolk_testing::in_process;
///
/// async fn worker(me: Me<Sums>) -> kinfolk_child::Result {
///     let start = *me.init();
///     me.on_message(move |_, Add(numbers)| async move { Ok(start + numbers.iter().sum::<u64>()) }).run().await
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let parent = Parent::new();
/// let sums = parent.spawn(ChildSpec::<Sums>::new("sums", in_process(worker)).init(100)).await?;
/// assert_eq!(sums.request(Add(vec![1, 2])).await?, 103);
/// assert!(sums.shutdown().await.status.is_success());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn in_process<P, F, Fut>(worker: F) -> Program
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut + Send + 'static,
    Fut: Future<Output = kinfolk_child::Result>,
{
    Program::hosted(move |link| {
        let child = Arc::new(ThreadChild::new(&link)?);
        start(worker, link, Arc::clone(&child))?;
        Ok(child)
    })
}

/// What Rust makes of a panic in `main`.
const PANICKED: u8 = 101;
/// What `host` returns if it was told to end.
const KILLED: u8 = 137;

/// The thread, as its parent sees it.
#[derive(Debug)]
struct ThreadChild {
    /// Its end of the link: without it, a handshake that waits for its parent ends.
    link: UnixStream,
    /// True once it is to end.
    ending: watch::Sender<bool>,
    /// How it ended, once it has.
    status: watch::Sender<Option<ExitStatus>>,
    thread: Mutex<Option<thread::JoinHandle<()>>>,
}

fn start<P, F, Fut>(worker: F, link: OwnedFd, child: Arc<ThreadChild>) -> io::Result<()>
where
    P: Protocol,
    F: FnOnce(Me<P>) -> Fut + Send + 'static,
    Fut: Future<Output = kinfolk_child::Result>,
{
    let mut ending = child.ending.subscribe();
    let ended = Arc::clone(&child);
    let run = move || {
        // Ends with its sender too, which lives in `ended`.
        let end = async move { drop(ending.wait_for(|ending| *ending).await) };
        // A process of its own would end so if even its init value made it panic.
        let code = catch_unwind(AssertUnwindSafe(|| host(link, worker, end))).unwrap_or(PANICKED);
        let killed = *ended.ending.borrow() && code == KILLED;
        // As `wait` gives it: a signal as it is, an exit code in the second byte.
        let status = if killed { Signal::KILL.as_raw() } else { i32::from(code) << 8 };
        // Without it nobody would notice that the child is gone.
        let _ = ended.link.shutdown(Shutdown::Both);
        ended.status.send_replace(Some(ExitStatus::from_raw(status)));
    };
    let thread = thread::Builder::new().name(format!("child-{}", P::NAME)).spawn(run)?;
    *lock(&child.thread) = Some(thread);
    Ok(())
}

impl ThreadChild {
    fn new(link: &OwnedFd) -> io::Result<Self> {
        Ok(Self {
            link: link.try_clone()?.into(),
            ending: watch::Sender::new(false),
            status: watch::Sender::new(None),
            thread: Mutex::default(),
        })
    }
}

impl Hosted for ThreadChild {
    fn ended(&self) -> BoxFuture<'_, ()> {
        async {
            // The sender lives in `self`.
            let _ = self.status.subscribe().wait_for(Option::is_some).await;
            let thread = lock(&self.thread).take();
            if let Some(thread) = thread {
                // It has nothing left to do but to return.
                let _ = thread.join();
            }
        }
        .boxed()
    }

    fn end(&self) {
        self.ending.send_replace(true);
        // An error means that it has ended already.
        let _ = self.link.shutdown(Shutdown::Both);
    }

    fn status(&self) -> Option<ExitStatus> {
        *self.status.borrow()
    }
}
