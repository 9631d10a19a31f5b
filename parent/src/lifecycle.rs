//! The life of one child as a state machine: what happened goes in, what is to be done comes out.
//!
//! Time is an argument. `docs/lifecycle.md` has the table; the tests below are its rows.

use std::time::{Duration, Instant};

use crate::report::Why;

/// How long each step may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// From the spawn to a valid hello.
    pub(crate) handshake: Duration,
    /// From the hello to READY.
    pub(crate) init: Duration,
    /// For each rung of the ladder: to drain, to leave once the link has ended, to end by SIGTERM.
    pub(crate) grace: Duration,
}

/// Between the end of the link and the end of the process, which usually follows at once: open calls wait so long for
/// the exit report.
const LINGER: Duration = Duration::from_millis(250);
/// After SIGKILL: a process that the kernel does not end by then (frozen, or in uninterruptible sleep) is given up.
const KILL_LIMIT: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cue {
    /// A hello came that we accept.
    Hello,
    /// A hello came that we refuse, or the child says that its initialization failed: it leaves by itself.
    Failed,
    /// The child is initialized.
    Ready,
    /// The child ended its direction of the link.
    LinkEnded,
    /// The child does not keep to the protocol.
    Misbehaved,
    /// We want it to finish and leave.
    Shutdown,
    /// We want it to finish and end the link.
    Disconnect,
    /// It gives no sign of life although calls are in flight.
    Frozen,
    /// We want it gone.
    Kill(Why),
    /// The process has ended.
    Exited,
    /// The deadline has passed.
    Deadline,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Send `Drain`; let nothing new in.
    Drain,
    /// End our direction of the link: the child finds that nobody is there any more.
    CutLink,
    /// Tell the open calls that the link has ended.
    FailCalls,
    /// SIGTERM, or what the spec says, to the group.
    Terminate,
    /// SIGKILL to the group.
    Kill,
    /// Collect what is left and report.
    Finish,
    /// Report a process that would not end.
    GiveUp,
}

/// Why the link is being drained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Leave,
    EndLink,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Greeting,
    Starting,
    Serving,
    Draining(Wish),
    /// The link has ended; the end of the process is expected any moment.
    Lingering,
    /// The link has ended; the process has a grace to leave.
    Leaving,
    Terminating,
    Killing,
    Over,
}

/// Beyond any wait that anybody will see the end of; an `Instant` cannot hold every `Duration`.
const FOR_EVER: Duration = Duration::from_secs(60 * 60 * 24 * 365 * 30);

fn after(now: Instant, limit: Duration) -> Instant {
    now.checked_add(limit).unwrap_or_else(|| now + FOR_EVER)
}

/// The life of one child.
#[derive(Debug)]
pub(crate) struct Lifecycle {
    stage: Stage,
    deadline: Option<Instant>,
    patience: Patience,
    why: Option<Why>,
}

impl Lifecycle {
    /// A child that was just spawned.
    pub(crate) fn new(patience: Patience, now: Instant) -> Self {
        let deadline = Some(after(now, patience.handshake));
        Self { stage: Stage::Greeting, deadline, patience, why: None }
    }

    /// When [`Cue::Deadline`] is due.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Why we signalled it, if we did.
    pub(crate) fn why(&self) -> Option<Why> {
        self.why
    }

    /// Takes what happened and says what is to be done. What has no meaning in a stage changes nothing.
    pub(crate) fn on(&mut self, cue: Cue, now: Instant) -> Option<Action> {
        match (self.stage, cue) {
            (Stage::Over, _) => None,
            (_, Cue::Exited) => self.enter(Stage::Over, None, Some(Action::Finish)),
            (Stage::Killing, Cue::Deadline) => self.enter(Stage::Over, None, Some(Action::GiveUp)),
            (Stage::Killing, _) => None,
            (_, Cue::Kill(why)) => self.kill(why, now),
            (_, Cue::Misbehaved) => self.kill(Why::Misbehaved, now),

            (Stage::Greeting, Cue::Hello) => self.wait(Stage::Starting, self.patience.init, now),
            (Stage::Greeting, Cue::Deadline) => self.kill(Why::HandshakeTimeout, now),
            (Stage::Starting, Cue::Ready) => self.enter(Stage::Serving, None, None),
            (Stage::Starting, Cue::Deadline) => self.kill(Why::InitTimeout, now),
            (Stage::Greeting | Stage::Starting, Cue::Failed) => self.wait(Stage::Leaving, self.patience.grace, now),
            (Stage::Greeting | Stage::Starting, Cue::Shutdown | Cue::Disconnect) => self.kill(Why::Shutdown, now),

            (Stage::Serving | Stage::Draining(_), Cue::Frozen) => self.kill(Why::Frozen, now),
            (Stage::Serving, Cue::Shutdown) => self.drain(Wish::Leave, now),
            (Stage::Serving, Cue::Disconnect) => self.drain(Wish::EndLink, now),
            (Stage::Draining(Wish::EndLink), Cue::Shutdown) => {
                self.stage = Stage::Draining(Wish::Leave);
                None
            }
            (Stage::Draining(Wish::Leave), Cue::Deadline) => self.terminate(Why::Shutdown, now),
            (Stage::Draining(Wish::EndLink), Cue::Deadline) => self.cut_link(now),

            (Stage::Lingering | Stage::Leaving | Stage::Terminating, Cue::LinkEnded) => None,
            (_, Cue::LinkEnded) => self.wait(Stage::Lingering, LINGER, now),
            (Stage::Lingering, Cue::Deadline) => {
                self.enter(Stage::Leaving, Some(after(now, self.patience.grace)), Some(Action::FailCalls))
            }
            (Stage::Leaving, Cue::Deadline) => self.terminate(Why::LinkEnded, now),
            (Stage::Terminating, Cue::Deadline) => {
                let why = self.why.unwrap_or(Why::Shutdown);
                self.kill(why, now)
            }
            _ => None,
        }
    }

    fn cut_link(&mut self, now: Instant) -> Option<Action> {
        self.why = Some(Why::LinkEnded);
        self.enter(Stage::Lingering, Some(after(now, LINGER)), Some(Action::CutLink))
    }

    fn enter(&mut self, stage: Stage, deadline: Option<Instant>, action: Option<Action>) -> Option<Action> {
        self.stage = stage;
        self.deadline = deadline;
        action
    }

    fn wait(&mut self, stage: Stage, limit: Duration, now: Instant) -> Option<Action> {
        self.enter(stage, Some(after(now, limit)), None)
    }

    fn drain(&mut self, wish: Wish, now: Instant) -> Option<Action> {
        self.enter(Stage::Draining(wish), Some(after(now, self.patience.grace)), Some(Action::Drain))
    }

    fn terminate(&mut self, why: Why, now: Instant) -> Option<Action> {
        self.why = Some(why);
        self.enter(Stage::Terminating, Some(after(now, self.patience.grace)), Some(Action::Terminate))
    }

    fn kill(&mut self, why: Why, now: Instant) -> Option<Action> {
        self.why = Some(why);
        self.enter(Stage::Killing, Some(after(now, KILL_LIMIT)), Some(Action::Kill))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { handshake: Duration::from_secs(1), init: Duration::from_secs(2), grace: Duration::from_secs(5) };

    /// Plays cues; a deadline is played at the moment it is due. Checks the actions, and that every stage but serving
    /// has a deadline.
    fn check(cues: &[Cue], actions: &[Action]) -> (Lifecycle, Duration) {
        let start = Instant::now();
        let mut now = start;
        let mut life = Lifecycle::new(PATIENCE, now);
        let mut done = Vec::new();
        for cue in cues {
            if *cue == Cue::Deadline {
                now = life.next_deadline().expect("a deadline is due only where there is one");
            }
            done.extend(life.on(*cue, now));
            let unbounded = matches!(life.stage, Stage::Serving | Stage::Over);
            assert_eq!(life.next_deadline().is_none(), unbounded, "{:?}", life.stage);
        }
        assert_eq!(done, actions, "{cues:?}");
        (life, now - start)
    }

    #[test]
    fn child_that_serves_and_leaves_is_never_signalled() {
        use Cue::*;
        let (life, _) = check(&[Hello, Ready, Shutdown, LinkEnded, Exited], &[Action::Drain, Action::Finish]);
        assert!(life.stage == Stage::Over && life.why().is_none());
    }

    #[test]
    fn child_that_ignores_shutdown_is_killed_after_two_graces() {
        use Cue::*;
        let cues = [Hello, Ready, Shutdown, Deadline, Deadline, Exited];
        let (life, took) = check(&cues, &[Action::Drain, Action::Terminate, Action::Kill, Action::Finish]);
        assert_eq!((life.why(), took), (Some(Why::Shutdown), 2 * PATIENCE.grace));
    }

    #[test]
    fn child_that_drains_but_does_not_leave_is_ended() {
        use Cue::*;
        let cues = [Hello, Ready, Shutdown, LinkEnded, Deadline, Deadline, Deadline, Exited];
        let ladder = [Action::Drain, Action::FailCalls, Action::Terminate, Action::Kill, Action::Finish];
        let (life, took) = check(&cues, &ladder);
        assert_eq!((life.why(), took), (Some(Why::LinkEnded), LINGER + 2 * PATIENCE.grace));
    }

    #[test]
    fn child_that_closes_its_link_but_lives_on_is_ended() {
        use Cue::*;
        let cues = [Hello, Ready, LinkEnded, Deadline, Deadline, Deadline, Exited];
        check(&cues, &[Action::FailCalls, Action::Terminate, Action::Kill, Action::Finish]);
    }

    #[test]
    fn disconnect_cuts_the_link_of_a_child_that_does_not_drain() {
        use Cue::*;
        let cues = [Hello, Ready, Disconnect, Deadline, LinkEnded, Deadline, Exited];
        check(&cues, &[Action::Drain, Action::CutLink, Action::FailCalls, Action::Finish]);
        let upgraded = [Hello, Ready, Disconnect, Shutdown, Deadline, Exited];
        check(&upgraded, &[Action::Drain, Action::Terminate, Action::Finish]);
    }

    #[test]
    fn child_that_does_not_start_in_time_is_killed_and_the_step_is_named() {
        use Cue::*;
        let (life, took) = check(&[Deadline, Exited], &[Action::Kill, Action::Finish]);
        assert_eq!((life.why(), took), (Some(Why::HandshakeTimeout), PATIENCE.handshake));
        let (life, _) = check(&[Hello, Deadline, Exited], &[Action::Kill, Action::Finish]);
        assert_eq!(life.why(), Some(Why::InitTimeout));
    }

    #[test]
    fn child_whose_init_failed_may_leave_by_itself() {
        use Cue::*;
        check(&[Hello, Failed, LinkEnded, Exited], &[Action::Finish]);
        check(&[Hello, Failed, Deadline, Deadline, Exited], &[Action::Terminate, Action::Kill, Action::Finish]);
    }

    #[test]
    fn frozen_child_is_killed_while_it_works_and_has_its_graces_once_it_is_to_leave() {
        use Cue::*;
        for way in [&[Hello, Ready][..], &[Hello, Ready, Shutdown], &[Hello, Ready, Disconnect]] {
            let mut life = Lifecycle::new(PATIENCE, Instant::now());
            for cue in way {
                life.on(*cue, Instant::now());
            }
            assert_eq!(life.on(Frozen, Instant::now()), Some(Action::Kill), "{way:?}");
            assert_eq!(life.why(), Some(Why::Frozen));
        }
        let (life, _) = check(
            &[Hello, Ready, Shutdown, Deadline, Frozen, Exited],
            &[Action::Drain, Action::Terminate, Action::Finish],
        );
        assert_eq!(life.why(), Some(Why::Shutdown));
        check(&[Hello, Ready, LinkEnded, Frozen, Exited], &[Action::Finish]);
    }

    #[test]
    fn garbage_and_kill_end_a_child_in_every_stage() {
        use Cue::*;
        let ways: [&[Cue]; 6] = [
            &[],
            &[Hello],
            &[Hello, Ready],
            &[Hello, Ready, Shutdown],
            &[Hello, Ready, LinkEnded],
            &[Hello, Ready, Shutdown, Deadline],
        ];
        for way in ways {
            for (end, why) in [(Misbehaved, Why::Misbehaved), (Kill(Why::Killed), Why::Killed)] {
                let mut life = Lifecycle::new(PATIENCE, Instant::now());
                for cue in way {
                    life.on(*cue, Instant::now());
                }
                assert_eq!(life.on(end, Instant::now()), Some(Action::Kill));
                assert_eq!(life.on(end, Instant::now()), None, "once is enough");
                assert_eq!(life.why(), Some(why));
            }
        }
    }

    #[test]
    fn process_that_survives_sigkill_is_given_up() {
        use Cue::*;
        let (life, took) = check(&[Kill(Why::Killed), Deadline], &[Action::Kill, Action::GiveUp]);
        assert!(life.stage == Stage::Over);
        assert_eq!(took, KILL_LIMIT);
    }

    /// Whatever happens in whatever order: if nothing but deadlines follows, every life that was asked to end does so
    /// within a bound.
    #[test]
    fn every_life_ends_within_a_bound() {
        use Cue::*;
        let all =
            [Hello, Failed, Ready, LinkEnded, Misbehaved, Shutdown, Disconnect, Frozen, Kill(Why::Killed), Deadline];
        let mut paths: Vec<Vec<Cue>> = vec![Vec::new()];
        for _ in 0..4 {
            paths = paths.iter().flat_map(|path| all.map(|cue| [path.as_slice(), &[cue]].concat())).collect();
        }
        let bound = PATIENCE.handshake + PATIENCE.init + 3 * PATIENCE.grace + LINGER * 2 + KILL_LIMIT;
        for path in paths {
            let start = Instant::now();
            let mut life = Lifecycle::new(PATIENCE, start);
            for cue in &path {
                life.on(*cue, start);
            }
            life.on(Shutdown, start);
            let mut now = start;
            while let Some(deadline) = life.next_deadline() {
                now = deadline;
                life.on(Deadline, now);
            }
            assert!(
                life.stage == Stage::Over && now - start <= bound,
                "{path:?}: {:?} after {:?}",
                life.stage,
                now - start
            );
        }
    }
}
