//! What happens before any user code: the link is found, the handshake done, the parent's death watched for.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use kinfolk_link::{
    Arrived, CONNECT_VARIABLE, Heart, Passed, arrival, claim, connect, receive_blocking, set_process_name, waiting_role,
};
use kinfolk_protocol::{
    Arrival, ChildName, CodecError, Entry, FrameError, HEADER_LEN, Header, Hello, Init, Kind, Limits, NameError,
    PREAMBLE, Protocol, Table, Token, Welcomed, WireError, check_preamble,
};
use thiserror::Error;

use crate::orphan;

/// How long the parent may take to answer. It answers at once unless it is stopped or not kinfolk's.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// A child past the gate.
#[derive(Debug)]
pub(crate) struct Admitted<P: Protocol> {
    pub(crate) link: OwnedFd,
    pub(crate) name: ChildName,
    pub(crate) init: P::Init,
    pub(crate) ours: Limits,
    pub(crate) theirs: Limits,
    /// What the parent handles.
    pub(crate) welcomed: Vec<Welcomed>,
    /// The shared memory it passed, if it did.
    pub(crate) board: Option<OwnedFd>,
    /// What it rings, if it does.
    bell: Option<OwnedFd>,
}

impl<P: Protocol> Admitted<P> {
    /// What answers the bell. Without it the parent cannot tell whether this child is frozen or busy, and takes it for
    /// busy.
    fn take_heart(&mut self) -> Option<Heart> {
        Heart::open(self.bell.take()?, self.board.as_ref()?).ok()
    }
}

/// Why a child does not come past the gate.
#[derive(Debug, Error)]
pub(crate) enum GateError {
    #[error("no parent is waiting for it")]
    NoParent,
    #[error("its link cannot be set up")]
    Link(#[source] io::Error),
    #[error("the parent ended during the handshake")]
    Ended(#[source] io::Error),
    #[error("its parent refused it: {0}")]
    Refused(String),
    #[error("what waits at the other end is no kinfolk parent: {0}")]
    Stranger(#[source] FrameError),
    #[error("its parent sent a {0:?} frame in place of Init")]
    OutOfPlace(Kind),
    #[error("its parent sent a malformed Init: {0}")]
    Malformed(#[source] WireError),
    #[error("its parent gave it an impossible name: {0}")]
    Name(#[source] NameError),
    #[error("the init value does not decode: {0}")]
    Init(#[source] CodecError),
    #[error("no thread can be started to watch for its parent's death")]
    Watch(#[source] io::Error),
}

/// Finds the link, says hello, and waits for the init value. Blocks.
pub(crate) fn pass<P: Protocol>() -> Result<Admitted<P>, GateError> {
    let plays_a_role = waiting_role().is_some();
    let (link, token) = find_link()?;
    let mut admitted = introduce::<P>(link, token)?;
    if plays_a_role {
        // Run by way of `/proc/self/exe`, every role of a program would be called `exe`.
        set_process_name(admitted.name.as_str());
    }
    let heart = admitted.take_heart();
    orphan::watch(&admitted.link, heart).map_err(GateError::Watch)?;
    Ok(admitted)
}

/// [`pass`] over a link that was found already, for a child that is no process of its own.
pub(crate) fn pass_on<P: Protocol>(link: OwnedFd) -> Result<Admitted<P>, GateError> {
    introduce(link, Token::NONE)
}

fn introduce<P: Protocol>(link: OwnedFd, token: Token) -> Result<Admitted<P>, GateError> {
    let link = UnixStream::from(link);
    let ours = P::LIMITS;
    let (init, along) = greet(&link, &Hello::of::<P>(std::process::id(), token, ours))?;
    let name = ChildName::new(&init.name).map_err(GateError::Name)?;
    let Along { board, bell, value } = along;
    let value = Arrived::with(init.value.into(), value).decode::<P::Codec, P::Init>().map_err(GateError::Init)?;
    let Init { limits: theirs, welcomed, .. } = init;
    Ok(Admitted { link: link.into(), name, init: value, ours, theirs, welcomed, board, bell })
}

fn find_link() -> Result<(OwnedFd, Token), GateError> {
    if let Some(link) = claim().map_err(GateError::Link)? {
        return Ok((link, Token::NONE));
    }
    match std::env::var(CONNECT_VARIABLE) {
        Ok(invitation) => connect(&invitation).map_err(GateError::Link),
        Err(_) => Err(GateError::NoParent),
    }
}

/// The child speaks first: a parent that started the wrong program by mistake must not have its bytes executed.
fn greet(mut link: &UnixStream, hello: &Hello) -> Result<(Init, Along), GateError> {
    link.set_nonblocking(false).map_err(GateError::Link)?;
    link.set_read_timeout(Some(ANSWER_LIMIT)).map_err(GateError::Link)?;
    let payload = hello.encode();
    let header = Header::control(Kind::Hello, payload.len() as u32).encode();
    link.write_all(&[&PREAMBLE, header.as_slice(), &payload].concat()).map_err(GateError::Ended)?;

    let mut passed = Passed::default();
    check_preamble(&read(link, &mut passed)?).map_err(GateError::Stranger)?;
    let header: [u8; HEADER_LEN] = read(link, &mut passed)?;
    let header = Header::decode(&header, hello.limits.max_message).map_err(GateError::Stranger)?;
    let mut payload = vec![0; header.length as usize];
    link.read_exact(&mut payload).map_err(GateError::Ended)?;
    match header.kind {
        Kind::Init => unwrap(&header, &payload, passed),
        Kind::Refuse => Err(GateError::Refused(String::from_utf8_lossy(&payload).into_owned())),
        kind => Err(GateError::OutOfPlace(kind)),
    }
}

/// What comes with an init value.
struct Along {
    board: Option<OwnedFd>,
    bell: Option<OwnedFd>,
    /// What the value itself takes along.
    value: Vec<Arrival>,
}

fn unwrap(header: &Header, payload: &[u8], passed: Passed) -> Result<(Init, Along), GateError> {
    let table = Table::decode(payload, header.attachments).map_err(GateError::Malformed)?;
    let init = Init::decode(&payload[..table.message]).map_err(GateError::Malformed)?;
    let mut along = Along { board: None, bell: None, value: Vec::new() };
    let mut descriptors = passed.descriptors.into_iter();
    for entry in table.entries.iter().filter(|entry| entry.has_descriptor()) {
        let descriptor = descriptors.next();
        match (entry, descriptor) {
            (Entry::Board, board) => along.board = board,
            (Entry::Bell, bell) => along.bell = bell,
            (_, Some(descriptor)) => along.value.push(arrival(descriptor)),
            (_, None) => along.value.push(Arrival::Lost(Arrival::NONE_LEFT)),
        }
    }
    Ok((init, along))
}

fn read<const N: usize>(link: &UnixStream, passed: &mut Passed) -> Result<[u8; N], GateError> {
    let (mut bytes, mut filled) = ([0; N], 0);
    while filled < N {
        filled += match receive_blocking(link.as_fd(), &mut bytes[filled..], passed) {
            Ok(0) => return Err(GateError::Ended(io::ErrorKind::UnexpectedEof.into())),
            Ok(count) => count,
            Err(error) => return Err(GateError::Ended(error)),
        };
    }
    Ok(bytes)
}
