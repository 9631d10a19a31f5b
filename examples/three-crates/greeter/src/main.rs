//! Greets people in their language. A child program whose runtime kinfolk brings.
#![forbid(unsafe_code)]

use kinfolk::Fault;
use kinfolk::child::{Cx, Me};
use three_crates_protocol::{Greet, GreetError, Greeter, Greeting};

/// The word that greetings start with.
struct Word(&'static str);

#[kinfolk::child]
async fn main(me: Me<Greeter>) -> kinfolk::child::Result {
    // An error here reaches the parent as the reason why the child did not start.
    let language = &me.init().language;
    let word = hello_in(language).ok_or_else(|| Fault::new(format!("no greeting is known in {language:?}")))?;
    me.state(Word(word)).on_message(greet).run().await
}

async fn greet(cx: Cx<Greet, Word>, Greet { name }: Greet) -> Result<Greeting, GreetError> {
    match name.trim() {
        "" => Err(GreetError::Nobody),
        name => Ok(Greeting(format!("{}, {name}!", cx.state().0))),
    }
}

fn hello_in(language: &str) -> Option<&'static str> {
    match language.split(['_', '.']).next()? {
        "" | "C" | "POSIX" | "en" => Some("Hello"),
        "de" => Some("Guten Tag"),
        "es" => Some("Hola"),
        "fr" => Some("Bonjour"),
        "it" => Some("Buongiorno"),
        _ => None,
    }
}
