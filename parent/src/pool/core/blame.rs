//! Which calls are suspected of killing children: poison is found by trying suspects alone.

use std::collections::HashMap;
use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{Duration, Instant};

use crate::pool::rules::Quarantine;

/// What a call is known by, if it is made again: a hash of its type and its content, or of what its caller says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(pub(crate) u64);

/// What it is displayed as.
impl FromStr for Fingerprint {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How a pool treats a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// As any other.
    Clear,
    /// A child died with it, perhaps of it: it runs with nothing beside it.
    Suspect,
    /// It has killed too many.
    Quarantined { kills: u32, left: Duration },
}

/// A call that is refused: [`Pool::quarantined`](crate::pool::Pool::quarantined).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quarantined {
    /// What it is known by: for [`Pool::release`](crate::pool::Pool::release).
    pub fingerprint: Fingerprint,
    /// The name of its message's type.
    pub message: &'static str,
    /// How many children it killed.
    pub kills: u32,
    /// How long it is refused from now on.
    pub left: Duration,
}

/// At most so many are remembered: the oldest is forgotten.
const REMEMBERED: usize = 1_024;
/// Who has come to its end so often since its last kill is not what killed.
const ACQUITTED: u32 = 3;

#[derive(Debug)]
pub(crate) struct Blame {
    rule: Option<Quarantine>,
    records: HashMap<Fingerprint, Record>,
    /// How many records there are of a type, and until when any of them counts.
    types: HashMap<&'static str, (usize, Instant)>,
}

#[derive(Debug)]
struct Record {
    message: &'static str,
    /// Children that died with this call and no other.
    kills: u32,
    /// How often it has come to its end since.
    ends: u32,
    last: Instant,
}

impl Blame {
    pub(crate) fn new(rule: Option<Quarantine>) -> Self {
        Self { rule, records: HashMap::new(), types: HashMap::new() }
    }

    /// True if anything is held against calls, so that it is worth while to know what they are known by.
    pub(crate) fn is_kept(&self) -> bool {
        self.rule.is_some()
    }

    /// True if there is anything against calls of this type.
    pub(crate) fn watches(&self, message: &'static str, now: Instant) -> bool {
        self.types.get(message).is_some_and(|(_, until)| now < *until)
    }

    pub(crate) fn standing(&self, fingerprint: Fingerprint, now: Instant) -> Standing {
        let (Some(rule), Some(record)) = (self.rule, self.records.get(&fingerprint)) else { return Standing::Clear };
        let left = rule.ttl.saturating_sub(now.saturating_duration_since(record.last));
        match record.kills {
            _ if left.is_zero() => Standing::Clear,
            kills if kills >= rule.kills => Standing::Quarantined { kills, left },
            _ => Standing::Suspect,
        }
    }

    /// A child has died with this call begun, and perhaps others: only what it did alone is sure.
    pub(crate) fn accuse(
        &mut self,
        fingerprint: Fingerprint,
        message: &'static str,
        alone: bool,
        now: Instant,
    ) -> Standing {
        let Some(rule) = self.rule else { return Standing::Clear };
        self.forget(rule.ttl, now);
        let of_type = self.types.entry(message).or_insert((0, now));
        of_type.1 = now.checked_add(rule.ttl).unwrap_or(of_type.1).max(of_type.1);
        let record = self.records.entry(fingerprint).or_insert_with(|| {
            of_type.0 += 1;
            Record { message, kills: 0, ends: 0, last: now }
        });
        if now.saturating_duration_since(record.last) >= rule.ttl {
            record.kills = 0;
        }
        record.kills = record.kills.saturating_add(u32::from(alone));
        (record.ends, record.last) = (0, now);
        self.standing(fingerprint, now)
    }

    /// It came to its end: what is not sure is held against it no longer, and what is not for ever.
    pub(crate) fn acquit(&mut self, fingerprint: Fingerprint) {
        let Some(record) = self.records.get_mut(&fingerprint) else { return };
        record.ends += 1;
        if record.kills == 0 || record.ends >= ACQUITTED {
            self.remove(fingerprint);
        }
    }

    /// Holds nothing against it any more. False if nothing was.
    pub(crate) fn release(&mut self, fingerprint: Fingerprint) -> bool {
        self.remove(fingerprint)
    }

    /// All that are refused, the worst first.
    pub(crate) fn quarantined(&self, now: Instant) -> Vec<Quarantined> {
        let quarantined = |(fingerprint, record): (&Fingerprint, &Record)| match self.standing(*fingerprint, now) {
            Standing::Quarantined { kills, left } => {
                Some(Quarantined { fingerprint: *fingerprint, message: record.message, kills, left })
            }
            _ => None,
        };
        let mut all: Vec<_> = self.records.iter().filter_map(quarantined).collect();
        all.sort_by_key(|entry| (std::cmp::Reverse(entry.kills), entry.fingerprint));
        all
    }

    /// Makes room for one more.
    fn forget(&mut self, ttl: Duration, now: Instant) {
        if self.records.len() < REMEMBERED {
            return;
        }
        let old = |record: &Record| now.saturating_duration_since(record.last) >= ttl;
        let mut gone: Vec<_> = self.records.iter().filter(|(_, record)| old(record)).map(|(id, _)| *id).collect();
        if gone.is_empty() {
            gone.extend(self.records.iter().min_by_key(|(_, record)| (record.kills, record.last)).map(|(id, _)| *id));
        }
        for fingerprint in gone {
            self.remove(fingerprint);
        }
    }

    fn remove(&mut self, fingerprint: Fingerprint) -> bool {
        let Some(record) = self.records.remove(&fingerprint) else { return false };
        if let Some((count, _)) = self.types.get_mut(record.message) {
            *count -= 1;
            if *count == 0 {
                self.types.remove(record.message);
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);

    fn blame() -> Blame {
        Blame::new(Some(Quarantine { kills: 2, ttl: TTL }))
    }

    #[test]
    fn two_kills_alone_are_quarantine_until_its_time_is_over_or_it_is_released() {
        let (mut blame, now, poison) = (blame(), Instant::now(), Fingerprint(7));
        assert_eq!(blame.accuse(poison, "Render", true, now), Standing::Suspect);
        assert_eq!(blame.accuse(poison, "Render", true, now), Standing::Quarantined { kills: 2, left: TTL });
        assert_eq!(blame.quarantined(now).len(), 1);
        assert_eq!(blame.standing(poison, now + TTL), Standing::Clear);
        assert!(blame.watches("Render", now) && !blame.watches("Render", now + TTL), "no longer than anything counts");
        assert!(blame.release(poison) && !blame.watches("Render", now));
        assert_eq!(blame.standing(poison, now), Standing::Clear);
    }

    #[test]
    fn who_died_in_company_is_a_suspect_and_cleared_by_coming_to_its_end() {
        let (mut blame, now, innocent) = (blame(), Instant::now(), Fingerprint(8));
        for _ in 0..5 {
            assert_eq!(blame.accuse(innocent, "Render", false, now), Standing::Suspect);
        }
        blame.acquit(innocent);
        assert_eq!(blame.standing(innocent, now), Standing::Clear);
    }

    #[test]
    fn what_is_sure_is_not_forgotten_by_coming_to_its_end_once_and_not_kept_for_ever() {
        let (mut blame, now, unlucky) = (blame(), Instant::now(), Fingerprint(9));
        blame.accuse(unlucky, "Render", true, now);
        blame.acquit(unlucky);
        assert_eq!(blame.standing(unlucky, now), Standing::Suspect);
        (1..ACQUITTED).for_each(|_| blame.acquit(unlucky));
        assert_eq!(blame.standing(unlucky, now), Standing::Clear);
    }

    #[test]
    fn a_kill_long_ago_and_one_today_are_no_two_kills() {
        let (mut blame, now, unlucky) = (blame(), Instant::now(), Fingerprint(9));
        blame.accuse(unlucky, "Render", true, now);
        assert_eq!(blame.accuse(unlucky, "Render", true, now + TTL), Standing::Suspect);
    }

    #[test]
    fn memory_is_bounded_and_quarantine_outlasts_suspicion() {
        let (mut blame, now, poison) = (blame(), Instant::now(), Fingerprint(0));
        blame.accuse(poison, "Render", true, now);
        blame.accuse(poison, "Render", true, now);
        for other in 1..=2 * REMEMBERED as u64 {
            blame.accuse(Fingerprint(other), "Render", false, now + Duration::from_millis(other));
        }
        assert_eq!(blame.records.len(), REMEMBERED);
        assert!(matches!(blame.standing(poison, now), Standing::Quarantined { .. }));
    }

    #[test]
    fn without_a_rule_nobody_is_blamed() {
        let mut blame = Blame::new(None);
        for _ in 0..5 {
            assert_eq!(blame.accuse(Fingerprint(1), "Render", true, Instant::now()), Standing::Clear);
        }
        assert!(!blame.watches("Render", Instant::now()));
    }
}
