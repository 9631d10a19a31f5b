//! The owner of every process it starts.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use futures::future::join_all;
use kinfolk_protocol::{ChildName, Protocol};
use tokio_util::sync::CancellationToken;

use crate::child::Child;
use crate::error::StartError;
use crate::pool::{PoolBuilder, Slot};
use crate::registry::{DROP_LIMIT, Registry};
use crate::report::ExitReport;
use crate::shared::{ProtocolTag, Shared, Wish};
use crate::spec::{ChildSpec, Initialized};

/// Starts children and owns them: each has a name of its own, and none outlives it.
///
/// Dropping it kills every child with its group, at once, and reaps them. [`shutdown`](Self::shutdown) is the polite
/// way. If this process is killed, its children notice by themselves and end within half a second.
///
/// ```no_run
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
/// use kinfolk_parent::{ChildSpec, Parent, Program};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let parent = Parent::new();
/// let spec = ChildSpec::<Sums>::new("sums-1", Program::sibling("sum-worker")).init(100);
/// let sums = parent.spawn(spec).await?;
/// assert_eq!(sums.request(Add(vec![1, 2])).await?, 103);
/// println!("{}", sums.shutdown().await);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Parent {
    registry: Registry,
}

/// A child as [`Parent::children`] lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildInfo {
    /// Its name.
    pub name: ChildName,
    /// Its process.
    pub pid: u32,
    /// The name of its protocol.
    pub protocol: &'static str,
}

impl fmt::Display for ChildInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {}, {})", self.name, self.pid, self.protocol)
    }
}

impl Parent {
    /// A parent without children.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a child. Resolves when it is ready, or says exactly why it is not; then nothing of it is left.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Cancel safety
    /// Dropping the future kills the child.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn spawn<P, I>(&self, spec: ChildSpec<P, I>) -> Result<Child<P>, StartError>
    where
        P: Protocol,
        I: Initialized<P>,
    {
        self.registry.spawn_unless(&CancellationToken::new(), spec).await
    }

    /// A pool of children, each started by what `spec` says for its [`Slot`]: with `slot.index` in its init value or its
    /// environment each can be told something of its own. A child's name is that of its spec with the slot's numbers,
    /// as `sums-0.1`. See [`Pool`](crate::pool::Pool) for an example.
    pub fn pool<P, I, F>(&self, spec: F) -> PoolBuilder<P>
    where
        P: Protocol,
        I: Initialized<P> + Send + 'static,
        F: Fn(Slot) -> ChildSpec<P, I> + Send + Sync + 'static,
    {
        PoolBuilder::new(self.registry.clone(), spec)
    }

    /// The child of this name, if there is one that is ready and speaks `P`.
    #[must_use]
    pub fn get<P: Protocol>(&self, name: &str) -> Option<Child<P>> {
        let shared = self.registry.get(name)?;
        (shared.protocol == ProtocolTag::of::<P>()).then(|| Child::new(shared))
    }

    /// All children whose process was started and has not been reported as ended, by name.
    #[must_use]
    pub fn children(&self) -> Vec<ChildInfo> {
        let info = |shared: &Arc<Shared>| ChildInfo {
            name: shared.name.clone(),
            pid: shared.process.pid(),
            protocol: shared.protocol.name,
        };
        let mut all: Vec<ChildInfo> = self.registry.all().iter().map(info).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Ends all children, each as [`Child::shutdown`] does, at the same time. Nothing new can be started from the
    /// first poll on.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the shutdown back.
    pub async fn shutdown(&self) -> Vec<Arc<ExitReport>> {
        let all = self.registry.close();
        for shared in &all {
            shared.wish(Wish::Shutdown);
        }
        join_all(all.iter().map(|shared| shared.until_ended())).await
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let all = self.registry.close();
        all.iter().for_each(|shared| shared.kill_now());
        let end = Instant::now() + DROP_LIMIT;
        for shared in &all {
            shared.process.reap_within(end.saturating_duration_since(Instant::now()));
        }
    }
}
