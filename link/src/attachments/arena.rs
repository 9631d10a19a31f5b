//! Which memory the next blob is copied to: a pure choice, with any memory.

use kinfolk_protocol::MAX_REGIONS;

use super::returned::Condition;

/// Memory of so many bytes may wait to be used again.
const KEPT: u64 = 128 << 20;
/// No region is shorter, in bytes: it serves more blobs than the first.
const LEAST: u64 = 64 * 1024;
/// A region that is more than so many times as long as a blob, and as [`LEAST`], is left to longer ones.
const SLACK: u64 = 4;

/// The regions of one direction of a link. `M` is their memory.
#[derive(Debug)]
pub(super) struct Arena<M> {
    regions: Vec<Option<Region<M>>>,
    /// Those that wait, the one used last at the end: its memory is in the processor's cache.
    idle: Vec<u32>,
    ended: bool,
}

#[derive(Debug)]
struct Region<M> {
    length: u64,
    /// Where the memory is.
    state: State<M>,
}

#[derive(Debug)]
enum State<M> {
    Idle(M),
    /// Being filled, on its way, or about to go.
    Out,
    Lent(M),
}

/// Where a blob goes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice<M> {
    /// Into a region there is.
    Known(u32, M),
    /// Into one that is to be made of this length. Another has to go first, perhaps.
    New { region: u32, length: u64, retired: Option<u32> },
}

/// The length of a region for a blob: at most a quarter longer, or [`LEAST`], so that one a little longer finds room in
/// it.
fn length_for(bytes: u64) -> u64 {
    let step = (bytes.next_power_of_two() / 8).max(LEAST);
    bytes.max(1).next_multiple_of(step)
}

impl<M> Arena<M> {
    pub(super) fn new() -> Self {
        Self { regions: Vec::new(), idle: Vec::new(), ended: false }
    }

    fn length(&self, region: u32) -> u64 {
        self.regions[region as usize].as_ref().map_or(0, |region| region.length)
    }

    /// Where a blob of so many bytes goes. `None` if all regions there may be are lent, or nothing is any more.
    pub(super) fn choose(&mut self, bytes: u64) -> Option<Choice<M>> {
        if self.ended {
            return None;
        }
        let fits = |length: u64| bytes <= length && length / SLACK <= bytes.max(LEAST);
        let best = self.idle.iter().rposition(|region| fits(self.length(*region)));
        if let Some(at) = best {
            let region = self.idle.remove(at);
            return self.take(region).map(|memory| Choice::Known(region, memory));
        }
        let vacant = self.regions.iter().position(Option::is_none);
        let (region, retired) = match vacant {
            Some(vacant) => (vacant as u32, None),
            None if self.regions.len() < MAX_REGIONS => {
                self.regions.push(None);
                (self.regions.len() as u32 - 1, None)
            }
            // The one that waits longest.
            None if self.idle.is_empty() => return None,
            None => {
                let oldest = self.idle.remove(0);
                (oldest, Some(oldest))
            }
        };
        let length = length_for(bytes);
        self.regions[region as usize] = Some(Region { length, state: State::Out });
        Some(Choice::New { region, length, retired })
    }

    fn take(&mut self, region: u32) -> Option<M> {
        let region = self.regions[region as usize].as_mut()?;
        match std::mem::replace(&mut region.state, State::Out) {
            State::Idle(memory) | State::Lent(memory) => Some(memory),
            State::Out => None,
        }
    }

    fn put(&mut self, region: u32, state: State<M>) {
        // After the end there is none, and the memory goes.
        if let Some(Some(region)) = self.regions.get_mut(region as usize) {
            region.state = state;
        }
    }

    /// Nothing is lent any more, and nothing comes back: all memory goes, that on its way once it is put back.
    pub(super) fn end(&mut self) {
        self.ended = true;
        self.regions.clear();
        self.idle.clear();
    }

    /// A region could not be made, or the peer has been told that it is gone: its number is free.
    pub(super) fn forget(&mut self, region: u32) {
        if let Some(region) = self.regions.get_mut(region as usize) {
            *region = None;
        }
    }

    /// What is in the region has left: it comes back by [`returned`](Self::returned).
    pub(super) fn lent(&mut self, region: u32, memory: M) {
        self.put(region, State::Lent(memory));
    }

    /// The region is free again without having been lent.
    pub(super) fn unused(&mut self, region: u32, memory: M) {
        self.put(region, State::Idle(memory));
        if !self.ended {
            self.idle.push(region);
        }
    }

    /// The peer gives a region back. `None` if it does not have it; otherwise those that have to go.
    pub(super) fn returned(&mut self, region: u32, condition: Condition) -> Option<Vec<u32>> {
        let known = self.regions.get(region as usize)?.as_ref()?;
        if !matches!(known.state, State::Lent(_)) {
            return None;
        }
        let memory = self.take(region)?;
        if condition == Condition::Lost {
            return Some(vec![region]);
        }
        self.unused(region, memory);
        Some(self.trim())
    }

    /// Drops those that have waited longest, beyond what may wait. Their numbers are not used again before
    /// [`forget`](Self::forget): the peer is to be told first.
    pub(super) fn trim(&mut self) -> Vec<u32> {
        let mut waiting: u64 = self.idle.iter().map(|region| self.length(*region)).sum();
        let mut retired = Vec::new();
        // The last one stays, however long it is: it is what is being used.
        while waiting > KEPT && self.idle.len() > 1 {
            let oldest = self.idle.remove(0);
            waiting -= self.length(oldest);
            self.put(oldest, State::Out);
            retired.push(oldest);
        }
        retired
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    fn made(arena: &mut Arena<&'static str>, bytes: u64) -> (u32, u64) {
        match arena.choose(bytes) {
            Some(Choice::New { region, length, retired: None }) => (region, length),
            other => panic!("{other:?} for {bytes} bytes"),
        }
    }

    #[test]
    fn a_region_that_came_back_is_used_again_the_last_one_first() {
        let mut arena = Arena::new();
        assert_eq!(made(&mut arena, 1 << 20), (0, 1 << 20));
        assert_eq!(made(&mut arena, (1 << 20) - 7), (1, 1 << 20));
        arena.lent(0, "a");
        arena.lent(1, "b");
        assert_eq!(arena.returned(1, Condition::Good), Some(vec![]));
        assert_eq!(arena.returned(0, Condition::Good), Some(vec![]));
        assert_eq!(arena.choose(1 << 20), Some(Choice::Known(0, "a")));
        assert_eq!(arena.choose(300_000), Some(Choice::Known(1, "b")));
        assert_eq!(made(&mut arena, 9).0, 2);
    }

    #[test]
    fn a_short_blob_leaves_a_long_region_to_others() {
        let mut arena = Arena::new();
        made(&mut arena, 64 << 20);
        arena.unused(0, "long");
        assert_eq!(made(&mut arena, 1 << 20).0, 1);
        assert_eq!(arena.choose(20 << 20), Some(Choice::Known(0, "long")));
    }

    #[test]
    fn what_was_not_lent_cannot_come_back() {
        let mut arena = Arena::new();
        assert_eq!(arena.returned(0, Condition::Good), None, "there is no region");
        made(&mut arena, 1);
        assert_eq!(arena.returned(0, Condition::Good), None, "it is being filled");
        arena.lent(0, "a");
        assert!(arena.returned(0, Condition::Good).is_some());
        assert_eq!(arena.returned(0, Condition::Good), None, "it came back already");
    }

    #[test]
    fn what_waits_is_bounded_and_the_oldest_goes() {
        let mut arena = Arena::new();
        for region in 0..4 {
            assert_eq!(made(&mut arena, 60 << 20).0, region);
        }
        (0..4).for_each(|region| arena.lent(region, "memory"));
        assert_eq!(arena.returned(2, Condition::Good), Some(vec![]));
        assert_eq!(arena.returned(0, Condition::Good), Some(vec![]));
        assert_eq!(arena.returned(1, Condition::Good), Some(vec![2]));
        assert_eq!(made(&mut arena, 1).0, 4, "the peer may not know yet that 2 is gone");
        arena.forget(2);
        assert_eq!(made(&mut arena, 1).0, 2, "its number is used again");
        assert_eq!(made(&mut arena, 300 << 20).0, 5);
        arena.lent(5, "huge");
        assert_eq!(arena.returned(5, Condition::Good), Some(vec![0, 1]), "the last one stays");
    }

    #[test]
    fn a_region_the_peer_cannot_read_goes_when_it_comes_back() {
        let mut arena = Arena::new();
        made(&mut arena, 1);
        arena.lent(0, "unread");
        assert_eq!(arena.returned(0, Condition::Lost), Some(vec![0]));
        assert_eq!(arena.returned(0, Condition::Lost), None, "once");
        assert_eq!(made(&mut arena, 1).0, 1);
        arena.forget(0);
        assert_eq!(made(&mut arena, 1).0, 0);
    }

    #[test]
    fn what_was_never_sent_does_not_pile_up() {
        let mut arena = Arena::new();
        (0..4).for_each(|region| assert_eq!(made(&mut arena, 60 << 20).0, region));
        (0..4).for_each(|region| arena.unused(region, "memory"));
        assert_eq!(arena.trim(), [0, 1]);
        assert_eq!(arena.trim(), [0_u32; 0]);
    }

    #[test]
    fn regions_are_bounded_in_number() {
        let mut arena = Arena::new();
        (0..MAX_REGIONS as u32).for_each(|region| assert_eq!(made(&mut arena, 1).0, region));
        assert_eq!(arena.choose(1), None);
        arena.unused(5, "short");
        let length = length_for(1 << 20);
        assert_eq!(arena.choose(1 << 20), Some(Choice::New { region: 5, length, retired: Some(5) }));
        arena.forget(5);
        assert_eq!(made(&mut arena, 1).0, 5);
    }

    #[test]
    fn after_the_end_no_memory_stays() {
        let memory = Rc::new(());
        let mut arena = Arena::new();
        for region in 0..4 {
            assert!(matches!(arena.choose(1), Some(Choice::New { region: made, .. }) if made == region));
        }
        arena.lent(0, Rc::clone(&memory));
        arena.unused(1, Rc::clone(&memory));
        arena.end();
        assert_eq!(Rc::strong_count(&memory), 1);
        arena.lent(2, Rc::clone(&memory));
        arena.unused(2, Rc::clone(&memory));
        arena.forget(3);
        let returned = arena.returned(0, Condition::Good);
        assert_eq!((Rc::strong_count(&memory), returned, arena.choose(1)), (1, None, None));
    }

    #[test]
    fn a_region_is_a_little_longer_than_its_first_blob() {
        for bytes in [0, 1, 65_536, 65_537, 1_000_000, (1 << 20) + 1, (1 << 26) + 5] {
            let length = length_for(bytes);
            assert!(length >= bytes && length >= LEAST && length <= bytes + bytes / 4 + LEAST, "{bytes}: {length}");
        }
    }
}
