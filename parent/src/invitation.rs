//! The wish to have a program started by hand.

use std::fmt;
use std::io;

use kinfolk_link::{CONNECT_VARIABLE, Endpoint};

/// A place where a parent waits for one program that somebody else starts: in another terminal, under a debugger or
/// a profiler.
///
/// It shows as the variable to set, which holds a secret: whoever knows it, and is the same user, may attach once.
///
/// ```no_run
/// # use kinfolk_parent::{ChildSpec, Invitation, Parent, Program};
/// # use kinfolk_protocol::{Bincode, Protocol, Version};
/// # enum Thumbs {}
/// # impl Protocol for Thumbs {
/// #     const NAME: &'static str = "thumbs";
/// #     const VERSION: Version = Version::new(1, 0);
/// #     type Init = ();
/// #     type Codec = Bincode;
/// # }
/// # async fn attach(parent: Parent) -> Result<(), Box<dyn std::error::Error>> {
/// let invitation = Invitation::new()?;
/// println!("start it with {invitation} gdb --args ./thumb-worker");
/// let spec = ChildSpec::<Thumbs>::new("thumbs-a", Program::attach(invitation));
/// let thumbs = parent.spawn(spec.handshake_timeout(std::time::Duration::from_secs(300))).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Invitation(pub(crate) Endpoint);

impl Invitation {
    /// Opens the place. It is closed when this is dropped, or when the child has attached.
    ///
    /// # Errors
    /// The temporary directory cannot be written, or its path is too long for a socket.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new() -> io::Result<Self> {
        Endpoint::open().map(Self)
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CONNECT_VARIABLE}={}", self.0.invitation())
    }
}
