//! R4: every fault at every stage of a child's life, each with the outcome that is documented.

pub(crate) mod raw;

mod outcomes;
mod programs;

use std::time::{Duration, Instant};

use kinfolk::parent::{CallError, Child, EndedBy, ExitReport, ExitStatus, Parent, StartError, Stdio, Step};
use kinfolk_bench::Result;
use kinfolk_protocol::Fault as Failed;
use serde_bytes::ByteBuf;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::check::Check;
use crate::fault::{Fault, Stage};
use crate::pools::{Spec, spec};
use crate::toil::{Begin, Carry, Charge, Dose, Explode, Later, Linger, Toil};
use crate::trial::{Trial, within};

/// Every cell is over by then.
const LIMIT: Duration = Duration::from_secs(5);
/// Cells at once.
const AT_ONCE: usize = 3;
/// For each step of a start; a thousand times what it takes.
const START: Duration = Duration::from_millis(2_000);
/// Of calls.
const DEADLINE: Duration = Duration::from_millis(700);
/// Who has not ended by then lives on.
const ALIVE: Duration = Duration::from_millis(1_500);

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let programs = programs::Programs::write(&trial.out.join("programs"))?;
    let (mut running, mut wrong, mut late, mut longest) = (JoinSet::new(), Vec::new(), 0, Duration::ZERO);
    let cells: Vec<_> = Stage::ALL.iter().flat_map(|stage| Fault::ALL.map(|fault| (*stage, fault))).collect();
    for number in 0..cells.len() + AT_ONCE {
        if number >= AT_ONCE {
            let Some(ended) = running.join_next().await else { break };
            let (stage, fault, outcome, took) = ended?;
            longest = longest.max(took);
            late += u64::from(took > LIMIT);
            let (outcome, wanted) = (outcome?, outcomes::documented(stage, fault));
            if outcome != wanted {
                wrong.push(Check::that(&format!("{stage:?} × {fault:?}"), outcome, wanted, false));
            }
        }
        if let Some(&(stage, fault)) = cells.get(number) {
            trial.at(&format!("{stage:?} × {fault:?}"));
            let program = programs.of(fault);
            running.spawn(async move {
                let start = Instant::now();
                let place = format!("{stage:?} × {fault:?}");
                let outcome = within(2 * LIMIT, &place, cell(stage, fault, program)).await.and_then(|outcome| outcome);
                (stage, fault, outcome, start.elapsed())
            });
        }
    }
    programs.remove()?;
    let mut checks = vec![
        Check::exactly("cells with the documented outcome", (cells.len() - wrong.len()) as u64, cells.len() as u64),
        Check::none("cells over 5 s", late),
        Check::figure("longest cell", format_args!("{longest:.1?}")),
    ];
    checks.append(&mut wrong);
    Ok(checks)
}

/// What a parent sees of a fault at a stage: how the start or the call ended, whether the child lives on, and how it
/// ended.
async fn cell(stage: Stage, fault: Fault, program: Spec) -> Result<String> {
    let parent = Parent::new();
    let spec = if stage == Stage::ExecFail { program } else { child(stage, fault) };
    let child = match parent.spawn(spec).await {
        Ok(child) => child,
        Err(error) => return Ok(not_started(&error)),
    };
    let (parts, end) = match stage {
        Stage::Drain | Stage::AtExit => (String::new(), ended(&*child.shutdown().await)),
        _ => (called(&child, stage, fault).await, after(&child).await),
    };
    Ok(if parts.is_empty() { end } else { format!("{parts}; {end}") })
}

fn child(stage: Stage, fault: Fault) -> Spec {
    let is_raw = raw::plays(stage);
    let begin = Begin { history: None, fault: Some((stage, fault)) };
    let spec = spec("cell", if is_raw { "raw" } else { "crasher" }, begin)
        .arg(raw::word(stage, fault))
        .stderr(Stdio::lines())
        .handshake_timeout(START)
        .init_timeout(START)
        .grace(grace(fault))
        // A backtrace takes longer than everything else here.
        .env("RUST_BACKTRACE", "0");
    // By hand a beginning is told in frames.
    spec.shared_memory(!is_raw)
}

/// Who does not end by itself need not be waited for. A child's own watch ends it half a second after its link: by then
/// its parent has.
fn grace(fault: Fault) -> Duration {
    Duration::from_millis(if matches!(fault, Fault::Close | Fault::Garbage | Fault::Stop) { 20 } else { 2_000 })
}

/// The call during which it happens, or after which.
async fn called(child: &Child<Toil>, stage: Stage, fault: Fault) -> String {
    match stage {
        Stage::Decode | Stage::Handler | Stage::Encode => {
            word(child.request(Explode { charge: Charge(stage, fault) }).deadline(DEADLINE).await)
        }
        Stage::OnCancel => {
            let token = CancellationToken::new();
            let cancelling = async {
                sleep(DEADLINE / 4).await;
                token.cancel();
            };
            tokio::join!(child.request(Linger { fault }).cancel_on(token.clone()).into_future(), cancelling)
                .0
                .map_or_else(|error| word::<u64>(Err(error)), |_| "answered".to_owned())
        }
        Stage::Idle => word(child.request(Later { fault }).deadline(DEADLINE).await),
        _ => {
            let ballast = ByteBuf::from(vec![7; 200]);
            word(child.request(Carry { ballast, micros: 0 }).deadline(DEADLINE).await)
        }
    }
}

/// How it ended; or that it lives on, what it answers, and how it ends by a kill.
async fn after(child: &Child<Toil>) -> String {
    if let Ok(report) = timeout(ALIVE, child.wait()).await {
        return ended(&report);
    }
    let next = word(child.request(Dose { id: 1, lethal: false }).deadline(DEADLINE / 2).await);
    format!("lives on, {next}; {}", ended(&*child.kill().await))
}

fn word<T>(outcome: Result<T, CallError<Failed>>) -> String {
    match outcome {
        Ok(_) => "answered".to_owned(),
        Err(CallError::Exited { delivery, .. }) => format!("Exited {delivery:?}"),
        Err(CallError::Disconnected { delivery, .. }) => format!("Disconnected {delivery:?}"),
        Err(CallError::Deadline { delivery, .. }) => format!("Deadline {delivery:?}"),
        Err(CallError::Cancelled { delivery, .. }) => format!("Cancelled {delivery:?}"),
        Err(CallError::Panicked { .. }) => "Panicked".to_owned(),
        Err(CallError::Unsupported { .. }) => "Unsupported".to_owned(),
        Err(other) => format!("{other:?}"),
    }
}

fn not_started(error: &StartError) -> String {
    let step = |step: &Step| if *step == Step::Handshake { "before hello" } else { "in its init" };
    match error {
        StartError::Program { .. } => "start: Program".to_owned(),
        StartError::Spawn { .. } => "start: Spawn".to_owned(),
        StartError::Exited { step: at, report, .. } => format!("start: Exited {}; {}", step(at), ended(report)),
        StartError::Timeout { step: at, report, .. } => format!("start: Timeout {}; {}", step(at), ended(report)),
        StartError::Misbehaved { report, .. } => format!("start: Misbehaved; {}", ended(report)),
        StartError::InitFailed { report, .. } => format!("start: InitFailed; {}", ended(report)),
        StartError::Refused { report, .. } => format!("start: Refused; {}", ended(report)),
        other => format!("start: {other:?}"),
    }
}

fn ended(report: &ExitReport) -> String {
    let status = match report.status {
        ExitStatus::Code(code) => format!("code {code}"),
        ExitStatus::Signal { number, .. } => format!("signal {number}"),
        _ => "unknown".to_owned(),
    };
    let by = match report.ended_by {
        EndedBy::Us(why) => format!("us: {why:?}"),
        other => format!("{other:?}"),
    };
    format!("{status}, {by}")
}
