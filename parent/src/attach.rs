//! A child that somebody else starts: it comes to a named socket, and shows a token.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use kinfolk_link::{Conn, Peer, Socket, Transport, Trust, Visitor};
use kinfolk_protocol::{ChildName, Hello, Kind, Limits, Refusal};
use tokio::time::timeout;

use crate::driver::{Joined, LinkSide, Outputs};
use crate::error::StartError;
use crate::invitation::Invitation;
use crate::process::Process;

/// A visitor says hello at once; one that does not must not keep others out.
const HELLO_LIMIT: Duration = Duration::from_secs(5);

/// Waits for a visitor with the token. Others are turned away.
pub(crate) async fn attach(
    name: &ChildName,
    invitation: &Invitation,
    limit: Duration,
    limits: Limits,
) -> Result<Joined, StartError> {
    let not_attached = StartError::NotAttached { child: name.clone(), after: limit };
    let visit = async {
        loop {
            let visitor = invitation.0.accept().await?;
            if let Some(joined) = welcome(name, invitation, visitor, limits).await? {
                return io::Result::Ok(joined);
            }
        }
    };
    match timeout(limit, visit).await {
        Ok(Ok(joined)) => Ok(joined),
        Ok(Err(source)) => {
            let program = invitation.to_string().split('#').next().unwrap_or_default().into();
            Err(StartError::Spawn { child: name.clone(), program, cwd: None, source })
        }
        Err(_) => Err(not_attached),
    }
}

async fn welcome(
    name: &ChildName,
    invitation: &Invitation,
    visitor: Visitor,
    limits: Limits,
) -> io::Result<Option<Joined>> {
    // At once, while the visitor's number is most certainly its own. One that has ended already has no descriptor.
    let Ok(process) = Process::attached(visitor.pid) else { return Ok(None) };
    let transport: Arc<dyn Transport> = Arc::new(Socket::new(visitor.link)?);
    let mut link = LinkSide::new(Arc::clone(&transport), limits.max_message);
    let Ok(Some(hello)) = timeout(HELLO_LIMIT, link.introduce()).await else { return Ok(None) };
    if !hello.token.matches(&invitation.0.token()) {
        turn_away(name, transport, hello);
        return Ok(None);
    }
    Ok(Some(Joined { process, link, outputs: Outputs::new(None, None) }))
}

fn turn_away(name: &ChildName, transport: Arc<dyn Transport>, hello: &Hello) {
    let conn = Conn::new(transport, Peer::Child(name.clone()), Trust::Untrusted, &Limits::default(), &hello.limits);
    conn.open(Kind::Refuse, Refusal::Token.to_string().into_bytes());
    conn.finish();
}
