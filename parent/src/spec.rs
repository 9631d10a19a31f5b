//! How a child is started: its name, its program, its init value, and what may be set besides.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_link::{Signal, Transport, Trust};
use kinfolk_protocol::{Answer, Limits, Message, Payload, Protocol, ToParent, Towards};

use crate::cx::Cx;
use crate::handlers::Handlers;
use crate::launch::Launch;
use crate::lifecycle::Patience;
use crate::program::Program;
use crate::stdio::Stdio;

/// How to start a child that speaks `P`. [`init`](Self::init) is due before it can be spawned, unless `P::Init` is
/// `()`.
#[must_use = "nothing is started before `Parent::spawn`"]
pub struct ChildSpec<P: Protocol, I = NeedsInit> {
    pub(crate) settings: Settings,
    pub(crate) init: I,
    protocol: std::marker::PhantomData<fn() -> P>,
}

/// Everything of a spec that does not depend on its protocol.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) name: String,
    pub(crate) program: Program,
    pub(crate) launch: Launch,
    pub(crate) patience: Patience,
    pub(crate) limits: Limits,
    pub(crate) handlers: Handlers,
    pub(crate) terms: Terms,
    pub(crate) wrap: Wrap,
}

/// What a child is given, trusted with and allowed, besides its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) shared_memory: bool,
    pub(crate) trust: Trust,
    pub(crate) frozen_after: Option<Duration>,
}

type Wrapper = dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send;

/// What stands between the link and its reader and writer, if anything does.
#[derive(Default)]
pub(crate) struct Wrap(pub(crate) Option<Box<Wrapper>>);

impl fmt::Debug for Wrap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Wrap").field(&self.0.is_some()).finish()
    }
}

/// The init value has not been given yet.
#[derive(Debug, Clone, Copy)]
pub struct NeedsInit(());

/// The init value has been given.
pub struct WithInit<P: Protocol>(P::Init);

impl<P: Protocol> fmt::Debug for WithInit<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WithInit")
    }
}

/// A spec that can be spawned: its init value was given, or `P::Init` is `()`.
pub trait Initialized<P: Protocol> {
    /// The init value.
    #[doc(hidden)]
    fn value(self) -> P::Init;
}

/// An init value that need not be given.
#[diagnostic::on_unimplemented(
    message = "this `ChildSpec` lacks its init value, a `{Self}`",
    label = "call `.init(..)` on it first"
)]
pub trait NoInit: Payload {
    /// The value.
    #[doc(hidden)]
    fn none() -> Self;
}

impl NoInit for () {
    fn none() -> Self {}
}

impl<P: Protocol> Initialized<P> for WithInit<P> {
    fn value(self) -> P::Init {
        self.0
    }
}

impl<P: Protocol<Init: NoInit>> Initialized<P> for NeedsInit {
    fn value(self) -> P::Init {
        P::Init::none()
    }
}

impl<P: Protocol, I> fmt::Debug for ChildSpec<P, I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildSpec")
            .field("protocol", &P::NAME)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// From the spawn to a valid hello: a program that is kinfolk's says it within milliseconds.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// From the hello to READY: models may be loaded and caches warmed.
const INIT: Duration = Duration::from_secs(60);
/// For each rung of the ladder.
const GRACE: Duration = Duration::from_secs(5);

impl<P: Protocol> ChildSpec<P> {
    /// A child called `name` (1 to 64 letters, digits, `.`, `_`, `-`; checked by the spawn) that runs `program`.
    pub fn new(name: impl Into<String>, program: Program) -> Self {
        let settings = Settings {
            name: name.into(),
            program,
            launch: Launch::default(),
            patience: Patience { handshake: HANDSHAKE, init: INIT, grace: GRACE },
            limits: Limits::default(),
            handlers: Handlers::default(),
            terms: Terms { shared_memory: true, trust: Trust::Untrusted, frozen_after: None },
            wrap: Wrap::default(),
        };
        Self { settings, init: NeedsInit(()), protocol: std::marker::PhantomData }
    }

    /// What the child is given before anything else.
    pub fn init(self, value: P::Init) -> ChildSpec<P, WithInit<P>> {
        ChildSpec { settings: self.settings, init: WithInit(value), protocol: self.protocol }
    }
}

impl<P: Protocol, I> ChildSpec<P, I> {
    /// Handles the child's messages of type `M`, from its initialization on: a closure or a plain `async fn`, which
    /// returns `()` for a one-way message and `Result<Reply, Error>` for a call.
    ///
    /// One-way messages are handled one after another, in the order they were sent; while one is at work further ones
    /// wait, and once the window is full the child's `send` does. Without a handler they are
    /// [`ChildEvent::Message`](crate::ChildEvent::Message). Calls run at once, as many as
    /// [`Limits::max_in_flight`] lets the child make; when one is cancelled its handler is dropped at its next `await`.
    ///
    /// # Panics
    /// If there is a handler for `M::NAME` already.
    pub fn on_message<M, F, Fut>(mut self, handler: F) -> Self
    where
        M: Message,
        M::To: Towards<ToParent<P>>,
        F: Fn(Cx<M>, M) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer<M>> + Send + 'static,
    {
        self.settings.handlers.add(handler);
        self
    }

    /// Appends an argument.
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.settings.launch.args.push(arg.into());
        self
    }

    /// Appends arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.settings.launch.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets what the program sees as its own name. Default: its path.
    pub fn argv0(mut self, name: impl Into<OsString>) -> Self {
        self.settings.launch.argv0 = Some(name.into());
        self
    }

    /// Sets the working directory. Default: the parent's.
    pub fn current_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.settings.launch.cwd = Some(path.into());
        self
    }

    /// Sets an environment variable. The child has the parent's environment otherwise, unless it is
    /// [cleared](Self::env_clear).
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.settings.launch.env.changes.insert(name.into(), Some(value.into()));
        self
    }

    /// Removes an environment variable.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.settings.launch.env.changes.insert(name.into(), None);
        self
    }

    /// Starts from an empty environment, but for what is [kept](Self::env_keep) or [set](Self::env).
    pub fn env_clear(mut self) -> Self {
        self.settings.launch.env.cleared = true;
        self
    }

    /// Keeps these variables of the parent's in a cleared environment.
    pub fn env_keep(mut self, names: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.settings.launch.env.kept.extend(names.into_iter().map(Into::into));
        self
    }

    /// Where the child's standard output goes. Default: where the parent's does.
    pub fn stdout(mut self, to: Stdio) -> Self {
        self.settings.launch.stdout = to;
        self
    }

    /// Where the child's standard error goes. Default: where the parent's does.
    pub fn stderr(mut self, to: Stdio) -> Self {
        self.settings.launch.stderr = to;
        self
    }

    /// How long each step towards the child's end may take: to drain, to leave once its link has ended, to end by
    /// [`terminate_signal`](Self::terminate_signal). Too low: work is lost that was almost done. Too high: a stuck
    /// child delays a shutdown. Default: 5 s.
    pub fn grace(mut self, limit: Duration) -> Self {
        self.settings.patience.grace = limit;
        self
    }

    /// How long the program may take to say hello. Too low: a busy machine fails the start. Too high: a program that
    /// is not kinfolk's is noticed late. Default: 10 s.
    pub fn handshake_timeout(mut self, limit: Duration) -> Self {
        self.settings.patience.handshake = limit;
        self
    }

    /// How long the initialization may take. Too low: a slow one fails. Too high: a stuck one is noticed late.
    /// Default: 60 s.
    pub fn init_timeout(mut self, limit: Duration) -> Self {
        self.settings.patience.init = limit;
        self
    }

    /// Has the parent read large [`Blob`](kinfolk_protocol::Blob)s where the child put them, in memory both share,
    /// instead of copying each once.
    ///
    /// Blobs that the child built with `BlobBuilder` can be changed by nobody and are never copied. Default: not
    /// trusted. A child always trusts its parent.
    ///
    /// # What the caller vouches for
    /// The child's program does not write to a blob's memory after it has sent it. That would change bytes behind a
    /// `&[u8]` of the parent's, which is undefined behaviour in Rust. It is true of every program that uses kinfolk and
    /// runs no foreign code: say it of programs of your own only.
    ///
    /// This is not `unsafe`, because the undefined behaviour would be another process's doing, as with any memory that
    /// is shared with it: no code of this program can break the promise, and the type system cannot see the other one.
    pub fn trusted(mut self) -> Self {
        self.settings.terms.trust = Trust::Trusted;
        self
    }

    /// Whether the child notes in shared memory which calls it has begun, or says so by a frame each: for platforms and
    /// sandboxes where sealed shared memory (`memfd_create`) is not to be had, which is found out by itself, and for
    /// tests. Without it every call costs the child one more system call. Default: on.
    pub fn shared_memory(mut self, on: bool) -> Self {
        self.settings.terms.shared_memory = on;
        self
    }

    /// How long the child may be frozen while calls to it are in flight: then it is killed, because of
    /// [`Why::Frozen`](crate::Why::Frozen). Frozen is who is stopped, by a signal or a cgroup, or gives no sign of
    /// life when asked for one and has no processor time either; not who is busy. A handler may compute or sleep for
    /// hours, on the only thread there is: a thread of the child's own answers for it. Nor is a child judged under a
    /// debugger, or after the parent itself was held up.
    ///
    /// Too low, less than a second: a busy machine, or whoever stops the child for a moment, ends it. Too high: calls
    /// wait for a child that cannot answer. It is noticed within one and a half times the limit, which is 100 ms at
    /// least. Costs the child's two sides a descriptor each, and nothing per call. Default: `None`, a frozen child is
    /// waited for. A child within the parent's own process is never judged.
    pub fn frozen_after(mut self, limit: Option<Duration>) -> Self {
        self.settings.terms.frozen_after = limit;
        self
    }

    /// Has the link go through something of the caller's: what `kinfolk::testing::FaultPlan` is made of. Not for
    /// attached children.
    #[doc(hidden)]
    pub fn through(mut self, wrap: impl FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + 'static) -> Self {
        self.settings.wrap = Wrap(Some(Box::new(wrap)));
        self
    }

    /// What asks the child's group to end before SIGKILL does. Default: SIGTERM.
    pub fn terminate_signal(mut self, signal: Signal) -> Self {
        self.settings.launch.terminate = signal;
        self
    }

    /// What the parent accepts from the child: how long its messages and replies may be, and how many one-way messages
    /// may wait. Default: [`Limits::default`]. What the child accepts its protocol says: [`Protocol::LIMITS`].
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }
}
