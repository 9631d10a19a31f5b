//! No orphan, no zombie, no leak, however a parent ends.

use std::io::BufRead;

use crate::support::{eventually, exists, grandchildren, nest};

#[tokio::test]
async fn children_that_compute_end_with_a_parent_that_is_killed() {
    let (mut parent, _, pids) = nest(&["compute"]);
    assert_eq!(pids.len(), 2);
    assert!(pids.iter().all(|pid| exists(*pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    // Half a second of grace; the rest is patience with a busy machine.
    eventually("both children are gone", || pids.iter().all(|pid| !exists(*pid) || is_zombie(*pid))).await;
}

#[tokio::test]
async fn what_a_child_has_started_ends_with_it_when_the_parent_is_killed() {
    let (mut parent, _, pids) = nest(&["leave-behind"]);
    let started = grandchildren(pids[0]);
    assert_eq!(started.len(), 1);
    parent.kill().unwrap();
    parent.wait().unwrap();
    let all = [pids[0], started[0]];
    eventually("both are gone", || all.iter().all(|pid| !exists(*pid) || is_zombie(*pid))).await;
}

#[tokio::test]
async fn a_child_is_gone_when_the_drop_of_its_parent_returns() {
    let (mut parent, mut lines, _) = nest(&["drop"]);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "gone\n");
    assert!(parent.wait().unwrap().success());
}

#[tokio::test]
async fn a_child_ends_with_a_parent_that_exits_without_dropping_it() {
    let (mut parent, _, pids) = nest(&["exit"]);
    assert!(parent.wait().unwrap().success());
    eventually("the child is gone", || !exists(pids[0]) || is_zombie(pids[0])).await;
}

#[tokio::test]
async fn two_hundred_lives_leave_no_descriptor_and_no_zombie() {
    let (mut parent, _, numbers) = nest(&["cycles"]);
    assert!(parent.wait().unwrap().success());
    let [before, after, zombies] = numbers[..] else { panic!("{numbers:?}") };
    assert_eq!((after, zombies), (before, 0));
}

/// True for an ended process whose new parent, the first process of the machine, has not reaped it: in a container
/// there may be none that does.
fn is_zombie(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}
