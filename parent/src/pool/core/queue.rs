//! Calls that wait for a child: in classes that age, bounded, with a line in front of the door.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::terms::Ask;
use crate::pool::rules::Priority;

/// A call of a pool's, for as long as it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// A call that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) ticket: Ticket,
    pub(crate) priority: Priority,
    /// When it came first: what was tried before has not lost its place.
    pub(crate) since: Instant,
    /// Since when it waits.
    pub(crate) entered: Instant,
    /// Where it is to run, if anywhere in particular.
    pub(crate) key: Option<u64>,
    /// With nothing beside it.
    pub(crate) alone: bool,
}

impl Waiting {
    pub(crate) fn new(ticket: Ticket, ask: &Ask, now: Instant) -> Self {
        let Ask { priority, key, alone, since, .. } = *ask;
        Self { ticket, priority, since, entered: now, key, alone }
    }
}

/// Calls by class, each in the order in which they came.
type Classes = [VecDeque<Waiting>; Priority::COUNT];

/// Those that were let in, and those that wait for room.
#[derive(Debug)]
pub(crate) struct Queue {
    inside: Classes,
    line: Classes,
    bound: usize,
    aging: Duration,
}

impl Queue {
    pub(crate) fn new(bound: usize, aging: Duration) -> Self {
        Self { inside: Classes::default(), line: Classes::default(), bound, aging }
    }

    /// True if another would have to stand in the line.
    pub(crate) fn is_full(&self) -> bool {
        count(&self.line) > 0 || self.len() >= self.bound
    }

    /// How many were let in.
    pub(crate) fn len(&self) -> usize {
        count(&self.inside)
    }

    /// How many wait, in the line too.
    pub(crate) fn waiting(&self) -> usize {
        self.len() + count(&self.line)
    }

    /// Lets it in, or has it stand in the line.
    pub(crate) fn push(&mut self, call: Waiting) {
        let classes = if self.is_full() { &mut self.line } else { &mut self.inside };
        classes[call.priority as usize].push_back(call);
    }

    /// Lets it in before all others of its class, whatever the bound: it was in already.
    pub(crate) fn push_front(&mut self, call: Waiting) {
        self.inside[call.priority as usize].push_front(call);
    }

    /// Takes a call out that need not wait any more. False if it does not wait here.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> bool {
        let mut lists = self.inside.iter_mut().chain(&mut self.line);
        let found = lists.any(|list| match list.iter().position(|call| call.ticket == ticket) {
            Some(at) => list.remove(at).is_some(),
            None => false,
        });
        self.let_in(Instant::now());
        found
    }

    /// Takes the first that may go now: of the first of each class whoever's class and age together are the most. Who
    /// may not go, because it waits for one child in particular, holds up nobody, not even those in the line.
    pub(crate) fn take(&mut self, now: Instant, may: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
        let call =
            first(&mut self.inside, self.aging, now, &may).or_else(|| first(&mut self.line, self.aging, now, &may));
        self.let_in(now);
        call
    }

    /// Takes everything out, whoever waits longest first.
    pub(crate) fn drain(&mut self) -> Vec<Waiting> {
        let lists = self.inside.iter_mut().chain(&mut self.line);
        let mut all: Vec<_> = lists.flat_map(|list| list.drain(..)).collect();
        all.sort_by_key(|call| call.since);
        all
    }

    /// Since when the one has waited that waits longest.
    pub(crate) fn oldest(&self) -> Option<Instant> {
        let heads = self.line.iter().filter_map(VecDeque::front);
        // One that is tried again stands before others that have waited longer.
        self.inside.iter().flatten().chain(heads).map(|call| call.entered).min()
    }

    /// The lowest class of which any was let in.
    pub(crate) fn lowest(&self) -> Option<Priority> {
        let rank = self.inside.iter().position(|class| !class.is_empty())?;
        Some(Priority::ALL[rank])
    }

    /// True if any that was let in is to run alone.
    pub(crate) fn has_loner(&self) -> bool {
        self.inside.iter().flatten().any(|call| call.alone)
    }

    #[cfg(test)]
    pub(crate) fn all(&self) -> impl Iterator<Item = &Waiting> {
        self.inside.iter().chain(&self.line).flatten()
    }

    fn let_in(&mut self, now: Instant) {
        while self.len() < self.bound {
            let Some(call) = first(&mut self.line, self.aging, now, |_| true) else { return };
            self.inside[call.priority as usize].push_back(call);
        }
    }
}

fn count(classes: &Classes) -> usize {
    classes.iter().map(VecDeque::len).sum()
}

/// Takes the one out that goes first: each class is worth an `aging` of waiting.
fn first(classes: &mut Classes, aging: Duration, now: Instant, may: impl Fn(&Waiting) -> bool) -> Option<Waiting> {
    let fits = |class: &VecDeque<Waiting>| class.iter().position(&may);
    let heads = classes.iter().enumerate().filter_map(|(rank, class)| Some((rank, fits(class)?)));
    let (rank, at) = heads.max_by_key(|(rank, at)| {
        let head_start = aging.saturating_mul(u32::try_from(*rank).unwrap_or(u32::MAX));
        let waited = now.saturating_duration_since(classes[*rank][*at].since);
        (waited.saturating_add(head_start), *rank)
    })?;
    classes[rank].remove(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGING: Duration = Duration::from_secs(1);

    fn call(ticket: u64, priority: Priority, since: Instant) -> Waiting {
        Waiting { ticket: Ticket(ticket), priority, since, entered: since, key: None, alone: false }
    }

    fn order(queue: &mut Queue, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| queue.take(now, |_| true)).map(|call| call.ticket.0).collect()
    }

    #[test]
    fn within_a_class_whoever_came_first_goes_first_and_a_higher_class_before_a_lower_one() {
        let now = Instant::now();
        let mut queue = Queue::new(8, AGING);
        for (ticket, priority) in
            [(1, Priority::Low), (2, Priority::Normal), (3, Priority::Normal), (4, Priority::High)]
        {
            queue.push(call(ticket, priority, now));
        }
        assert_eq!(order(&mut queue, now), [4, 2, 3, 1]);
    }

    #[test]
    fn a_low_call_that_has_waited_long_goes_before_a_high_one_that_came_now() {
        let start = Instant::now();
        let mut queue = Queue::new(8, AGING);
        queue.push(call(1, Priority::Low, start));
        let now = start + AGING * 2 + Duration::from_millis(1);
        queue.push(call(2, Priority::High, now));
        assert_eq!(order(&mut queue, now), [1, 2]);
    }

    #[test]
    fn the_line_moves_up_in_its_order_when_there_is_room() {
        let now = Instant::now();
        let mut queue = Queue::new(2, AGING);
        for ticket in 1..=4 {
            queue.push(call(ticket, Priority::Normal, now));
        }
        assert_eq!((queue.len(), queue.waiting()), (2, 4));
        assert!(queue.remove(Ticket(3)), "from the line");
        assert!(queue.remove(Ticket(1)), "from the queue");
        assert!(!queue.remove(Ticket(1)));
        assert_eq!(order(&mut queue, now), [2, 4]);
    }

    #[test]
    fn who_may_not_go_holds_up_nobody() {
        let now = Instant::now();
        let mut queue = Queue::new(8, AGING);
        queue.push(Waiting { key: Some(1), ..call(1, Priority::High, now) });
        queue.push(call(2, Priority::Low, now));
        assert_eq!(queue.take(now, |call| call.key.is_none()).unwrap().ticket, Ticket(2));
        assert_eq!(queue.take(now, |call| call.key.is_none()), None);
        assert_eq!(queue.oldest(), Some(now));
    }

    #[test]
    fn the_line_has_classes_too() {
        let now = Instant::now();
        let mut queue = Queue::new(1, AGING);
        for (ticket, priority) in [(1, Priority::Low), (2, Priority::Low), (3, Priority::Low), (4, Priority::High)] {
            queue.push(call(ticket, priority, now));
        }
        assert_eq!(order(&mut queue, now), [1, 4, 2, 3]);
    }

    #[test]
    fn who_stands_in_the_line_goes_before_who_may_not_go() {
        let now = Instant::now();
        let mut queue = Queue::new(1, AGING);
        queue.push(Waiting { key: Some(1), ..call(1, Priority::High, now) });
        queue.push(call(2, Priority::Low, now));
        assert_eq!(queue.take(now, |call| call.key.is_none()).unwrap().ticket, Ticket(2));
    }
}
