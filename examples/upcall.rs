//! A child that asks its parent back: it renders templates, and does not know the values of their variables.
//!
//! ```text
//! cargo run --example upcall
//! ```
//!
//! Two letters are rendered at once by one child. It asks for a value by its name only; the parent tells by the call's
//! cause for whom. A variable that nobody knows is declined in the message's own words. During its initialization the
//! child asks too: how a variable is marked.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "letters are there to be read")]

use std::process::ExitCode;
use std::time::Duration;

use kinfolk::child::{self, Cx, Me};
use kinfolk::parent::{self, CallError, Child, ChildSpec, Parent, Program};
use kinfolk::{Bincode, Fault, Message, Protocol, Shape, Version};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What both sides speak.
enum Letters {}
impl Protocol for Letters {
    const NAME: &'static str = "letters";
    const VERSION: Version = Version::new(1, 0);
    type Init = ();
    type Codec = Bincode;
}

/// Parent to child: fill in a template.
#[derive(Serialize, Deserialize, Message)]
#[message(to_child = Letters, reply = String, error = RenderError)]
struct Render(String);

/// Child to parent: what marks a variable?
#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Letters, reply = Marks)]
struct WhichMarks;

/// Child to parent: what is the value of this variable?
#[derive(Serialize, Deserialize, Message)]
#[message(to_parent = Letters, reply = String, error = NotKnown)]
struct Value(String);

/// Stand before and behind a variable.
#[derive(Serialize, Deserialize, Shape)]
struct Marks {
    open: String,
    close: String,
}

/// The parent has no such value.
#[derive(Debug, Clone, Serialize, Deserialize, Shape, Error)]
#[error("nothing is known of `{name}`; there is {known}", known = .known.join(", "))]
struct NotKnown {
    name: String,
    known: Vec<String>,
}

/// There is no letter.
#[derive(Debug, Serialize, Deserialize, Shape, Error)]
enum RenderError {
    /// In the parent's own words, which have travelled there and back.
    #[error(transparent)]
    NotKnown(NotKnown),
    /// The template is wrong.
    #[error("a variable begins and does not end: {0:?}")]
    Unclosed(String),
    /// The parent did not answer.
    #[error("a value could not be asked for: {0}")]
    NoAnswer(String),
}

/// The child is this executable again, in another role.
fn main() -> ExitCode {
    match child::role().as_deref() {
        Some("renderer") => child::main(renderer),
        _ => run(),
    }
}

/// The child. What it asks before `run` is part of its initialization: without an answer it does not become ready.
async fn renderer(me: Me<Letters>) -> child::Result {
    let marks = me.parent().request(WhichMarks).await?;
    me.state(marks).on_message(render).run().await
}

async fn render(cx: Cx<Render, Marks>, Render(template): Render) -> Result<String, RenderError> {
    let Marks { open, close } = cx.state();
    let (mut letter, mut rest) = (String::new(), template.as_str());
    while let Some((text, behind)) = rest.split_once(open) {
        let (name, after) = behind.split_once(close).ok_or_else(|| RenderError::Unclosed(behind.to_owned()))?;
        letter.push_str(text);
        // On behalf of the call that this handler answers, and no longer than its caller waits.
        letter.push_str(&cx.parent().request(Value(name.to_owned())).await.map_err(declined)?);
        rest = after;
    }
    Ok(letter + rest)
}

fn declined(error: child::CallError<NotKnown>) -> RenderError {
    match error {
        child::CallError::App(not_known) => RenderError::NotKnown(not_known),
        other => RenderError::NoAnswer(other.to_string()),
    }
}

/// To whom letters go. The place in this table is the tag of the call.
const PEOPLE: [&[(&str, &str)]; 2] =
    [&[("name", "Ada"), ("machine", "Analytical Engine")], &[("name", "Grace"), ("machine", "Mark I")]];

const TEMPLATE: &str = "Dear <name>,\n  the <machine> is ready for you.";

#[tokio::main(flavor = "current_thread")]
async fn run() -> ExitCode {
    match letters().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn letters() -> Result<(), Fault> {
    let parent = Parent::new();
    let spec = ChildSpec::<Letters>::new("renderer-1", Program::current_exe("renderer"))
        .on_message(|cx: parent::Cx<WhichMarks>, _| async move {
            println!("{} asks how variables are marked", cx.child().name());
            Ok(Marks { open: "<".to_owned(), close: ">".to_owned() })
        })
        .on_message(value);
    let renderer = parent.spawn(spec).await?;
    println!("{} is ready", renderer.name());
    let (ada, grace) = futures::try_join!(letter(&renderer, 0, TEMPLATE), letter(&renderer, 1, TEMPLATE))?;
    println!("{ada}\n{grace}");
    match letter(&renderer, 0, "Your shoes have size <shoe size>.").await {
        Err(CallError::App(RenderError::NotKnown(not_known))) => println!("no third letter: {not_known}"),
        other => return Err(Fault::new(format!("a letter about nothing: {other:?}"))),
    }
    println!("{}: {}", renderer.name(), renderer.shutdown().await);
    Ok(())
}

async fn letter(renderer: &Child<Letters>, person: usize, template: &str) -> Result<String, CallError<RenderError>> {
    let call = renderer.request(Render(template.to_owned())).tag(person as u64);
    // For all that it leads to: the upcalls inherit it.
    call.deadline(Duration::from_secs(10)).await
}

/// The parent's handler of an upcall. For whom it is says the tag of the call the child asks for.
async fn value(cx: parent::Cx<Value>, Value(name): Value) -> Result<String, NotKnown> {
    let tag = cx.cause().map(|cause| cause.tag as usize);
    let person = tag.and_then(|tag| PEOPLE.get(tag)).copied().unwrap_or_default();
    println!("asked for `{name}`, on behalf of letter {}", tag.map_or("none".to_owned(), |tag| tag.to_string()));
    let found = person.iter().find(|(known, _)| *known == name);
    match found {
        Some((_, value)) => Ok((*value).to_owned()),
        None => Err(NotKnown { name, known: person.iter().map(|(known, _)| (*known).to_owned()).collect() }),
    }
}
