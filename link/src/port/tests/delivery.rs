//! What a call says of its delivery is true, whenever the other end dies.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::thread;

use tokio::task::JoinSet;

use super::*;

const DEATHS: u64 = 40;
const CALLS: u64 = 60;

/// Answers on a runtime of its own, which ends with everything on it after so many handlers have begun.
fn answer_until(
    port: Port<ToParent<Chain>>,
    begun: Arc<Mutex<BTreeSet<u64>>>,
    enough: usize,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let noted = Arc::clone(&begun);
        runtime.block_on(async {
            let handling = move |_, Double(number)| {
                noted.lock().unwrap().insert(number);
                async move {
                    tokio::task::yield_now().await;
                    Ok(2 * number)
                }
            };
            let _handle = Peering::new(port).concurrency(3).on_message(handling).open().await.unwrap();
            eventually("enough have begun", || begun.lock().unwrap().len() >= enough).await;
        });
    })
}

#[tokio::test]
async fn an_end_that_dies_has_done_nothing_that_is_reported_as_not_started() {
    for death in 0..DEATHS {
        let (asks, answers) = pair::<Chain>().unwrap();
        let begun = Arc::new(Mutex::new(BTreeSet::new()));
        let dying = answer_until(answers, Arc::clone(&begun), death as usize);
        let asks = within(Peering::new(asks).open()).await.unwrap();
        let mut calls = JoinSet::new();
        for number in 0..CALLS {
            let call = asks.request(Double(number));
            calls.spawn(async move { (number, call.await) });
        }
        let ends = within(calls.join_all()).await;
        dying.join().unwrap();
        let begun = begun.lock().unwrap();
        for (number, end) in ends {
            match end {
                Ok(doubled) => assert_eq!(doubled, 2 * number),
                Err(error) => {
                    assert!(error.is_lost(), "{error:?}");
                    assert!(!(error.is_undelivered() && begun.contains(&number)), "{number} had begun: {error:?}");
                }
            }
        }
    }
}
