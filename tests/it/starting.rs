//! A child becomes ready, or the error says exactly why not; then nothing of it is left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use kinfolk::Limits;
use kinfolk::parent::{ChildSpec, EndedBy, ExitStatus, Parent, Program, ProgramError, StartError, Step, Why};
use kinfolk_tests::{Begin, Drill, Echo};

use crate::support::{WORKER, eventually, exists, failing, one, raw, within, worker};

fn running(program: Program) -> crate::support::Spec {
    ChildSpec::<Drill>::new("stranger", program).init(Begin::Well)
}

#[tokio::test]
async fn a_program_that_exits_at_once_is_told_with_its_code() {
    let (error, text) = failing(raw("exit")).await;
    let StartError::Exited { step: Step::Handshake, report, .. } = &error else { panic!("{error:?}") };
    assert_eq!((report.status, report.ended_by), (ExitStatus::Code(0), EndedBy::Itself));
    assert!(text.contains("`raw` ended before it said hello (exit code 0"), "{text}");
}

#[tokio::test]
async fn a_program_that_dies_within_its_hello_is_told() {
    let (error, _) = failing(raw("half-hello")).await;
    assert!(matches!(error, StartError::Exited { step: Step::Handshake, .. }), "{error:?}");
}

#[tokio::test]
async fn a_program_that_ends_after_its_hello_or_within_its_ready_is_told() {
    for fault in ["hello-exit", "half-ready"] {
        let (error, _) = failing(raw(fault)).await;
        assert!(matches!(error, StartError::Exited { step: Step::Init, .. }), "{fault}: {error:?}");
    }
}

#[tokio::test]
async fn a_failed_initialization_arrives_with_its_causes_and_stderr() {
    let (error, text) = failing(worker("w", Begin::Fail)).await;
    let StartError::InitFailed { fault, report, .. } = &error else { panic!("{error:?}") };
    assert_eq!(fault.message(), "opening the store");
    assert!(text.contains("No such file or directory"), "{text}");
    assert_eq!(report.status, ExitStatus::Code(1));
    assert!(report.stderr.iter().any(|line| line.contains("opening the store")), "{:?}", report.stderr);
}

#[tokio::test]
async fn a_panic_during_the_initialization_arrives_with_its_place() {
    let (error, text) = failing(worker("w", Begin::Panic)).await;
    let StartError::InitFailed { report, .. } = &error else { panic!("{error:?}") };
    assert!(text.contains("no store, no work") && text.contains("worker.rs"), "{text}");
    assert_eq!(report.status, ExitStatus::Code(101));
    assert_eq!(report.panic.as_ref().unwrap().message, "no store, no work");
}

#[tokio::test]
async fn an_exit_or_abort_during_the_initialization_is_told_with_its_status() {
    let (error, _) = failing(worker("w", Begin::Exit)).await;
    let StartError::Exited { step: Step::Init, report, .. } = &error else { panic!("{error:?}") };
    assert_eq!(report.status, ExitStatus::Code(9));

    let (error, _) = failing(worker("w", Begin::Abort)).await;
    let StartError::Exited { step: Step::Init, report, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(report.status, ExitStatus::Signal { number: 6, .. }), "{report}");
    assert_eq!(report.ended_by, EndedBy::Itself);
}

#[tokio::test]
async fn an_initialization_that_hangs_is_killed_after_its_time() {
    let (error, text) = failing(worker("w", Begin::Hang).init_timeout(Duration::from_millis(300))).await;
    let StartError::Timeout { step: Step::Init, report, .. } = &error else { panic!("{error:?}") };
    assert_eq!(report.ended_by, EndedBy::Us(Why::InitTimeout));
    assert!(text.contains("`init_timeout`"), "{text}");
}

#[tokio::test]
async fn a_worker_that_returns_instead_of_running_is_told() {
    let (_, text) = failing(worker("w", Begin::Return)).await;
    assert!(text.contains("returned before `run`"), "{text}");
}

#[tokio::test]
async fn programs_that_are_not_kinfolks_are_told_by_what_they_do() {
    let (error, _) = failing(running(Program::search("true"))).await;
    assert!(matches!(error, StartError::Exited { step: Step::Handshake, .. }), "{error:?}");

    let soon = Duration::from_millis(300);
    for deaf in ["cat", "sh"] {
        let (error, text) = failing(running(Program::search(deaf)).handshake_timeout(soon)).await;
        let StartError::Timeout { step: Step::Handshake, report, .. } = &error else { panic!("{deaf}: {error:?}") };
        assert_eq!(report.ended_by, EndedBy::Us(Why::HandshakeTimeout));
        assert!(text.contains("is it a kinfolk program"), "{text}");
    }
}

#[tokio::test]
async fn a_shell_script_runs_and_is_found_to_be_none() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    fs::write(&script, "#!/bin/sh\nexit 4\n").unwrap();
    let (error, text) = failing(running(Program::path(&script))).await;
    assert!(matches!(error, StartError::Program { source: ProgramError::NotExecutable { .. }, .. }), "{error:?}");
    assert!(text.contains("chmod +x"), "{text}");

    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let (error, _) = failing(running(Program::path(&script))).await;
    let StartError::Exited { report, .. } = &error else { panic!("{error:?}") };
    assert_eq!(report.status, ExitStatus::Code(4));

    fs::write(&script, "no interpreter named\n").unwrap();
    let (error, text) = failing(running(Program::path(&script))).await;
    assert!(matches!(error, StartError::Spawn { .. }), "{error:?}");
    assert!(text.contains("`#!` line"), "{text}");
}

#[tokio::test]
async fn what_is_no_program_is_told_before_anything_starts() {
    let (error, _) = failing(running(Program::path("/"))).await;
    assert!(matches!(error, StartError::Program { source: ProgramError::Directory { .. }, .. }), "{error:?}");
    let (error, text) = failing(running(Program::path("/no/such/program"))).await;
    assert!(matches!(error, StartError::Program { source: ProgramError::Missing { .. }, .. }), "{error:?}");
    assert!(text.contains("`stranger`") && text.contains("/no/such/program"), "{text}");
    let (error, text) = failing(running(Program::sibling("no-such-program"))).await;
    assert!(matches!(error, StartError::Program { source: ProgramError::NotFound { .. }, .. }), "{error:?}");
    assert!(text.contains("/deps"), "{text}");
}

#[tokio::test]
async fn a_missing_working_directory_is_not_blamed_on_the_program() {
    let (_, text) = failing(worker("w", Begin::Well).current_dir("/no/such/folder")).await;
    assert!(text.contains("does /no/such/folder exist?"), "{text}");
}

#[tokio::test]
async fn garbage_in_place_of_a_hello_ends_the_child_and_is_shown() {
    for (fault, words) in [
        ("garbage", "\\xa5\\xa5"),
        ("http", "GET / HT"),
        ("later-frames", "frames of version 9"),
        ("ready-first", "Ready frame before its hello"),
        ("bad-hello", "the Hello frame ends within `token`"),
    ] {
        let (error, text) = failing(raw(fault)).await;
        assert!(text.contains(words), "{fault}: {text}");
        let StartError::Misbehaved { report, .. } = &error else { panic!("{fault}: {error:?}") };
        assert_eq!(report.ended_by, EndedBy::Us(Why::Misbehaved), "{fault}");
    }
}

#[tokio::test]
async fn a_child_that_closes_its_link_at_once_but_lives_on_is_ended() {
    let (error, _) = failing(raw("close-at-once")).await;
    let StartError::Exited { step: Step::Handshake, report, .. } = &error else { panic!("{error:?}") };
    assert_eq!(report.ended_by, EndedBy::Us(Why::LinkEnded));
}

#[tokio::test]
async fn an_incompatible_version_is_one_sentence_with_both_sides() {
    let spec = running(Program::path(env!("CARGO_BIN_EXE_later"))).stderr(kinfolk::parent::Stdio::lines());
    let (error, text) = failing(spec).await;
    let StartError::Refused { report, .. } = &error else { panic!("{error:?}") };
    assert!(text.contains("`drill` 2.0") && text.contains("1.1"), "{text}");
    // The child says the same, and its exit code is that of a protocol error.
    assert_eq!(report.status, ExitStatus::Code(76));
    assert!(report.stderr.iter().any(|line| line.contains("2.0") && line.contains("1.1")), "{:?}", report.stderr);
}

#[tokio::test]
async fn names_are_checked_unique_and_free_again_after_the_end() {
    let (parent, child) = one().await;
    let taken = within(parent.spawn(worker("one", Begin::Well))).await.unwrap_err();
    assert!(matches!(taken, StartError::NameTaken { .. }), "{taken:?}");
    let bad = within(parent.spawn(worker("a b", Begin::Well))).await.unwrap_err();
    assert!(matches!(bad, StartError::Name(_)), "{bad:?}");
    within(child.kill()).await;
    within(parent.spawn(worker("one", Begin::Well))).await.unwrap();
}

#[tokio::test]
async fn limits_that_leave_no_room_and_an_init_value_too_long_are_refused() {
    let (error, _) = failing(worker("w", Begin::Well).limits(Limits::default().window(0, 1))).await;
    assert!(matches!(error, StartError::Limits { .. }), "{error:?}");
    let huge = Begin::Bytes(vec![0; (Limits::default().max_message + 1) as usize].into());
    let (error, text) = failing(worker("w", huge)).await;
    assert!(matches!(error, StartError::InitTooLong { .. }), "{error:?}");
    assert!(text.contains("134217728"), "{text}");
}

#[tokio::test]
async fn a_start_that_nobody_waits_for_any_more_is_ended() {
    let parent = Parent::new();
    let start = tokio::time::timeout(Duration::from_millis(200), parent.spawn(worker("w", Begin::Hang)));
    assert!(start.await.is_err());
    eventually("the child is gone", || parent.children().is_empty()).await;
}

#[tokio::test]
async fn a_process_that_forgot_its_role_is_told_so() {
    let spec = ChildSpec::<Drill>::new("confused", Program::path(crate::support::NEST)).init(Begin::Well);
    // Not by `Program::current_exe`, which would run this test program: by the variable it sets.
    let spec = spec.env("KINFOLK_ROLE", "forgotten").stdout(kinfolk::parent::Stdio::lines());
    let parent = Parent::new();
    let started = within(parent.spawn(spec)).await.unwrap_err();
    let StartError::Exited { report, .. } = &started else { panic!("{started:?}") };
    assert_eq!(report.status, ExitStatus::Code(3), "it printed the error and left");
}

#[tokio::test]
async fn a_program_without_a_parent_says_what_it_is_and_exits_with_64() {
    let output = std::process::Command::new(WORKER).output().unwrap();
    assert_eq!(output.status.code(), Some(64));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("protocol `drill` 1.1") && text.contains("KINFOLK_CONNECT"), "{text}");
}

#[tokio::test]
async fn a_child_is_found_by_its_name_and_protocol() {
    let (parent, child) = one().await;
    let found = parent.get::<Drill>("one").unwrap();
    assert_eq!(within(found.request(Echo(1))).await.unwrap(), 1);
    assert!(parent.get::<kinfolk_tests::LaterDrill>("one").is_none(), "another protocol of the same name");
    assert!(parent.get::<Drill>("two").is_none());
    let listed = parent.children();
    assert_eq!((listed.len(), listed[0].pid), (1, child.pid()));
    assert!(exists(child.pid()));
}
