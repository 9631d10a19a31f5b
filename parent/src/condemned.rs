//! Calls that were given up by force: if the handler of one has not ended by its time, the child has to.

use std::time::Instant;

use kinfolk_protocol::CallId;

/// Those whose handler is not known to have ended.
#[derive(Debug, Default)]
pub(crate) struct Condemned(Vec<(CallId, Instant)>);

impl Condemned {
    /// The handler of `call` has until `end`.
    pub(crate) fn add(&mut self, call: CallId, end: Instant) {
        self.0.push((call, end));
    }

    /// The handler of `call` has ended.
    pub(crate) fn pardon(&mut self, call: CallId) {
        self.0.retain(|(known, _)| *known != call);
    }

    /// True if one was due at `now`: once for each, for whoever kills the child.
    pub(crate) fn take_due(&mut self, now: Instant) -> bool {
        let before = self.0.len();
        self.0.retain(|(_, end)| *end > now);
        self.0.len() < before
    }

    /// When the first of them is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|(_, end)| *end).min()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
}
