//! Whether a child is frozen, or busy: what was seen of it goes in, what is to be done comes out.
//!
//! A child that computes, or waits, for minutes gives no sign of life by itself. So it is asked, by its bell, which a
//! thread of its own answers. Time is an argument; `docs/lifecycle.md` has the rules, and the tests below are its rows.

use std::time::{Duration, Instant};

use crate::proc::{State, Vitals};

/// Less would be judging by what a scheduler does; more is nothing that anybody waits for.
const LIMITS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(60 * 60 * 24 * 365));
/// Who looks so much later than was meant was held up: what the child did meanwhile may not have been seen yet.
const LATE: Duration = Duration::from_millis(500);

/// What tells of life: a change in any of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signs {
    /// Frames received from it.
    pub(crate) frames: u64,
    /// Its beats; `None` if it does not answer a bell.
    pub(crate) beats: Option<u64>,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// Look again then; with nothing in flight, once there is a call.
    Rest { until: Option<Instant> },
    /// Ring, and look again then.
    Ring { until: Instant },
    /// It is frozen.
    Frozen,
}

/// The judge of one child.
#[derive(Debug)]
pub(crate) struct Pulse {
    limit: Duration,
    /// When it was to be looked at next.
    due: Option<Instant>,
    /// Since when nothing was seen of it.
    silence: Option<Silence>,
}

#[derive(Debug)]
struct Silence {
    since: Instant,
    /// The last that was seen.
    signs: Signs,
    /// Once it has been asked.
    asked: Option<Asked>,
}

#[derive(Debug)]
struct Asked {
    at: Instant,
    vitals: Vitals,
}

impl Pulse {
    /// Of a child that is frozen after `limit` without a sign of life.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit: limit.clamp(LIMITS.0, LIMITS.1), due: None, silence: None }
    }

    /// Takes what is seen of the child at `now`; `vitals` is asked only if nothing else tells of life.
    pub(crate) fn look(
        &mut self,
        now: Instant,
        in_flight: bool,
        signs: Signs,
        vitals: impl FnOnce() -> Option<Vitals>,
    ) -> Next {
        let late = self.due.is_none_or(|due| now > due + LATE.min(self.limit / 4));
        match &self.silence {
            _ if !in_flight => self.park(),
            Some(silence) if !late && silence.signs == signs => match vitals() {
                Some(vitals) if vitals.state != State::Traced && vitals.state != State::Ended => {
                    self.doubt(now, vitals)
                }
                _ => self.restart(now, signs),
            },
            _ => self.restart(now, signs),
        }
    }

    fn park(&mut self) -> Next {
        (self.due, self.silence) = (None, None);
        Next::Rest { until: None }
    }

    fn restart(&mut self, now: Instant, signs: Signs) -> Next {
        self.silence = Some(Silence { since: now, signs, asked: None });
        self.rest(now + self.limit / 2)
    }

    fn rest(&mut self, until: Instant) -> Next {
        self.due = Some(until);
        Next::Rest { until: Some(until) }
    }

    /// Nothing tells of life.
    fn doubt(&mut self, now: Instant, vitals: Vitals) -> Next {
        let (half, quarter) = (self.limit / 2, self.limit / 4);
        let Some(silence) = &mut self.silence else { return self.park() };
        let signs = silence.signs;
        match &silence.asked {
            None if now < silence.since + half => {
                let until = silence.since + half;
                self.rest(until)
            }
            None => {
                silence.asked = Some(Asked { at: now, vitals });
                // Twice before it is judged: who is held up for less than counts as late has been away from one only.
                self.due = Some(now + quarter);
                Next::Ring { until: now + quarter }
            }
            Some(asked) if vitals.ticks != asked.vitals.ticks => self.restart(now, signs),
            Some(asked) if now < asked.at + half => {
                let until = (now + quarter).max(asked.at + half);
                self.rest(until)
            }
            Some(asked) if is_frozen(signs, asked.vitals.state, vitals.state) => {
                self.park();
                Next::Frozen
            }
            Some(_) => self.restart(now, signs),
        }
    }
}

/// Of a child that gave no sign of life since it was asked, and had no processor time.
fn is_frozen(signs: Signs, before: State, now: State) -> bool {
    match (before, now) {
        (State::Stopped, State::Stopped) => true,
        // It wants a processor, and gets none: the machine is busy.
        (_, State::Runnable) => false,
        _ => signs.beats.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is seen at each look, beside the time.
    #[derive(Debug, Clone, Copy)]
    struct Seen {
        calls: bool,
        frames: u64,
        beats: Option<u64>,
        vitals: Option<Vitals>,
    }

    const fn vitals(state: State, ticks: u64) -> Option<Vitals> {
        Some(Vitals { state, ticks })
    }

    /// A child that waits, and answers its bell.
    const QUIET: Seen = Seen { calls: true, frames: 5, beats: Some(1), vitals: vitals(State::Waiting, 40) };
    const BEATEN: Seen = Seen { beats: Some(2), ..QUIET };
    const STOPPED: Seen = Seen { vitals: vitals(State::Stopped, 40), ..QUIET };
    const IDLE: Seen = Seen { calls: false, ..QUIET };
    const MUTE: Seen = Seen { beats: None, ..QUIET };
    const MUTE_STOPPED: Seen = Seen { beats: None, ..STOPPED };

    /// Looks at these milliseconds, with the limit of 2 s; gives what is to be done, with the milliseconds when next.
    fn judge(looks: &[(u64, Seen)]) -> Vec<String> {
        judge_by(2_000, looks)
    }

    fn judge_by(limit: u64, looks: &[(u64, Seen)]) -> Vec<String> {
        let start = Instant::now();
        let mut pulse = Pulse::new(Duration::from_millis(limit));
        let at = |instant: Instant| (instant - start).as_millis();
        let mut look = |(ms, seen): &(u64, Seen)| {
            let signs = Signs { frames: seen.frames, beats: seen.beats };
            match pulse.look(start + Duration::from_millis(*ms), seen.calls, signs, || seen.vitals) {
                Next::Rest { until: Some(until) } => format!("rest {}", at(until)),
                Next::Rest { until: None } => "rest".to_owned(),
                Next::Ring { until } => format!("ring {}", at(until)),
                Next::Frozen => "frozen".to_owned(),
            }
        };
        looks.iter().map(&mut look).collect()
    }

    #[test]
    fn a_child_without_calls_is_not_looked_at() {
        assert_eq!(judge(&[(0, IDLE), (9_000, IDLE)]), ["rest", "rest"]);
        let left = [(0, STOPPED), (1_000, STOPPED), (1_500, Seen { calls: false, ..STOPPED })];
        assert_eq!(judge(&left), ["rest 1000", "ring 1500", "rest"]);
    }

    #[test]
    fn a_child_that_does_not_answer_its_bell_is_frozen_after_the_limit() {
        for seen in [QUIET, STOPPED, MUTE_STOPPED] {
            let looks = [(0, seen), (1_000, seen), (1_500, seen), (2_000, seen)];
            assert_eq!(judge(&looks), ["rest 1000", "ring 1500", "rest 2000", "frozen"], "{seen:?}");
        }
    }

    #[test]
    fn a_child_that_answers_its_bell_is_not_frozen_however_long_it_is_silent() {
        let mut looks = vec![(0, QUIET)];
        for round in 0..100 {
            let (before, after) = (Some(1 + round), Some(2 + round));
            looks.push((1_000 + 1_500 * round, Seen { beats: before, ..QUIET }));
            looks.push((1_500 + 1_500 * round, Seen { beats: after, ..QUIET }));
        }
        let done = judge(&looks);
        assert!(done[1..].chunks(2).all(|two| two[0].starts_with("ring") && two[1].starts_with("rest")), "{done:?}");
    }

    #[test]
    fn a_beat_or_a_frame_or_processor_time_begins_anew() {
        for alive in [BEATEN, Seen { frames: 6, ..QUIET }, Seen { vitals: vitals(State::Waiting, 41), ..QUIET }] {
            let looks = [(0, QUIET), (1_000, QUIET), (1_500, QUIET), (2_000, alive), (3_000, alive)];
            assert_eq!(judge(&looks), ["rest 1000", "ring 1500", "rest 2000", "rest 3000", "ring 3500"], "{alive:?}");
        }
    }

    #[test]
    fn a_child_that_stops_after_it_was_asked_has_run_meanwhile_or_is_judged_in_time() {
        let looks = [(0, QUIET), (1_000, QUIET), (1_500, STOPPED), (2_000, STOPPED)];
        assert_eq!(judge(&looks).last().unwrap(), "frozen", "it has not beaten while it could");
        let looks = [(0, QUIET), (1_000, QUIET), (1_500, BEATEN), (2_500, BEATEN)];
        assert_eq!(judge(&looks)[2..], ["rest 2500", "ring 3000"]);
    }

    #[test]
    fn without_a_bell_only_a_stopped_child_is_frozen() {
        let looks = [(0, MUTE), (1_000, MUTE), (1_500, MUTE), (2_000, MUTE)];
        assert_eq!(judge(&looks)[3], "rest 3000");
        let looks = [(0, MUTE), (1_000, MUTE), (1_500, MUTE_STOPPED), (2_000, MUTE_STOPPED)];
        assert_eq!(judge(&looks)[3], "rest 3000", "it has not been seen stopped for long enough");
    }

    #[test]
    fn a_child_that_wants_a_processor_and_gets_none_is_not_frozen() {
        let starved = Seen { vitals: vitals(State::Runnable, 40), ..QUIET };
        let looks = [(0, starved), (1_000, starved), (1_500, starved), (2_000, starved)];
        assert_eq!(judge(&looks)[3], "rest 3000");
    }

    #[test]
    fn a_child_under_a_debugger_one_that_has_ended_and_one_of_which_nothing_is_known_are_not_judged() {
        for unknown in [vitals(State::Traced, 40), vitals(State::Ended, 40), None] {
            let seen = Seen { vitals: unknown, ..QUIET };
            let looks: Vec<_> = (0..9).map(|second| (second * 1_000, seen)).collect();
            assert!(judge(&looks).iter().all(|next| next.starts_with("rest ")), "{unknown:?}");
            let looks = [(0, QUIET), (1_000, QUIET), (1_500, QUIET), (2_000, seen)];
            assert_eq!(judge(&looks)[3], "rest 3000");
        }
    }

    #[test]
    fn who_was_held_up_does_not_judge() {
        let looks = [(0, STOPPED), (1_000, STOPPED), (1_500, STOPPED), (2_501, STOPPED), (3_501, STOPPED)];
        assert_eq!(judge(&looks)[3..], ["rest 3501", "ring 4001"]);
        assert_eq!(judge(&[(0, STOPPED), (1_600, STOPPED)])[1], "rest 2600", "nor does it ring");
    }

    #[test]
    fn both_held_up_together_for_less_than_counts_as_late_leaves_the_child_time_to_answer() {
        // From just after the ring, up to just before it would count as late.
        let looks = [(0, QUIET), (1_000, QUIET), (1_999, QUIET), (2_499, BEATEN)];
        assert_eq!(judge(&looks)[2..], ["rest 2499", "rest 3499"]);
    }

    #[test]
    fn a_short_limit_makes_late_shorter_too() {
        let looks = [(0, STOPPED), (300, STOPPED), (450, STOPPED), (600, STOPPED)];
        assert_eq!(judge_by(600, &looks), ["rest 300", "ring 450", "rest 600", "frozen"]);
        let looks = [(0, STOPPED), (300, STOPPED), (450, STOPPED), (751, STOPPED)];
        assert_eq!(judge_by(600, &looks)[3], "rest 1051");
    }

    #[test]
    fn a_limit_of_nothing_or_without_end_is_no_mistake() {
        assert_eq!(judge_by(0, &[(0, QUIET), (50, QUIET)]), ["rest 50", "ring 75"]);
        let mut pulse = Pulse::new(Duration::MAX);
        let signs = Signs { frames: 0, beats: None };
        assert!(matches!(pulse.look(Instant::now(), true, signs, || None), Next::Rest { until: Some(_) }));
    }

    #[test]
    fn the_first_call_after_a_rest_begins_a_window_of_its_own() {
        let looks = [(0, IDLE), (60_000, STOPPED), (61_000, STOPPED), (61_500, STOPPED), (62_000, STOPPED)];
        assert_eq!(judge(&looks), ["rest", "rest 61000", "ring 61500", "rest 62000", "frozen"]);
    }
}
