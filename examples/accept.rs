//! One port, served by several processes: the parent accepts, and hands each connection to a child.
//!
//! ```text
//! cargo run --example accept                       # serves until Ctrl-C; try `curl http://127.0.0.1:PORT/hello`
//! cargo run --example accept -- --port 8080
//! cargo run --example accept -- --requests 40      # is its own client, and kills a child half-way
//! ```
//!
//! The parent reads the first line of a request, as one that routes by it would, and what it has read travels with the
//! connection as unread. A child that has ended, kill one to see, is noticed, and connections go to the other. One that
//! was on its way there goes to the other too, as long as no handler has begun with it.
//!
//! It exits with 0 after Ctrl-C or when its own requests are through, with 1 if something went wrong.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "what it does is there to be read")]

use std::collections::BTreeMap;
use std::io::{self, Cursor};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use clap::Parser;
use kinfolk::child::{self, Cx, Me};
use kinfolk::parent::{Child, ChildSpec, Parent, Program};
use kinfolk::{Bincode, ChildName, Fault, Handle, Message, Protocol, Version};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What both sides speak.
enum Web {}
impl Protocol for Web {
    const NAME: &'static str = "web";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Parent to child: answer this request. What was read of it already comes along.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Web, reply = u64)]
struct Serve(Handle<TcpStream>);

/// A client that says nothing, or takes nothing, keeps nobody busy for longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A request line and its headers are not longer, in bytes.
const LONGEST: u64 = 16 * 1024;
/// Connections at once: each takes a descriptor or two of the parent's.
const CONNECTIONS: usize = 256;

/// The child is this executable again, in another role.
fn main() -> ExitCode {
    match child::role().as_deref() {
        Some("web") => child::main(web),
        _ => run(Options::parse()),
    }
}

/// The state of a child.
struct Desk {
    name: ChildName,
    served: AtomicU64,
}

async fn web(me: Me<Web>) -> child::Result {
    let desk = Desk { name: me.name().clone(), served: AtomicU64::new(0) };
    me.state(desk).on_message(serve).run().await
}

/// Reads a request to its end, which is an empty line, and answers it. Returns how many were served so far.
async fn serve(cx: Cx<Serve, Desk>, Serve(connection): Serve) -> child::Result<u64> {
    let Desk { name, served } = cx.state();
    let (mut stream, unread) = connection.into_parts();
    let (input, mut output) = stream.split();
    let mut lines = BufReader::new(Cursor::new(unread).chain(input).take(LONGEST)).lines();
    let request = async {
        let first = lines.next_line().await?.unwrap_or_default();
        while lines.next_line().await?.is_some_and(|line| !line.is_empty()) {}
        io::Result::Ok(first)
    };
    let first = timeout(PATIENCE, request).await??;
    let number = served.fetch_add(1, Ordering::Relaxed) + 1;
    let text = format!("{name} (process {}) served {first:?}, its request {number}\n", std::process::id());
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n", text.len());
    let answer = async {
        output.write_all((head + &text).as_bytes()).await?;
        output.shutdown().await
    };
    timeout(PATIENCE, answer).await??;
    Ok(number)
}

/// Serves one port with two processes.
#[derive(Parser)]
struct Options {
    /// The port to listen on, of 127.0.0.1. 0 takes any that is free.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Make so many requests, kill a child half-way, and end.
    #[arg(long)]
    requests: Option<usize>,
}

#[tokio::main(flavor = "current_thread")]
async fn run(options: Options) -> ExitCode {
    match accept(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn accept(options: Options) -> Result<(), Fault> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| Fault::from(error).context(format!("cannot listen on {address}")))?;
    let address = listener.local_addr()?;
    let parent = Parent::new();
    let office = Arc::new(Office::open(&parent).await?);
    println!("listening on http://{address}");
    let stop = CancellationToken::new();
    let outcome = tokio::select! {
        outcome = office.serve(&listener, &stop) => outcome,
        outcome = drive(options.requests, &office, address, &stop) => outcome,
    };
    parent.shutdown().await;
    println!("{}", office.summary());
    outcome
}

/// Has the office stop when enough was asked: by this program itself, or by others. Returns only if it cannot.
async fn drive(
    requests: Option<usize>,
    office: &Office,
    address: SocketAddr,
    stop: &CancellationToken,
) -> Result<(), Fault> {
    match requests {
        Some(requests) => ask(requests, office, address).await?,
        None => tokio::signal::ctrl_c().await?,
    }
    stop.cancel();
    std::future::pending().await
}

/// The children, and what each is busy with.
struct Office {
    clerks: Vec<Clerk>,
    /// Connections that were given to another child, since the first had ended before it began.
    passed_on: AtomicUsize,
    /// Connections that were lost with a child.
    lost: AtomicUsize,
}

struct Clerk {
    child: Child<Web>,
    busy: AtomicUsize,
    served: AtomicU64,
}

impl Office {
    async fn open(parent: &Parent) -> Result<Self, Fault> {
        let mut clerks = Vec::new();
        for name in ["web-1", "web-2"] {
            let child = parent.spawn(ChildSpec::<Web>::new(name, Program::current_exe("web"))).await?;
            println!("{name} is process {}", child.pid());
            clerks.push(Clerk { child, busy: AtomicUsize::new(0), served: AtomicU64::new(0) });
        }
        Ok(Self { clerks, passed_on: AtomicUsize::new(0), lost: AtomicUsize::new(0) })
    }

    /// Accepts connections until it is to stop, and finishes with those there are. Without a child it is an error.
    async fn serve(self: &Arc<Self>, listener: &TcpListener, stop: &CancellationToken) -> Result<(), Fault> {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let (mut connections, mut watching) = (JoinSet::new(), JoinSet::new());
        for clerk in &self.clerks {
            let child = clerk.child.clone();
            watching.spawn(async move { println!("{}: {}", child.name(), child.wait().await) });
        }
        loop {
            let permit = Arc::clone(&room).acquire_owned().await?;
            tokio::select! {
                accepted = listener.accept() => {
                    let stream = match accepted {
                        Ok((stream, _)) => stream,
                        // Gone before it was taken, or no descriptor is left for it: others come.
                        Err(error) => {
                            eprintln!("a connection was not accepted: {error}");
                            tokio::time::sleep(Duration::from_millis(10)).await;
                            continue;
                        }
                    };
                    let office = Arc::clone(self);
                    connections.spawn(async move {
                        if let Err(fault) = office.hand_over(stream).await {
                            eprintln!("a connection was given up: {fault:#}");
                        }
                        drop(permit);
                    });
                }
                Some(_) = connections.join_next() => {}
                Some(_) = watching.join_next() => {
                    if watching.is_empty() {
                        return Err(Fault::new("no child is left to serve"));
                    }
                }
                () = stop.cancelled() => break,
            }
        }
        while connections.join_next().await.is_some() {}
        Ok(())
    }

    /// Gives a connection to a child, and to another one if that certainly has not begun with it.
    async fn hand_over(&self, mut stream: TcpStream) -> Result<(), Fault> {
        let unread = timeout(PATIENCE, first_line(&mut stream)).await;
        let unread = unread.map_err(|_| Fault::new("its first line did not come in time"))??;
        // What is sent is gone from here: this one stays, for a second try.
        let stream = stream.into_std()?;
        loop {
            let clerk = self.least_busy().ok_or_else(|| Fault::new("no child is left to serve it"))?;
            let connection = TcpStream::from_std(stream.try_clone()?)?;
            let message = Serve(Handle::new(connection).with_unread(unread.clone()));
            clerk.busy.fetch_add(1, Ordering::Relaxed);
            let answer = clerk.child.request(message).deadline(3 * PATIENCE).await;
            clerk.busy.fetch_sub(1, Ordering::Relaxed);
            match answer {
                Ok(number) => {
                    clerk.served.fetch_max(number, Ordering::Relaxed);
                    return Ok(());
                }
                Err(error) if error.is_lost() && error.is_undelivered() => {
                    self.passed_on.fetch_add(1, Ordering::Relaxed);
                }
                Err(error) => {
                    self.lost.fetch_add(usize::from(error.is_lost()), Ordering::Relaxed);
                    return Err(error.into());
                }
            }
        }
    }

    fn least_busy(&self) -> Option<&Clerk> {
        let there = self.clerks.iter().filter(|clerk| clerk.child.is_connected());
        // Of those equally busy the one that has served least.
        there.min_by_key(|clerk| (clerk.busy.load(Ordering::Relaxed), clerk.served.load(Ordering::Relaxed)))
    }

    fn summary(&self) -> String {
        let served = |clerk: &Clerk| format!("{} served {}", clerk.child.name(), clerk.served.load(Ordering::Relaxed));
        let each: Vec<_> = self.clerks.iter().map(served).collect();
        let (passed_on, lost) = (self.passed_on.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed));
        format!("{}; {passed_on} passed on to the other, {lost} lost with a child", each.join(", "))
    }
}

/// Reads up to the end of the first line at least, and returns all that was read.
async fn first_line(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut read = Vec::new();
    while !read.contains(&b'\n') {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended before its first line did"));
        }
        if read.len() as u64 > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "its first line is too long"));
        }
    }
    Ok(read)
}

/// Clients at once, in this program.
const CLIENTS: usize = 4;

/// Makes so many requests, and kills the first child half-way.
async fn ask(requests: usize, office: &Office, address: SocketAddr) -> Result<(), Fault> {
    let mut by: BTreeMap<String, usize> = BTreeMap::new();
    let mut clients = JoinSet::new();
    for number in 0..requests {
        if number == requests / 2 {
            println!("killing {}", office.clerks[0].child.name());
            office.clerks[0].child.kill().await;
        }
        if clients.len() == CLIENTS {
            count(&mut by, clients.join_next().await);
        }
        clients.spawn(get(address, number));
    }
    while let Some(answer) = clients.join_next().await {
        count(&mut by, Some(answer));
    }
    let each: Vec<_> = by.iter().map(|(child, answers)| format!("{answers} by {child}")).collect();
    println!("{requests} requests, answered: {}", each.join(", "));
    Ok(())
}

fn count(by: &mut BTreeMap<String, usize>, answer: Option<Result<io::Result<String>, tokio::task::JoinError>>) {
    let child = match answer {
        Some(Ok(Ok(child))) => child,
        // The child was killed while it served it.
        _ => "nobody".to_owned(),
    };
    *by.entry(child).or_default() += 1;
}

/// One request. Returns the name of the child that has served it.
async fn get(address: SocketAddr, number: usize) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET /{number} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, text) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let name = text.split_whitespace().next().filter(|_| head.starts_with("HTTP/1.0 200"));
    name.map(str::to_owned).ok_or_else(|| io::Error::other(answer.clone()))
}
