//! Calls that were given up by force: if the handler of one has not ended by its time, the child has to.

use std::time::{Duration, Instant};

use kinfolk_protocol::CallId;

/// Those whose handler is not known to have ended.
#[derive(Debug, Default)]
pub(crate) struct Condemned(Vec<Sentence>);

#[derive(Debug)]
struct Sentence {
    call: CallId,
    end: Instant,
    /// It was due while we were late ourselves.
    postponed: bool,
}

/// Who looks so late was held up: the word that the handler has ended may have come meanwhile and not been read.
const LATE: Duration = Duration::from_millis(50);
/// Time to read it.
const RESPITE: Duration = Duration::from_millis(200);

impl Condemned {
    /// The handler of `call` has until `end`.
    pub(crate) fn add(&mut self, call: CallId, end: Instant) {
        self.0.push(Sentence { call, end, postponed: false });
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The handler of `call` has ended.
    pub(crate) fn pardon(&mut self, call: CallId) {
        self.0.retain(|sentence| sentence.call != call);
    }

    /// True if one was due at `now`: once for each, for whoever kills the child. One that was due long ago is postponed
    /// once.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        for sentence in &mut self.0 {
            if !sentence.postponed && now > sentence.end + LATE {
                (sentence.end, sentence.postponed) = (now + RESPITE, true);
            }
        }
        let before = self.0.len();
        self.0.retain(|sentence| sentence.end > now);
        self.0.len() < before
    }

    /// When the first of them is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|sentence| sentence.end).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_that_was_not_pardoned_is_due() {
        let now = Instant::now();
        let [first, second] = [1, 2].map(CallId::from_bits);
        let mut condemned = Condemned::default();
        condemned.add(second, now + Duration::from_secs(2));
        condemned.add(first, now + Duration::from_secs(1));
        assert_eq!(condemned.next(), Some(now + Duration::from_secs(1)));
        condemned.pardon(first);
        assert_eq!(condemned.next(), Some(now + Duration::from_secs(2)));
        assert!(!condemned.take_due(now));
        assert!(condemned.take_due(now + Duration::from_secs(2)));
        assert!(!condemned.take_due(now + Duration::from_secs(2)), "once");
        assert_eq!(condemned.next(), None);
    }

    #[test]
    fn a_parent_that_was_held_up_looks_once_more_before_it_judges() {
        let now = Instant::now();
        let mut condemned = Condemned::default();
        condemned.add(CallId::from_bits(1), now);
        let late = now + Duration::from_secs(1);
        assert!(!condemned.take_due(late));
        assert_eq!(condemned.next(), Some(late + RESPITE));
        assert!(condemned.take_due(late + Duration::from_secs(1)), "however late it is the second time");
    }
}
