//! The owner of every process it starts.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use futures::future::join_all;
use kinfolk_link::{InheritedPair, Packed, Socket, Transport, lock, waiting_role};
use kinfolk_protocol::{ChildName, Expected, Limits, Protocol};

use crate::attach::attach;
use crate::child::Child;
use crate::driver::{self, Beginning, Joined, LinkSide, Outputs};
use crate::error::StartError;
use crate::launch::Launch;
use crate::process::{Process, Started};
use crate::program::{Host, Program, Resolved};
use crate::report::ExitReport;
use crate::shared::{ProtocolTag, Shared, Wish};
use crate::spec::{ChildSpec, Initialized, Settings, Wrap};

/// How long dropping a `Parent` waits for its children to be gone. SIGKILL takes milliseconds unless a process is
/// frozen.
const DROP_LIMIT: Duration = Duration::from_secs(2);

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
    registry: Arc<Registry>,
}

#[derive(Debug, Default)]
struct Registry(Mutex<Family>);

#[derive(Debug, Default)]
struct Family {
    /// `None` while its process is being started.
    children: HashMap<ChildName, Option<Arc<Shared>>>,
    closing: bool,
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

/// A name that is taken; free again when this is dropped.
struct Reservation {
    registry: Weak<Registry>,
    name: ChildName,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(registry) = self.registry.upgrade() {
            lock(&registry.0).children.remove(&self.name);
        }
    }
}

/// Wishes a child gone whose start nobody waits for any more.
struct KillOnDrop(Option<Arc<Shared>>);

impl KillOnDrop {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(shared) = &self.0 {
            shared.wish(Wish::DropStart);
        }
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
        let ChildSpec { settings, init, .. } = spec;
        let name = ChildName::new(&settings.name).map_err(StartError::Name)?;
        settings.limits.check().map_err(|source| StartError::Limits { child: name.clone(), source })?;
        let init = Packed::for_init::<P::Codec, P::Init>(&init.value())
            .map_err(|source| StartError::EncodeInit { child: name.clone(), source })?;
        let shared = self.start(name, ProtocolTag::of::<P>(), Expected::of::<P>(), settings, init).await?;
        Ok(Child::new(shared))
    }

    /// [`spawn`](Self::spawn) without its types.
    async fn start(
        &self,
        name: ChildName,
        protocol: ProtocolTag,
        expected: Expected,
        settings: Settings,
        init: Packed,
    ) -> Result<Arc<Shared>, StartError> {
        let reservation = self.reserve(&name)?;
        let Settings { program, launch, patience, limits, handlers, shared_memory, trust, wrap, .. } = settings;
        let joined = match resolve(&name, program)? {
            Resolved::Attach(invitation) => attach(&name, &invitation, patience.handshake, limits).await,
            Resolved::Run { program, role } => join(&name, program, role.as_deref(), &launch, limits, wrap),
            Resolved::Hosted(host) => join_hosted(&name, host, limits, wrap),
        };
        let Joined { process, link, outputs } = joined?;
        let shared = Arc::new(Shared::new(name, protocol, Arc::new(process)));
        self.adopt(&shared)?;
        // Beyond the driver's own notice: READY may have come a moment before this future is dropped.
        let unless_started = KillOnDrop(Some(Arc::clone(&shared)));
        let started = driver::start(Beginning {
            shared: Arc::clone(&shared),
            link,
            outputs,
            handlers: Arc::new(handlers),
            shared_memory,
            trust,
            patience,
            terminate: launch.terminate,
            ours: limits,
            expected,
            init,
            on_end: Box::new(move || drop(reservation)),
        });
        let result = started.await;
        unless_started.disarm();
        // The task ends without a word only if the runtime is being shut down.
        result.unwrap_or_else(|_| Err(StartError::ShuttingDown { child: shared.name.clone() }))?;
        Ok(shared)
    }

    /// Reserves a name, unless this process is itself about to become a child.
    fn reserve(&self, name: &ChildName) -> Result<Reservation, StartError> {
        if let Some(role) = waiting_role() {
            return Err(StartError::Unclaimed { role });
        }
        let mut family = lock(&self.registry.0);
        if family.closing {
            return Err(StartError::ShuttingDown { child: name.clone() });
        }
        if family.children.contains_key(name) {
            return Err(StartError::NameTaken { child: name.clone() });
        }
        family.children.insert(name.clone(), None);
        Ok(Reservation { registry: Arc::downgrade(&self.registry), name: name.clone() })
    }

    /// Takes a process into the family, unless the parent has begun to shut down meanwhile.
    fn adopt(&self, shared: &Arc<Shared>) -> Result<(), StartError> {
        let mut family = lock(&self.registry.0);
        if family.closing {
            drop(family);
            shared.kill_now();
            shared.process.reap_within(DROP_LIMIT);
            return Err(StartError::ShuttingDown { child: shared.name.clone() });
        }
        family.children.insert(shared.name.clone(), Some(Arc::clone(shared)));
        Ok(())
    }

    /// The child of this name, if there is one that is ready and speaks `P`.
    #[must_use]
    pub fn get<P: Protocol>(&self, name: &str) -> Option<Child<P>> {
        let family = lock(&self.registry.0);
        let shared = family.children.get(name)?.as_ref()?;
        let known = shared.protocol == ProtocolTag::of::<P>() && shared.was_ready();
        known.then(|| Child::new(Arc::clone(shared)))
    }

    /// All children whose process was started and has not been reported as ended, by name.
    #[must_use]
    pub fn children(&self) -> Vec<ChildInfo> {
        let info = |shared: &Arc<Shared>| ChildInfo {
            name: shared.name.clone(),
            pid: shared.process.pid(),
            protocol: shared.protocol.name,
        };
        let mut all: Vec<ChildInfo> = lock(&self.registry.0).children.values().flatten().map(info).collect();
        all.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// Ends all children, each as [`Child::shutdown`] does, at the same time. Nothing new can be started from the
    /// first poll on.
    ///
    /// # Cancel safety
    /// Dropping the future does not take the shutdown back.
    pub async fn shutdown(&self) -> Vec<Arc<ExitReport>> {
        let all = self.close();
        for shared in &all {
            shared.wish(Wish::Shutdown);
        }
        join_all(all.iter().map(|shared| shared.until_ended())).await
    }

    /// Lets nothing new in. The processes there are.
    fn close(&self) -> Vec<Arc<Shared>> {
        let mut family = lock(&self.registry.0);
        family.closing = true;
        family.children.values().flatten().cloned().collect()
    }
}

impl Drop for Parent {
    fn drop(&mut self) {
        let all = self.close();
        all.iter().for_each(|shared| shared.kill_now());
        let end = Instant::now() + DROP_LIMIT;
        for shared in &all {
            shared.process.reap_within(end.saturating_duration_since(Instant::now()));
        }
    }
}

fn resolve(name: &ChildName, program: Program) -> Result<Resolved, StartError> {
    program.resolve().map_err(|source| StartError::Program { child: name.clone(), source })
}

/// Starts a program with one end of a new link.
fn join(
    name: &ChildName,
    program: PathBuf,
    role: Option<&str>,
    launch: &Launch,
    limits: Limits,
    wrap: Wrap,
) -> Result<Joined, StartError> {
    if let Some(error) = launch.unwritable(name) {
        return Err(error);
    }
    let start = || -> io::Result<Joined> {
        let InheritedPair { ours, theirs, id } = InheritedPair::new()?;
        let transport = wrapped(ours, wrap)?;
        let Started { process, stdout, stderr } = Process::start(&program, role, launch, theirs, &id)?;
        let link = LinkSide::new(transport, limits.max_message);
        Ok(Joined { process, link, outputs: Outputs::new(stdout, stderr) })
    };
    start().map_err(|source| {
        let (child, cwd) = (name.clone(), launch.cwd.clone());
        StartError::Spawn { child, program, cwd, source }
    })
}

/// Starts a child within this process with one end of a new link.
fn join_hosted(name: &ChildName, host: Host, limits: Limits, wrap: Wrap) -> Result<Joined, StartError> {
    let start = || -> io::Result<Joined> {
        let InheritedPair { ours, theirs, .. } = InheritedPair::new()?;
        let link = LinkSide::new(wrapped(ours, wrap)?, limits.max_message);
        Ok(Joined { process: Process::hosted((host.0)(theirs)?), link, outputs: Outputs::new(None, None) })
    };
    let program = PathBuf::from("the child within this process");
    start().map_err(|source| StartError::Spawn { child: name.clone(), program, cwd: None, source })
}

fn wrapped(link: OwnedFd, wrap: Wrap) -> io::Result<Arc<dyn Transport>> {
    let socket: Arc<dyn Transport> = Arc::new(Socket::new(link)?);
    Ok(match wrap.0 {
        Some(wrap) => wrap(socket),
        None => socket,
    })
}
