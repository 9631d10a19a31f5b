//! The names of a family, and how a process comes into it: shared by a parent and its pools.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use kinfolk_link::{InheritedPair, Packed, Socket, Transport, lock, waiting_role};
use kinfolk_protocol::{ChildName, Expected, Limits, Protocol};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::attach::attach;
use crate::child::Child;
use crate::driver::{self, Beginning, Joined, LinkSide, Outputs};
use crate::error::StartError;
use crate::launch::Launch;
use crate::process::{Process, Started};
use crate::program::{Host, Program, Resolved};
use crate::shared::{ProtocolTag, Shared, Wish};
use crate::spec::{ChildSpec, Initialized, Settings, Wrap};

/// How long dropping a `Parent` waits for its children to be gone. SIGKILL takes milliseconds unless a process is
/// frozen.
pub(crate) const DROP_LIMIT: Duration = Duration::from_secs(2);

/// The children of one parent. Clones are the same family.
#[derive(Debug, Clone, Default)]
pub(crate) struct Registry(Arc<Mutex<Family>>);

#[derive(Debug, Default)]
struct Family {
    /// `None` while its process is being started.
    children: HashMap<ChildName, Option<Arc<Shared>>>,
    closing: bool,
}

/// A name that is taken; free again when this is dropped.
struct Reservation {
    family: Weak<Mutex<Family>>,
    name: ChildName,
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(family) = self.family.upgrade() {
            lock(&family).children.remove(&self.name);
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

impl Registry {
    /// See [`Parent::spawn`](crate::Parent::spawn). Once `stop` is cancelled a child that is not ready is killed; this
    /// resolves when nothing is left of it.
    pub(crate) async fn spawn_unless<P, I>(
        &self,
        stop: &CancellationToken,
        spec: ChildSpec<P, I>,
    ) -> Result<Child<P>, StartError>
    where
        P: Protocol,
        I: Initialized<P>,
    {
        let ChildSpec { settings, init, .. } = spec;
        let name = ChildName::new(&settings.name).map_err(StartError::Name)?;
        settings.limits.check().map_err(|source| StartError::Limits { child: name.clone(), source })?;
        let init = Packed::for_init::<P::Codec, P::Init>(&init.value())
            .map_err(|source| StartError::EncodeInit { child: name.clone(), source })?;
        let expected = (ProtocolTag::of::<P>(), Expected::of::<P>());
        let shared = self.start(stop, name, expected, settings, init).await?;
        Ok(Child::new(shared))
    }

    /// [`spawn`](Self::spawn) without its types.
    async fn start(
        &self,
        stop: &CancellationToken,
        name: ChildName,
        (protocol, expected): (ProtocolTag, Expected),
        settings: Settings,
        init: Packed,
    ) -> Result<Arc<Shared>, StartError> {
        let reservation = self.reserve(&name)?;
        let Settings { program, launch, patience, limits, handlers, terms, wrap, .. } = settings;
        let joined = match resolve(&name, program)? {
            Resolved::Attach(invitation) => tokio::select! {
                joined = attach(&name, &invitation, patience.handshake, limits) => joined,
                () = stop.cancelled() => Err(StartError::ShuttingDown { child: name.clone() }),
            },
            Resolved::Run { program, role } => join(&name, program, role.as_deref(), &launch, limits, wrap),
            Resolved::Hosted(host) => join_hosted(&name, host, limits, wrap),
        };
        let Joined { process, link, outputs } = joined?;
        let shared = Arc::new(Shared::new(name, protocol, Arc::new(process)));
        self.adopt(&shared)?;
        let started = driver::start(Beginning {
            shared: Arc::clone(&shared),
            link,
            outputs,
            handlers: Arc::new(handlers),
            terms,
            patience,
            terminate: launch.terminate,
            ours: limits,
            expected,
            init,
            on_end: Box::new(move || drop(reservation)),
        });
        ready(&shared, stop, started).await?;
        Ok(shared)
    }

    /// Reserves a name, unless this process is itself about to become a child.
    fn reserve(&self, name: &ChildName) -> Result<Reservation, StartError> {
        if let Some(role) = waiting_role() {
            return Err(StartError::Unclaimed { role });
        }
        let mut family = lock(&self.0);
        if family.closing {
            return Err(StartError::ShuttingDown { child: name.clone() });
        }
        if family.children.contains_key(name) {
            return Err(StartError::NameTaken { child: name.clone() });
        }
        family.children.insert(name.clone(), None);
        Ok(Reservation { family: Arc::downgrade(&self.0), name: name.clone() })
    }

    /// Takes a process into the family, unless the parent has begun to shut down meanwhile.
    fn adopt(&self, shared: &Arc<Shared>) -> Result<(), StartError> {
        let mut family = lock(&self.0);
        if family.closing {
            drop(family);
            shared.kill_now();
            shared.process.reap_within(DROP_LIMIT);
            return Err(StartError::ShuttingDown { child: shared.name.clone() });
        }
        family.children.insert(shared.name.clone(), Some(Arc::clone(shared)));
        Ok(())
    }

    /// The child of this name, once it is ready.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Shared>> {
        let family = lock(&self.0);
        let shared = family.children.get(name)?.as_ref()?;
        shared.was_ready().then(|| Arc::clone(shared))
    }

    /// Every process there is.
    pub(crate) fn all(&self) -> Vec<Arc<Shared>> {
        lock(&self.0).children.values().flatten().cloned().collect()
    }

    /// Lets nothing new in. The processes there are.
    pub(crate) fn close(&self) -> Vec<Arc<Shared>> {
        let mut family = lock(&self.0);
        family.closing = true;
        family.children.values().flatten().cloned().collect()
    }
}

/// Waits until a child is ready, unless it is not wanted any more before.
async fn ready(
    shared: &Arc<Shared>,
    stop: &CancellationToken,
    mut started: oneshot::Receiver<Result<(), StartError>>,
) -> Result<(), StartError> {
    // Beyond the driver's own notice: READY may have come a moment before this future is dropped.
    let unless_started = KillOnDrop(Some(Arc::clone(shared)));
    let result = tokio::select! {
        result = &mut started => result,
        () = stop.cancelled() => {
            shared.wish(Wish::DropStart);
            started.await
        }
    };
    unless_started.disarm();
    // The task ends without a word only if the runtime is being shut down.
    result.unwrap_or_else(|_| Err(StartError::ShuttingDown { child: shared.name.clone() }))
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
