//! No descriptor and no mapping is left of what was sent, on either side, however it went.

use std::process::Command;

use crate::support::HAULER;

fn nothing_is_left_of(what: &str) {
    let output = Command::new(HAULER).arg(what).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{what}: {text}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn nothing_is_left_of_what_was_dropped() {
    ["dropped", "trusted", "kept"].into_iter().for_each(nothing_is_left_of);
}

#[test]
fn nothing_is_left_of_calls_that_were_given_up() {
    ["cancelled", "late"].into_iter().for_each(nothing_is_left_of);
}

#[test]
fn nothing_is_left_of_what_was_refused_or_met_a_panic() {
    ["panics", "refused"].into_iter().for_each(nothing_is_left_of);
}

#[test]
fn a_parent_without_descriptors_left_loses_what_needs_one_and_nothing_else() {
    nothing_is_left_of("scarce");
}

#[test]
fn nothing_is_left_of_messages_that_came_as_events() {
    nothing_is_left_of("unread");
}

#[test]
fn nothing_is_left_of_children_that_end_with_parcels_in_hand() {
    ["killed:holding", "killed:dropped", "killed:full"].into_iter().for_each(nothing_is_left_of);
}

#[test]
fn nothing_is_left_of_children_that_are_killed_while_parcels_fly_both_ways() {
    nothing_is_left_of("killed:any-time");
}
