//! Starts two child programs, each a crate of its own, and asks them. They are found beside this executable, where
//! cargo puts the programs of a workspace.
//!
//! ```text
//! three-crates-parent [LANGUAGE [AMOUNT]...]
//! ```
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the answers are printed for a reader")]

use std::process::ExitCode;

use kinfolk::Fault;
use kinfolk::parent::{CallError, Child, ChildSpec, Parent, Program};
use three_crates_protocol::{Add, Adder, AdderInit, Cents, Greet, Greeter, GreeterInit, Greeting};

#[tokio::main]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let language = arguments.next().unwrap_or_else(|| "en".to_owned());
    let mut amounts: Vec<String> = arguments.collect();
    if amounts.is_empty() {
        amounts = ["12.50", "7", "seven", "-0.99"].map(str::to_owned).to_vec();
    }
    match run(language, amounts).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("error: {fault:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(language: String, amounts: Vec<String>) -> Result<(), Fault> {
    let parent = Parent::new();
    let greeter =
        ChildSpec::<Greeter>::new("greeter", Program::sibling("three-crates-greeter")).init(GreeterInit { language });
    let greeter = parent.spawn(greeter).await?;
    let adder = ChildSpec::<Adder>::new("adder", Program::sibling("three-crates-adder"))
        .init(AdderInit { balance: Cents(10_000) });
    let adder = parent.spawn(adder).await?;

    let Greeting(greeting) = greeter.request(Greet { name: "Ada".to_owned() }).await?;
    println!("{greeting}");
    add_up(&adder, amounts).await?;

    for report in [greeter.shutdown().await, adder.shutdown().await] {
        println!("{}: {report}", report.child);
    }
    Ok(())
}

/// An amount that cannot be read is the user's mistake, not the child's: it is told, and the next one is added.
async fn add_up(adder: &Child<Adder>, amounts: Vec<String>) -> Result<(), Fault> {
    for amount in amounts {
        match adder.request(Add { amount: amount.clone() }).await {
            Ok(balance) => println!("{amount:>8} makes {balance}"),
            Err(CallError::App(reason)) => println!("{amount:>8} skipped: {reason}"),
            Err(other) => return Err(other.into()),
        }
    }
    Ok(())
}
