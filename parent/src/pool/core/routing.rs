//! Which child gets which call.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::queue::Waiting;
use super::worker::{Company, Stage, Worker, WorkerId};
use crate::pool::rules::Routing;

/// Chooses among workers.
#[derive(Debug)]
pub(crate) struct Router {
    routing: Routing,
    credits: usize,
    /// Whoever got the last call.
    last: WorkerId,
}

impl Router {
    pub(crate) fn new(routing: Routing, credits: usize) -> Self {
        Self { routing, credits, last: WorkerId(0) }
    }

    /// Who is to have this call now, if anybody has room for it.
    pub(crate) fn choose(&mut self, call: &Waiting, workers: &BTreeMap<WorkerId, Worker>) -> Option<WorkerId> {
        let home = sticky(call).map(|key| home(key, workers));
        let able = workers.iter().filter(|(_, worker)| self.has_room(call, worker));
        let able = able.filter(|(_, worker)| home.is_none_or(|home| home == Some(worker.slot)));
        let chosen = match self.routing {
            Routing::LeastLoaded => able.min_by(|(_, a), (_, b)| self.compare(a, b)).map(|(id, _)| *id),
            Routing::RoundRobin => {
                let mut ids: Vec<_> = able.map(|(id, _)| *id).collect();
                ids.sort_by_key(|id| (*id <= self.last, *id));
                ids.first().copied()
            }
        };
        self.last = chosen.unwrap_or(self.last);
        chosen
    }

    /// True if this worker may have this call now.
    pub(crate) fn fits(&self, call: &Waiting, worker: &Worker, workers: &BTreeMap<WorkerId, Worker>) -> bool {
        self.has_room(call, worker) && sticky(call).is_none_or(|key| home(key, workers) == Some(worker.slot))
    }

    fn has_room(&self, call: &Waiting, worker: &Worker) -> bool {
        if call.alone { worker.takes_loner() } else { worker.free(self.credits) > 0 }
    }

    fn compare(&self, a: &Worker, b: &Worker) -> Ordering {
        let free = b.free(self.credits).cmp(&a.free(self.credits));
        free.then(a.service_time.total_cmp(&b.service_time))
    }

    /// Who is to become idle for a call that runs alone: whoever is nearest to it. `None` if one is on its way to it.
    pub(crate) fn clear_for_loner(&self, workers: &BTreeMap<WorkerId, Worker>) -> Option<WorkerId> {
        let serving = || workers.iter().filter(|(_, worker)| worker.stage == Stage::Serving);
        if serving().any(|(_, worker)| worker.company != Company::Any || worker.is_idle()) {
            return None;
        }
        serving().min_by_key(|(_, worker)| worker.running + worker.owed).map(|(id, _)| *id)
    }
}

/// A call that is to run alone takes whatever child is empty.
fn sticky(call: &Waiting) -> Option<u64> {
    call.key.filter(|_| !call.alone)
}

/// The slot where calls of this key go, by rendezvous: of all slots that serve, the one whose hash with the key is the
/// highest. When a slot comes or goes, only its own keys move (Thaler and Ravishankar, 1998).
fn home(key: u64, workers: &BTreeMap<WorkerId, Worker>) -> Option<usize> {
    let serving = workers.values().filter(|worker| worker.stage == Stage::Serving);
    serving.map(|worker| worker.slot).max_by_key(|slot| mixed(key, *slot as u64))
}

/// The finalizer of splitmix64: each bit of the input changes half of the output's.
fn mixed(key: u64, slot: u64) -> u64 {
    let mut z = key ^ slot.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::queue::Ticket;
    use super::super::worker::Term;
    use super::*;
    use crate::pool::rules::Priority;

    fn workers(count: usize) -> BTreeMap<WorkerId, Worker> {
        let serving =
            |slot| Worker { stage: Stage::Serving, ..Worker::new(slot, Term::default(), None, Instant::now()) };
        (0..count).map(|slot| (WorkerId(slot as u64 + 1), serving(slot))).collect()
    }

    fn call(key: Option<u64>, alone: bool) -> Waiting {
        let now = Instant::now();
        Waiting { ticket: Ticket(0), priority: Priority::Normal, since: now, entered: now, key, alone }
    }

    #[test]
    fn the_most_credits_win_then_the_shortest_service_time() {
        let (mut router, mut workers) = (Router::new(Routing::LeastLoaded, 4), workers(3));
        for (id, worker) in &mut workers {
            worker.running = if id.0 == 1 { 2 } else { 1 };
            worker.served(Duration::from_millis(10 * (4 - id.0)));
        }
        assert_eq!(router.choose(&call(None, false), &workers), Some(WorkerId(3)));
        workers.get_mut(&WorkerId(2)).unwrap().running = 0;
        assert_eq!(router.choose(&call(None, false), &workers), Some(WorkerId(2)));
    }

    #[test]
    fn round_robin_takes_one_after_the_other_and_passes_over_who_is_full() {
        let (mut router, mut workers) = (Router::new(Routing::RoundRobin, 1), workers(3));
        let mut next = |workers: &_| router.choose(&call(None, false), workers).map(|id| id.0);
        assert_eq!([next(&workers), next(&workers), next(&workers), next(&workers)].map(Option::unwrap), [1, 2, 3, 1]);
        workers.get_mut(&WorkerId(2)).unwrap().running = 1;
        assert_eq!(next(&workers), Some(3));
    }

    #[test]
    fn a_key_stays_with_its_slot_and_only_keys_of_a_lost_slot_move() {
        let mut workers = workers(5);
        let homes: Vec<_> = (0..1_000).map(|key| home(key, &workers).unwrap()).collect();
        for slot in 0..5 {
            let share = homes.iter().filter(|home| **home == slot).count();
            assert!((120..=280).contains(&share), "slot {slot} has {share} of 1000");
        }
        workers.get_mut(&WorkerId(3)).unwrap().stage = Stage::Retiring;
        for (key, old) in homes.into_iter().enumerate() {
            let new = home(key as u64, &workers).unwrap();
            assert!(new == old || old == 2, "key {key} moved from {old} to {new}");
        }
    }

    #[test]
    fn a_key_waits_for_its_own_child_although_others_are_free() {
        let (mut router, mut workers) = (Router::new(Routing::LeastLoaded, 1), workers(2));
        let at = home(7, &workers).unwrap() as u64 + 1;
        workers.get_mut(&WorkerId(at)).unwrap().running = 1;
        assert_eq!(router.choose(&call(Some(7), false), &workers), None);
        assert!(router.choose(&call(None, false), &workers).is_some());
    }

    #[test]
    fn a_loner_needs_a_child_without_calls_and_one_is_cleared_for_it() {
        let (mut router, mut workers) = (Router::new(Routing::LeastLoaded, 8), workers(2));
        workers.values_mut().for_each(|worker| worker.running = 3);
        workers.get_mut(&WorkerId(2)).unwrap().running = 1;
        assert_eq!(router.choose(&call(None, true), &workers), None);
        assert_eq!(router.clear_for_loner(&workers), Some(WorkerId(2)));
        workers.get_mut(&WorkerId(2)).unwrap().company = Company::Awaited;
        assert_eq!(router.clear_for_loner(&workers), None, "one is enough");
        assert_eq!(router.choose(&call(None, false), &workers), Some(WorkerId(1)));
        workers.get_mut(&WorkerId(2)).unwrap().running = 0;
        assert_eq!(router.choose(&call(None, true), &workers), Some(WorkerId(2)));
    }
}
