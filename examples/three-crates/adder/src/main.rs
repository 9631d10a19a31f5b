//! Adds up amounts of money. A child program that brings its own runtime: `enter` instead of `main`.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use kinfolk::Fault;
use kinfolk::child::{Cx, Me};
use three_crates_protocol::{Add, AddError, Adder, Cents};

#[tokio::main]
async fn main() -> ExitCode {
    kinfolk::child::enter(worker).await
}

/// The balance. Calls run at the same time, so it needs a lock; nothing is awaited while it is held.
struct Account(Mutex<Cents>);

async fn worker(me: Me<Adder>) -> Result<(), Fault> {
    let account = Account(Mutex::new(me.init().balance));
    me.state(account).on_message(add).run().await
}

async fn add(cx: Cx<Add, Account>, Add { amount }: Add) -> Result<Cents, AddError> {
    let amount = parse(&amount).ok_or(AddError::NotAnAmount(amount))?;
    // A poisoned lock still holds a valid balance: it is only ever replaced whole.
    let mut balance = cx.state().0.lock().unwrap_or_else(PoisonError::into_inner);
    *balance = balance.0.checked_add(amount.0).map(Cents).ok_or(AddError::Overflow)?;
    Ok(*balance)
}

/// Money is parsed by hand, because a float would not keep its cents.
fn parse(text: &str) -> Option<Cents> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || fraction.len() > 2 || !is_number(fraction) {
        return None;
    }
    let cents: i64 = format!("{fraction:0<2}").parse().ok()?;
    let total = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(cents)?;
    Some(Cents(if negative { -total } else { total }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_and_everything_else_is_refused() {
        for (text, cents) in [("12", 1200), ("12.5", 1250), ("-0.99", -99), ("0.10", 10)] {
            assert_eq!(parse(text), Some(Cents(cents)), "{text}");
        }
        for text in ["", "-", ".5", "1.234", "1,5", "--1", "+1", "1.-5", "one", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
