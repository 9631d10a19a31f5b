//! What becomes of calls whose children die, and of pools whose children keep dying.

use super::*;

#[test]
fn a_call_that_had_not_begun_is_tried_again_however_often_and_before_all_others() {
    let mut bench = Bench::open(fixed(1));
    let (call, other) = (bench.submit(), bench.submit());
    for attempts in 1..=20 {
        let worker = bench.running[&call];
        let loss = Loss { idempotent: false, attempts, ..loss(false) };
        assert_eq!(bench.lose(call, loss), Next::Again { pause: Duration::ZERO, alone: false });
        bench.again(call, false);
        assert!(bench.waiting.contains(&call), "nothing is sent to a child whose link is gone");
        bench.die(worker);
        bench.pass(Duration::from_secs(60));
        if bench.core.is_unavailable(bench.now) {
            return;
        }
        bench.all_ready();
        assert!(bench.running.contains_key(&call) && bench.waiting.contains(&other));
    }
}

#[test]
fn a_call_that_had_begun_is_tried_again_only_if_it_is_idempotent_and_not_too_often() {
    let mut bench = Bench::open(fixed(1));
    let call = bench.submit();
    assert!(matches!(bench.lose(call, loss(true)), Next::Again { .. }));
    bench.all_ready();
    bench.again(call, false);
    assert!(matches!(bench.lose(call, Loss { attempts: 2, ..loss(true) }), Next::Again { .. }));
    bench.pass(Duration::from_secs(1));
    bench.all_ready();
    bench.again(call, false);
    assert_eq!(bench.lose(call, Loss { attempts: 3, ..loss(true) }), Next::Over);
    bench.pass(Duration::from_secs(1));
    bench.all_ready();
    let call = bench.submit();
    assert_eq!(bench.lose(call, Loss { idempotent: false, ..loss(true) }), Next::Over);
}

#[test]
fn retries_are_no_more_than_their_budget() {
    let retry = Retry { attempts: 100, budget: 0.0, pause: Duration::ZERO };
    let mut bench = Bench::open(Rules { retry, ..fixed(1) });
    let mut retries = 0;
    let call = bench.submit();
    loop {
        match bench.lose(call, loss(true)) {
            Next::Again { .. } => retries += 1,
            next => break assert_eq!((next, retries), (Next::Over, 10)),
        }
        bench.again(call, false);
        bench.pass(Duration::from_secs(60));
        bench.all_ready();
        if bench.core.is_unavailable(bench.now) {
            break;
        }
    }
}

#[test]
fn poison_is_found_in_company_with_three_deaths_and_nobody_else_is_refused() {
    let mut bench = Bench::open(Rules { credits: 8, ..fixed(1) });
    let charge = |call: Ticket, alone| Charge { fingerprint: Fingerprint(call.0), message: "Render", alone };
    let calls: Vec<_> = (0..8).map(|_| bench.submit()).collect();
    let poison = calls[3];
    let first = bench.running[&poison];
    for call in &calls {
        let next = bench.lose(*call, Loss { blame: Some(charge(*call, false)), ..loss(true) });
        assert!(matches!(next, Next::Again { alone: true, .. }), "{next:?}");
    }
    bench.die(first);
    calls.iter().for_each(|call| bench.again(*call, true));
    let mut deaths = 1;
    for _ in 0..100 {
        bench.pass(Duration::from_secs(1));
        bench.all_ready();
        let Some((&call, &worker)) = bench.running.iter().next() else { break };
        assert_eq!(bench.running.len(), 1, "suspects run alone");
        if call != poison {
            bench.end(call, End::Answered { took: MS, suspect: Some(Fingerprint(call.0)) }, 0);
            continue;
        }
        deaths += 1;
        match bench.lose(call, Loss { blame: Some(charge(call, true)), attempts: deaths, ..loss(true) }) {
            Next::Again { alone, .. } => bench.again(call, alone),
            next => assert!(matches!(next, Next::Quarantined { kills: 2, .. }), "{next:?}"),
        }
        bench.die(worker);
    }
    assert!(bench.running.is_empty() && bench.waiting.is_empty());
    assert_eq!(deaths, 3);
    assert_eq!(bench.core.quarantined(bench.now).len(), 1);
    assert!(bench.core.judge(Fingerprint(poison.0), bench.now).is_err());
    assert_eq!(bench.core.judge(Fingerprint(calls[0].0), bench.now), Ok(false));
}

#[test]
fn children_that_die_without_an_answer_are_started_ever_more_slowly_and_calls_are_refused() {
    let mut bench = Bench::open(fixed(1));
    let call = bench.submit();
    let mut starts = 0;
    for _ in 0..5 {
        let worker = *bench.ready.keys().next().unwrap();
        bench.die(worker);
        if bench.core.is_unavailable(bench.now) {
            break;
        }
        let due = bench.core.next_deadline(bench.now).unwrap_or(bench.now);
        bench.pass(due - bench.now);
        starts += bench.starting.len();
        bench.all_ready();
    }
    assert!(bench.core.is_unavailable(bench.now), "after {starts} starts");
    assert_eq!(bench.enter(&bench.ask()), Err(Refusal::Unavailable));
    // The call that ran is lost with its child.
    assert_eq!(bench.lose(call, loss(false)), Next::Again { pause: Duration::ZERO, alone: false });
    assert_eq!(bench.core.again(call, &bench.ask(), bench.now), Err(Refusal::Unavailable));
    let due = bench.core.next_deadline(bench.now).expect("it goes on trying");
    bench.pass(due - bench.now);
    bench.all_ready();
    assert!(bench.enter(&bench.ask()).is_ok(), "it takes calls again when one is ready");
}

#[test]
fn a_child_whose_calls_were_lost_is_not_let_go_and_its_end_counts() {
    let mut bench = Bench::open(fixed(1));
    let call = bench.submit();
    let worker = bench.running[&call];
    assert_eq!(bench.lose(call, Loss { idempotent: false, ..loss(true) }), Next::Over);
    assert!(bench.leaving.is_empty() && bench.starting.len() == 1, "its successor does not wait for its end");
    assert!(bench.core.ended(worker, false, bench.now), "nobody had let it go");
}
