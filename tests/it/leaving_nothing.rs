//! No orphan, no zombie, no leak, however a parent ends.
#![expect(clippy::disallowed_methods, reason = "the parents are programs here, started and killed from outside")]

use std::io::{BufRead, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child as Process, Command};

use kinfolk_protocol::{Codec, HEADER_LEN, Header, Init, Kind, Limits, PREAMBLE, PREAMBLE_LEN, Protocol};
use kinfolk_tests::{Begin, Drill};

use crate::support::{NEST, eventually, exists, grandchildren, nest};

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

/// A child whose parent is this test, by hand, and the parent's end of its link, after the handshake.
fn child_by_hand(role: &str) -> (Process, UnixStream) {
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    let theirs = OwnedFd::from(theirs);
    let stat = rustix::fs::fstat(&theirs).unwrap();
    let mut command = Command::new(NEST);
    command.env("KINFOLK_LINK", format!("{}:{}", stat.st_dev, stat.st_ino)).env("KINFOLK_ROLE", role).stdin(theirs);
    let process = command.process_group(0).spawn().unwrap();
    drop(command);
    ours.read_exact(&mut [0; PREAMBLE_LEN]).unwrap();
    assert_eq!(read_frame(&mut ours), Kind::Hello);
    let name = "by-hand".to_owned();
    let mut value = Vec::new();
    <Drill as Protocol>::Codec::encode(&Begin::Well, &mut value).unwrap();
    let init = Init { version: Drill::VERSION, limits: Limits::default(), name, value, welcomed: Vec::new() }.encode();
    let header = Header::control(Kind::Init, init.len() as u32).encode();
    ours.write_all(&[PREAMBLE.as_slice(), &header, &init].concat()).unwrap();
    assert_eq!(read_frame(&mut ours), Kind::Ready);
    (process, ours)
}

fn read_frame(link: &mut UnixStream) -> Kind {
    let mut head = [0; HEADER_LEN];
    link.read_exact(&mut head).unwrap();
    let header = Header::decode(&head, u32::MAX).unwrap();
    link.read_exact(&mut vec![0; header.length as usize]).unwrap();
    header.kind
}

#[tokio::test]
async fn a_child_does_not_take_the_end_of_its_link_for_the_death_of_a_parent_that_lives() {
    let (mut process, link) = child_by_hand("lingering");
    drop(link);
    assert_eq!(process.wait().unwrap().code(), Some(0), "it came to its own end");
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
