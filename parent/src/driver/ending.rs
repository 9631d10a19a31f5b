//! The end of a child: what is left is collected, the process reaped, everybody told, in one fixed order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kinfolk_link::{Known, Signal};
use kinfolk_protocol::ChildName;
use tokio::task::coop::consume_budget;
use tokio::time::timeout;

use super::{Driver, StartFailure, Starting};
use crate::error::StartError;
use crate::event::{ChildEvent, Disconnected};
use crate::lifecycle::Patience;
use crate::report::{EndedBy, ExitReport, ExitStatus, Why};

/// What has arrived is read for so long at most: a grandchild in a session of its own may write for ever.
const COLLECT_LIMIT: Duration = Duration::from_secs(1);

/// How long a runtime that is shut down waits for a killed child.
const ABANDON_LIMIT: Duration = Duration::from_secs(2);

impl Driver {
    /// Ends everything. The group is killed while its leader is unreaped, so that its number is still its own.
    pub(super) async fn finish(&mut self, gave_up: bool) {
        if gave_up {
            self.shared.process.reap_within(Duration::ZERO);
        } else {
            self.shared.process.signal(Signal::KILL);
        }
        let collected = self.collect().await;
        let why = self.lifecycle.why();
        let report = self.end_calls(why, if gave_up { Known::Part } else { collected });
        self.inbox.letters = None;
        if let Some(task) = &mut self.inbox.task {
            // A handler of ours may hang; the exit is reported all the same.
            if timeout(self.patience.grace, &mut *task).await.is_err() {
                task.abort();
            }
            self.inbox.task = None;
        }
        self.tell(why, report);
    }

    /// Takes what the child sent and printed before it ended. The ends are not waited for: grandchildren may hold them.
    async fn collect(&mut self) -> Known {
        let end = Instant::now() + COLLECT_LIMIT;
        let mut known = Known::All;
        while let Some(event) = self.link.try_next() {
            self.on_link(event);
            if Instant::now() > end {
                known = Known::Part;
                break;
            }
            consume_budget().await;
        }
        while let Some((stream, line)) = self.outputs.try_next() {
            self.on_output(stream, line);
            if Instant::now() > end {
                break;
            }
            consume_budget().await;
        }
        for (stream, line) in self.outputs.rest() {
            self.on_output(stream, line);
        }
        if self.link.was_read_whole() { known } else { Known::Part }
    }

    /// Ends the calls that are open. The report comes first: it tells their callers how.
    fn end_calls(&mut self, why: Option<Why>, known: Known) -> Arc<ExitReport> {
        // There is one already if the runtime is shut down while the last handlers finish.
        let report = match self.shared.report.get() {
            Some(report) => Arc::clone(report),
            None => Arc::new(self.report(why)),
        };
        let _ = self.shared.report.set(Arc::clone(&report));
        if let Some(conn) = self.shared.conn.get() {
            conn.close();
            conn.end_calls(known);
            conn.abort();
        }
        report
    }

    /// Tells everybody. The name is free before anybody can know that the child has ended.
    fn tell(&mut self, why: Option<Why>, report: Arc<ExitReport>) {
        self.end.get_or_insert(Disconnected::Closed);
        self.disconnected();
        if let Some(on_end) = self.on_end.take() {
            on_end();
        }
        self.shared.push(ChildEvent::Exited(Arc::clone(&report)));
        self.shared.ended.send_replace(true);
        if let Some(starting) = self.starting.take() {
            let error = start_error(&self.shared.name, &starting, why, &self.patience, &report);
            // Nobody may wait for it any more.
            let _ = starting.result.send(Err(error));
        }
    }

    fn report(&mut self, why: Option<Why>) -> ExitReport {
        let reaped = self.shared.process.reap();
        let status = reaped.as_ref().map_or(ExitStatus::Unknown, ExitStatus::of);
        let conn = self.shared.conn.get();
        ExitReport {
            child: self.shared.name.clone(),
            pid: self.shared.process.pid(),
            status,
            ended_by: EndedBy::judge(status, why, self.terminate),
            panic: self.panic.take(),
            stderr: self.outputs.take_tail(),
            uptime: self.shared.spawned.elapsed(),
            usage: reaped.map(|reaped| reaped.usage).unwrap_or_default(),
            calls_in_flight: conn.map_or(0, |conn| conn.in_flight()).max(self.in_flight),
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

impl Drop for Driver {
    /// The runtime is shut down, or a bug of ours ended the task: the child must not be left, nor anybody who waits for
    /// it.
    fn drop(&mut self) {
        if self.on_end.is_some() {
            self.shared.process.signal(Signal::KILL);
            self.shared.process.reap_within(ABANDON_LIMIT);
            let why = Some(Why::RuntimeEnded);
            let report = self.end_calls(why, Known::Part);
            self.tell(why, report);
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
