//! The end of a child: what is left is collected, the process reaped, everybody told, in one fixed order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_link::Signal;
use kinfolk_protocol::ChildName;
use tokio::time::timeout;

use super::{Driver, StartFailure, Starting};
use crate::error::StartError;
use crate::event::{ChildEvent, Disconnected};
use crate::lifecycle::Patience;
use crate::report::{EndedBy, ExitReport, ExitStatus, Why};

/// What has arrived is read for so long at most: a grandchild in a session of its own may write for ever.
const COLLECT_LIMIT: Duration = Duration::from_secs(1);

impl Driver {
    /// Ends everything. The group is killed while its leader is unreaped, so that its number is still its own.
    pub(super) async fn finish(mut self, gave_up: bool, on_end: Box<dyn FnOnce() + Send>) {
        if !gave_up {
            self.shared.process.signal(Signal::KILL);
        }
        self.collect();
        let report = Arc::new(self.report());
        // Before the calls are told that they are lost: they tell their callers how.
        let _ = self.shared.report.set(Arc::clone(&report));
        if let Some(conn) = self.shared.conn.get() {
            conn.close();
            conn.end_calls();
            conn.abort();
        }
        self.inbox.letters = None;
        if let Some(task) = &mut self.inbox.task {
            // A handler of ours may hang; the exit is reported all the same.
            if timeout(self.patience.grace, task).await.is_ok() {
                self.inbox.task = None;
            }
        }
        self.end.get_or_insert(Disconnected::Closed);
        self.disconnected();
        self.shared.push(ChildEvent::Exited(Arc::clone(&report)));
        on_end();
        self.shared.ended.send_replace(true);
        if let Some(starting) = self.starting.take() {
            let error = start_error(&self.shared.name, &starting, self.lifecycle.why(), &self.patience, &report);
            // Nobody may wait for it any more.
            let _ = starting.result.send(Err(error));
        }
    }

    /// Takes what the child sent and printed before it ended. The ends are not waited for: grandchildren may hold them.
    fn collect(&mut self) {
        let end = Instant::now() + COLLECT_LIMIT;
        while let Some(event) = self.link.try_next() {
            self.on_link(event);
            if Instant::now() > end {
                break;
            }
        }
        while let Some((stream, line)) = self.outputs.try_next() {
            self.on_output(stream, line);
            if Instant::now() > end {
                break;
            }
        }
    }

    fn report(&mut self) -> ExitReport {
        let reaped = self.shared.process.reap();
        let status = reaped.as_ref().map_or(ExitStatus::Unknown, ExitStatus::of);
        let conn = self.shared.conn.get();
        ExitReport {
            child: self.shared.name.clone(),
            pid: self.shared.process.pid(),
            status,
            ended_by: EndedBy::judge(status, self.lifecycle.why(), self.terminate),
            panic: self.panic.take(),
            stderr: self.outputs.take_tail(),
            uptime: self.shared.spawned.elapsed(),
            usage: reaped.map(|reaped| reaped.usage).unwrap_or_default(),
            calls_in_flight: conn.map_or(0, |conn| conn.in_flight()),
            untaken: conn.map(|conn| conn.untaken()).unwrap_or_default(),
        }
    }

    /// Tells of the end of the link, once, after every message was handled.
    pub(super) fn disconnected(&mut self) {
        if self.told {
            return;
        }
        if let Some(how) = &self.end {
            self.told = true;
            self.shared.push(ChildEvent::Disconnected(how.clone()));
        }
    }
}

/// Why a child did not become ready, now that its end is known.
fn start_error(
    name: &ChildName,
    starting: &Starting,
    why: Option<Why>,
    patience: &Patience,
    report: &Arc<ExitReport>,
) -> StartError {
    let (child, report, step) = (name.clone(), Arc::clone(report), starting.step);
    match (&starting.failure, why) {
        (Some(StartFailure::Refused(refusal)), _) => StartError::Refused { child, refusal: refusal.clone(), report },
        (Some(StartFailure::InitFailed(fault)), _) => StartError::InitFailed { child, fault: fault.clone(), report },
        (Some(StartFailure::InitTooLong { bytes, max }), _) => {
            StartError::InitTooLong { child, bytes: *bytes, max: *max }
        }
        (Some(StartFailure::Misbehaved(misbehaviour)), _) => {
            StartError::Misbehaved { child, misbehaviour: misbehaviour.clone(), report }
        }
        (None, Some(Why::HandshakeTimeout)) => StartError::Timeout { child, step, after: patience.handshake, report },
        (None, Some(Why::InitTimeout)) => StartError::Timeout { child, step, after: patience.init, report },
        (None, _) => StartError::Exited { child, step, report },
    }
}
