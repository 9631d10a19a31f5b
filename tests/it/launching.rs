//! A program gets what its spec says, and nothing else.

use futures::StreamExt;
use kinfolk::parent::{ChildEvent, Output, Parent, Stdio};
use kinfolk_tests::{Begin, Deed, Describe, Description, Do};

use crate::support::{Spec, one, within, worker};

async fn described(spec: Spec) -> Description {
    let parent = Parent::new();
    let child = within(parent.spawn(spec)).await.unwrap();
    within(child.request(Describe())).await.unwrap()
}

fn get<'a>(description: &'a Description, name: &str) -> Option<&'a str> {
    description.env.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn arguments_name_and_folder_are_the_specs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    let spec = worker("w", Begin::Well).arg("one").args(["$two", "th ree"]).argv0("other").current_dir(&path);
    let description = described(spec).await;
    assert_eq!(description.args, ["other", "one", "$two", "th ree"], "no shell has touched them");
    assert_eq!(description.cwd, path.display().to_string());
}

#[tokio::test]
async fn the_environment_is_the_parents_with_changes_or_only_what_is_kept() {
    let spec = worker("w", Begin::Well).env("COLOUR", "green").env_remove("CARGO_MANIFEST_DIR");
    let description = described(spec).await;
    assert_eq!(get(&description, "COLOUR"), Some("green"));
    assert_eq!(get(&description, "PATH"), std::env::var("PATH").ok().as_deref());
    assert_eq!(get(&description, "CARGO_MANIFEST_DIR"), None);

    let spec = worker("w", Begin::Well).env_clear().env_keep(["PATH"]).env("COLOUR", "red");
    let description = described(spec).await;
    let mut names: Vec<&str> = description.env.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["COLOUR", "KINFOLK_LINK", "PATH"]);
}

#[tokio::test]
async fn a_child_begins_with_three_descriptors_and_adds_only_its_own() {
    // Descriptors of this process that are open while the child starts must not reach it.
    let (_other_parent, _other_child) = one().await;
    let held: Vec<_> = (0..20).map(|_| std::fs::File::open("/dev/zero").unwrap()).collect();
    let description = described(worker("w", Begin::Well)).await;
    drop(held);
    let inherited = inheritable();
    let ours = |fd: &i32| *fd <= 2 || !inherited.contains(fd);
    let numbers: Vec<i32> = description.at_start.iter().map(|(fd, _)| *fd).filter(ours).collect();
    assert_eq!(numbers, [0, 1, 2], "{:?}", description.at_start);
    assert!(description.link.starts_with("socket:"), "{:?}", description.at_start);

    let beyond = description.now.iter().filter(|(fd, _)| *fd > 2 && ours(fd));
    // Besides its link: the runtime's poller, waker and signal pair, which lead to nobody else.
    let (links, own): (Vec<_>, Vec<_>) = beyond.partition(|(_, to)| *to == description.link);
    assert!(!links.is_empty());
    assert!(own.iter().all(|(_, to)| to.starts_with("anon_inode:") || to.starts_with("socket:")), "{own:?}");
    assert_eq!(description.now[0].1, "/dev/null");
}

/// What this process itself inherited open across `exec`: it would reach any program it starts.
fn inheritable() -> Vec<i32> {
    let flags = |fd: &i32| std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).unwrap_or_default();
    // `flags:` is octal, O_CLOEXEC is 02000000: proc(5), open(2).
    let closes = |text: String| {
        let line = text.lines().find_map(|line| line.strip_prefix("flags:"));
        line.is_none_or(|octal| i64::from_str_radix(octal.trim(), 8).is_ok_and(|flags| flags & 0o2_000_000 != 0))
    };
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let numbers = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|fd| !closes(flags(fd))).collect()
}

#[tokio::test]
async fn output_arrives_line_by_line_and_the_last_of_stderr_is_reported() {
    let parent = Parent::new();
    let child = within(parent.spawn(worker("w", Begin::Well).stdout(Stdio::lines()))).await.unwrap();
    let print = Deed::Print { stdout: vec!["out 1".into(), "out 2".into()], stderr: vec!["err 1".into()] };
    within(child.request(Do(print))).await.unwrap();
    let report = within(child.shutdown()).await;
    assert_eq!(report.stderr, ["err 1"]);
    let lines: Vec<(Output, String)> = within(
        child
            .events()
            .filter_map(|event| async move {
                match event {
                    ChildEvent::Output { stream, line } => Some((stream, line)),
                    _ => None,
                }
            })
            .collect(),
    )
    .await;
    let of = |wanted| lines.iter().filter(|(stream, _)| *stream == wanted).map(|(_, line)| line.as_str()).collect();
    let (out, err): (Vec<&str>, Vec<&str>) = (of(Output::Stdout), of(Output::Stderr));
    assert_eq!((out, err), (vec!["out 1", "out 2"], vec!["err 1"]));
}

#[tokio::test]
async fn output_goes_to_a_file_or_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    std::fs::write(&log, "before\n").unwrap();
    let parent = Parent::new();
    let spec = worker("w", Begin::Well).stdout(Stdio::file(&log)).stderr(Stdio::null());
    let child = within(parent.spawn(spec)).await.unwrap();
    let print = Deed::Print { stdout: vec!["after".into()], stderr: vec!["unheard".into()] };
    within(child.request(Do(print))).await.unwrap();
    within(child.shutdown()).await;
    assert_eq!(std::fs::read_to_string(&log).unwrap(), "before\nafter\n");

    let spec = worker("w", Begin::Well).stdout(Stdio::file(folder.path()));
    let error = within(parent.spawn(spec)).await.unwrap_err();
    assert!(matches!(error, kinfolk::parent::StartError::Output { .. }), "{error:?}");
}

#[tokio::test]
async fn every_line_is_delivered_or_counted() {
    let parent = Parent::new();
    let child = within(parent.spawn(worker("w", Begin::Well).stdout(Stdio::lines()))).await.unwrap();
    let mut events = child.events();
    within(child.request(Do(Deed::PrintLines(20_000)))).await.unwrap();
    within(child.shutdown()).await;
    let (mut seen, mut missed) = (0, 0);
    while let Some(event) = within(events.next()).await {
        match event {
            ChildEvent::Output { stream: Output::Stdout, line } => {
                assert_eq!(line, (seen + missed).to_string(), "in order, and with every gap told before it");
                seen += 1;
            }
            ChildEvent::Missed { count } => missed += count,
            _ => {}
        }
    }
    assert_eq!(seen + missed, 20_000);
}

#[tokio::test]
async fn a_grandchild_does_not_take_the_link_for_its_own() {
    let (_parent, child) = one().await;
    let code = within(child.request(Do(Deed::RunAgain))).await.unwrap_err().into_app();
    assert_eq!(code.unwrap().0, "Some(64)", "the same program, with the same environment, has no parent");
    assert_eq!(within(child.request(kinfolk_tests::Echo(1))).await.unwrap(), 1);
}

#[tokio::test]
async fn a_child_may_be_a_parent_itself() {
    let (_parent, child) = one().await;
    let answer = within(child.request(Do(Deed::BeParent))).await.unwrap_err().into_app();
    assert_eq!(answer.unwrap().0, "5");
}
