//! R19: what a child has open, of a parent and beside siblings that have much.

use std::collections::HashSet;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use kinfolk::parent::Parent;
use kinfolk_bench::Result;
use rustix::pipe::{PipeFlags, pipe_with};
use tokio::time::sleep;

use crate::check::Check;
use crate::pools::{pool, spec, worker};
use crate::proc::descriptors;
use crate::toil::{Begin, Dose};
use crate::trial::{PATIENCE, Trial, eventually, within};

/// Of each kind, open in the parent.
const OPEN: usize = 60;

type Open = Vec<(u32, String)>;

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let (inherited, kept) = (inherited()?, open_many(trial)?);
    let parent = Parent::new();
    trial.at("children");
    let pool = within(PATIENCE, "opening the pool", pool(&parent, None).size(3)).await??;
    let single = within(PATIENCE, "a start", parent.spawn(worker("single"))).await??;
    within(PATIENCE, "a call", single.request(Dose { id: 1, lethal: false })).await??;
    trial.at("a program at its beginning");
    let parked = spec("parked", "parked", Begin::default()).handshake_timeout(PATIENCE);
    let begun = async { drop(parent.spawn(parked).await) };
    let fresh = tokio::select! {
        () = begun => return Err("a program that never says hello cannot become a child".into()),
        fresh = at_its_beginning(&parent) => fresh?,
    };
    let mut ready: Vec<Open> = Vec::new();
    for pid in pool.children().iter().map(|child| child.pid()).chain([single.pid()]) {
        ready.push(without(&inherited, descriptors(pid)?));
    }
    let own = descriptors(std::process::id())?;
    drop(kept);
    within(PATIENCE, "the end of the children", parent.shutdown()).await?;
    let mut checks = vec![Check::figure("inherited by the suite itself", inherited.len())];
    checks.extend(judge(&own, &without(&inherited, fresh), &ready));
    Ok(checks)
}

/// What whoever started the suite has left open for any program after it: that reaches its children too.
fn inherited() -> Result<Open> {
    let mut open = descriptors(std::process::id())?;
    open.retain(|(number, _)| *number > 2 && !closes_on_exec(*number));
    Ok(open)
}

fn closes_on_exec(number: u32) -> bool {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap_or_default();
    let flags = text.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_none_or(|flags| flags & 0o2_000_000 != 0)
}

fn without(inherited: &Open, mut open: Open) -> Open {
    open.retain(|entry| !inherited.contains(entry));
    open
}

/// Files, sockets and pipes, as many as a server has.
fn open_many(trial: &Trial) -> Result<Vec<OwnedFd>> {
    let path = trial.out.join("open");
    let mut open = Vec::new();
    for _ in 0..OPEN {
        let (sockets, pipe) = (UnixStream::pair()?, pipe_with(PipeFlags::CLOEXEC)?);
        open.extend([File::create(&path)?.into(), sockets.0.into(), sockets.1.into(), pipe.0, pipe.1]);
    }
    std::fs::remove_file(path)?;
    Ok(open)
}

async fn at_its_beginning(parent: &Parent) -> Result<Open> {
    let pid = || parent.children().iter().find(|child| child.name.as_str() == "parked").map(|child| child.pid);
    eventually(PATIENCE, || pid().is_some()).await;
    let pid = pid().ok_or("it was not started")?;
    // What the loader opens for a moment is the program's own.
    let mut before = descriptors(pid)?;
    loop {
        sleep(Duration::from_millis(200)).await;
        let now = descriptors(pid)?;
        if now == before {
            return Ok(now);
        }
        before = now;
    }
}

fn judge(own: &Open, fresh: &Open, ready: &[Open]) -> Vec<Check> {
    let numbers: Vec<_> = fresh.iter().map(|(number, _)| *number).collect();
    let outputs = |open: &Open| open.iter().filter(|(number, _)| matches!(number, 1 | 2)).cloned().collect::<Vec<_>>();
    let parents: HashSet<&str> = own.iter().map(|(_, to)| to.as_str()).filter(|to| is_one(to)).collect();
    let (mut foreign, mut unknown, mut most) = (0, 0, 0);
    for (index, open) in ready.iter().enumerate() {
        let outputs = outputs(open);
        let siblings = ready.iter().enumerate().filter(|(other, _)| *other != index).flat_map(|(_, open)| open);
        let theirs: HashSet<&str> = siblings.map(|(_, to)| to.as_str()).filter(|to| is_one(to)).collect();
        most = most.max(open.len());
        for entry in open.iter().filter(|entry| !outputs.contains(entry)) {
            foreign += u64::from(parents.contains(entry.1.as_str()) || theirs.contains(entry.1.as_str()));
            unknown += u64::from(entry.0 > 2 && !is_documented(&entry.1));
        }
    }
    let fresh_foreign = fresh.iter().filter(|(number, to)| *number == 0 && parents.contains(to.as_str())).count();
    vec![
        Check::figure("open in the parent", own.len()),
        Check::that("of a program at its beginning", format_args!("{numbers:?}"), "[0, 1, 2]", numbers == [0, 1, 2]),
        Check::that("its link", link(fresh), "a socket", link(fresh).starts_with("socket:")),
        Check::none("of its parent's, at its beginning", fresh_foreign as u64),
        Check::figure("children that were looked at", ready.len()),
        Check::none("of their parent's or a sibling's", foreign),
        Check::none("of kinds that are not documented", unknown),
        Check::at_most("of a child, at most", most as u64, 12),
    ]
}

fn link(open: &Open) -> &str {
    open.iter().find(|(number, _)| *number == 0).map_or("nothing", |(_, to)| to.as_str())
}

/// True if the name is that of one open thing: all of the kernel's own have the same.
fn is_one(to: &str) -> bool {
    !to.starts_with("anon_inode:") && !to.starts_with("pidfd:") && !to.starts_with("/dev/")
}

/// The link and its duplicate, the parent as a process, and what a tokio runtime has.
fn is_documented(to: &str) -> bool {
    let kinds = ["socket:", "pidfd:", "anon_inode:[pidfd]", "anon_inode:[eventpoll]", "anon_inode:[eventfd]"];
    kinds.iter().any(|kind| to.starts_with(kind))
}
