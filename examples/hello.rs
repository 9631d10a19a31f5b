//! The dialogue of Node's `child_process` documentation: a parent says hello and a child answers, in one-way messages.
//!
//! ```text
//! cargo run --example hello
//! ```
//!
//! There are two children of the same program. Each is initialized once, however many messages follow; the parent sees
//! it start, get ready, disconnect and exit.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a dialogue is there to be read")]

use std::process::ExitCode;

use futures::StreamExt;
use kinfolk::child::Me;
use kinfolk::parent::{Child, ChildEvent, ChildSpec, Events, Parent, Program};
use kinfolk::{Bincode, Fault, Message, Protocol, Version};
use serde::{Deserialize, Serialize};

/// What both sides speak.
enum Hello {}
impl Protocol for Hello {
    const NAME: &'static str = "hello";
    const VERSION: Version = Version::new(1, 0);
    type Init = Manners;
    type Codec = Bincode;
}

/// What the child knows before its first message.
#[derive(Serialize, Deserialize)]
struct Manners {
    answer: String,
}

/// Parent to child: `subprocess.send(text)`.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Hello)]
struct Say(String);

/// Child to parent: `process.send(text)`.
#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Hello)]
struct Answer(String);

/// The children are this executable again, in another role.
fn main() -> ExitCode {
    match kinfolk::child::role().as_deref() {
        Some("hello") => child(),
        _ => parent(),
    }
}

#[kinfolk::child]
async fn child(me: Me<Hello>) -> kinfolk::child::Result {
    // Before `run`, so once: the parent does not see this child ready until it is done.
    let answer = me.init().answer.clone();
    println!("{}: initialized", me.name());
    me.state(answer)
        .on_message(|cx, Say(text): Say| async move {
            let answer = if text == "Hello" { cx.state().as_str() } else { "what?" };
            // An error means that the parent is gone; then this program ends by itself.
            let _ = cx.parent().send(Answer(answer.to_owned())).await;
        })
        .run()
        .await
}

#[tokio::main(flavor = "current_thread")]
async fn parent() -> ExitCode {
    match dialogue().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dialogue() -> Result<(), Fault> {
    let parent = Parent::new();
    let first = start(&parent, "first", "Hello to you too :)").await?;
    let second = start(&parent, "second", "Hi.").await?;
    talk(&first, &["Hello", "Hello"]).await?;
    talk(&second, &["Hello", "How are you?"]).await
}

async fn start(parent: &Parent, name: &str, answer: &str) -> Result<Child<Hello>, Fault> {
    let spec = ChildSpec::<Hello>::new(name, Program::current_exe("hello"))
        .init(Manners { answer: answer.to_owned() })
        .on_message(|_, Answer(text): Answer| async move { println!("Answer from child: {text}") });
    Ok(parent.spawn(spec).await?)
}

/// Nothing waits for an answer here. A child that is to disconnect first handles what it was sent, and `Disconnected`
/// comes after everything it had to say, so every answer is printed before that.
async fn talk(child: &Child<Hello>, texts: &[&str]) -> Result<(), Fault> {
    let mut events = child.events();
    show_until(child, &mut events, |event| matches!(event, ChildEvent::Ready)).await;
    for text in texts {
        child.send(Say((*text).to_owned())).await?;
    }
    child.disconnect();
    show_until(child, &mut events, |event| matches!(event, ChildEvent::Exited(_))).await;
    Ok(())
}

/// `subprocess.on('spawn' | 'disconnect' | 'exit', …)`, as one stream.
async fn show_until(child: &Child<Hello>, events: &mut Events, is_last: impl Fn(&ChildEvent) -> bool) {
    let name = child.name();
    while let Some(event) = events.next().await {
        match &event {
            ChildEvent::Spawned { pid } => println!("{name}: spawned as process {pid}"),
            ChildEvent::Ready => println!("{name}: ready"),
            ChildEvent::Disconnected(_) => println!("{name}: disconnected"),
            ChildEvent::Exited(report) => println!("{name}: exited with {}", report.status),
            other => println!("{name}: {other:?}"),
        }
        if is_last(&event) {
            break;
        }
    }
}
