//! A program started by hand finds its parent by an invitation, and nobody else does.
#![expect(clippy::disallowed_methods, reason = "these programs are started by hand, not by a parent")]

use std::process::{Child as Handmade, Command, Stdio};
use std::time::Duration;

use kinfolk::parent::{ChildSpec, ExitStatus, Invitation, Parent, Program, StartError};
use kinfolk_tests::{Begin, Drill, Echo};

use crate::support::{WORKER, within};

fn invite() -> (ChildSpec<Drill, kinfolk::parent::WithInit<Drill>>, String) {
    let invitation = Invitation::new().unwrap();
    let variable = invitation.to_string();
    let value = variable.strip_prefix("KINFOLK_CONNECT=").expect("it shows as the variable to set").to_owned();
    (ChildSpec::<Drill>::new("by-hand", Program::attach(invitation)).init(Begin::Well), value)
}

fn start(invitation: &str) -> Handmade {
    Command::new(WORKER).env("KINFOLK_CONNECT", invitation).stderr(Stdio::piped()).spawn().unwrap()
}

#[tokio::test]
async fn a_program_started_by_hand_becomes_a_child() {
    let parent = Parent::new();
    let (spec, invitation) = invite();
    let mut program = start(&invitation);
    let child = within(parent.spawn(spec)).await.unwrap();
    assert_eq!(child.pid(), program.id());
    assert_eq!(within(child.request(Echo(3))).await.unwrap(), 3);
    let report = within(child.shutdown()).await;
    assert_eq!(report.status, ExitStatus::Unknown, "its status belongs to whoever started it");
    assert!(program.wait().unwrap().success());
    let socket = invitation.split('#').next().unwrap();
    assert!(!std::fs::exists(socket).unwrap(), "the socket is gone");
}

#[tokio::test]
async fn a_wrong_token_is_turned_away_with_a_sentence_and_the_right_one_still_let_in() {
    let parent = Parent::new();
    let (spec, invitation) = invite();
    let wrong = format!("{}#{}", invitation.split('#').next().unwrap(), "0".repeat(32));
    let start_right = async {
        let turned_away = tokio::task::spawn_blocking(move || start(&wrong).wait_with_output().unwrap()).await.unwrap();
        assert_eq!(turned_away.status.code(), Some(76));
        let text = String::from_utf8(turned_away.stderr).unwrap();
        assert!(text.contains("the token does not match"), "{text}");
        start(&invitation)
    };
    let (child, mut program) = within(async { tokio::join!(parent.spawn(spec), start_right) }).await;
    within(child.unwrap().shutdown()).await;
    program.wait().unwrap();
}

#[tokio::test]
async fn an_invitation_that_nobody_follows_ends_in_time() {
    let parent = Parent::new();
    let (spec, _) = invite();
    let error = within(parent.spawn(spec.handshake_timeout(Duration::from_millis(100)))).await.unwrap_err();
    assert!(matches!(error, StartError::NotAttached { .. }), "{error:?}");
}

#[tokio::test]
async fn an_attached_child_ends_with_its_parent() {
    let parent = Parent::new();
    let (spec, invitation) = invite();
    let mut program = start(&invitation);
    let _child = within(parent.spawn(spec)).await.unwrap();
    drop(parent);
    within(tokio::task::spawn_blocking(move || program.wait().unwrap())).await.unwrap();
}

#[tokio::test]
async fn a_malformed_invitation_is_a_sentence() {
    let output = Command::new(WORKER).env("KINFOLK_CONNECT", "nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(76));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("KINFOLK_CONNECT is not of the form"), "{text}");
}
