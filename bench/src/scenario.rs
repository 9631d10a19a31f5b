//! What is measured, under the names that the command line and an external rig use.

use std::fmt;

/// One thing to measure. A "short answer" has 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One call of 32 bytes after the other, echoed.
    RoundTrip,
    /// Calls of 32 bytes, so many unanswered at any time.
    InFlight(usize),
    /// Messages of 32 bytes without an answer, counted when the child confirms the last.
    OneWay,
    /// A payload of so many KiB there, a short answer back.
    Upload(usize),
    /// A payload of so many KiB there and the same back.
    Echo(usize),
    /// A blob of so many KiB that is copied into shared memory and read there, a short answer back.
    Blob(usize),
    /// A blob of so many KiB that was built where it is read, a short answer back.
    Sealed(usize),
    /// Calls of 100 bytes beside a stream of 1 GiB, in items of 32 KiB, from the child.
    Fairness,
    /// From the spawn to the first reply, then the memory of that child once it idles.
    Spawn,
    /// Tasks of a pool, each of which takes so long.
    PoolTasks {
        /// 0 for those that do nothing.
        micros: u32,
    },
    /// The memory of a pool's workers that have nothing to do.
    PoolIdle,
}

/// A MiB, in KiB.
const MIB: usize = 1_024;

/// A length in KiB, for people.
struct Size(usize);

impl Size {
    fn short(self) -> String {
        if self.0 % MIB == 0 { format!("{}m", self.0 / MIB) } else { format!("{}k", self.0) }
    }

    fn long(self) -> String {
        if self.0 % MIB == 0 { format!("{} MiB", self.0 / MIB) } else { format!("{} KiB", self.0) }
    }
}

/// A time in microseconds.
struct Time(u32);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 % 1_000 == 0 { write!(f, "{}ms", self.0 / 1_000) } else { write!(f, "{}us", self.0) }
    }
}

/// `100us` or `5ms`.
fn micros(text: &str) -> Option<u32> {
    let micros = match text.strip_suffix("us") {
        Some(number) => number.parse().ok()?,
        None => text.strip_suffix("ms")?.parse::<u32>().ok()?.checked_mul(1_000)?,
    };
    (micros > 0).then_some(micros)
}

impl Scenario {
    /// Those of pools, which need more than one processor.
    pub const POOLS: [Self; 4] = [
        Self::PoolTasks { micros: 0 },
        Self::PoolTasks { micros: 100 },
        Self::PoolTasks { micros: 5_000 },
        Self::PoolIdle,
    ];

    /// The scenarios of a whole run, in the order of its table.
    pub const ALL: [Self; 12] = [
        Self::RoundTrip,
        Self::InFlight(64),
        Self::InFlight(1024),
        Self::OneWay,
        Self::Upload(MIB),
        Self::Upload(64 * MIB),
        Self::Blob(MIB),
        Self::Blob(64 * MIB),
        Self::Sealed(MIB),
        Self::Sealed(1024 * MIB),
        Self::Fairness,
        Self::Spawn,
    ];

    /// The scenario of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(calls) = name.strip_prefix("pipe") {
            return calls.parse().ok().filter(|calls| *calls > 0).map(Self::InFlight);
        }
        let sized = |name: &str| -> Option<usize> {
            let (number, unit) = name.split_at_checked(name.len().checked_sub(1)?)?;
            let kib = match unit {
                "k" => number.parse().ok()?,
                "m" => number.parse::<usize>().ok()?.checked_mul(MIB)?,
                _ => return None,
            };
            (kib > 0).then_some(kib)
        };
        if let Some(time) = name.strip_prefix("pool-") {
            return match time {
                "empty" => Some(Self::PoolTasks { micros: 0 }),
                "idle" => Some(Self::PoolIdle),
                _ => micros(time).map(|micros| Self::PoolTasks { micros }),
            };
        }
        if let Some(size) = name.strip_prefix("blob") {
            return sized(size).map(Self::Blob);
        }
        if let Some(size) = name.strip_prefix("sealed") {
            return sized(size).map(Self::Sealed);
        }
        if let Some(rest) = name.strip_prefix("big") {
            let (size, way) = rest.split_once('-')?;
            return match way {
                "ack" => sized(size).map(Self::Upload),
                "echo" => sized(size).map(Self::Echo),
                _ => None,
            };
        }
        Self::ALL.into_iter().find(|scenario| scenario.name() == name)
    }

    /// True for those that compare pools.
    #[must_use]
    pub fn is_of_pools(self) -> bool {
        matches!(self, Self::PoolTasks { .. } | Self::PoolIdle)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::RoundTrip => "lat".into(),
            Self::InFlight(calls) => format!("pipe{calls}"),
            Self::OneWay => "oneway".into(),
            Self::Upload(kib) => format!("big{}-ack", Size(kib).short()),
            Self::Echo(kib) => format!("big{}-echo", Size(kib).short()),
            Self::Blob(kib) => format!("blob{}", Size(kib).short()),
            Self::Sealed(kib) => format!("sealed{}", Size(kib).short()),
            Self::Fairness => "fair".into(),
            Self::Spawn => "spawn".into(),
            Self::PoolTasks { micros: 0 } => "pool-empty".into(),
            Self::PoolTasks { micros } => format!("pool-{}", Time(micros)),
            Self::PoolIdle => "pool-idle".into(),
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::RoundTrip => "round trip, 32 bytes".into(),
            Self::InFlight(calls) => format!("calls, {calls} in flight"),
            Self::OneWay => "one-way messages".into(),
            Self::Upload(kib) => format!("{}, short answer", Size(kib).long()),
            Self::Echo(kib) => format!("{}, echoed", Size(kib).long()),
            Self::Blob(kib) => format!("{} in shared memory", Size(kib).long()),
            Self::Sealed(kib) => format!("{}, built in place", Size(kib).long()),
            Self::Fairness => "100-byte calls beside a 1 GiB stream".into(),
            Self::Spawn => "spawn to first reply".into(),
            Self::PoolTasks { micros: 0 } => "pool, empty tasks".into(),
            Self::PoolTasks { micros } => format!("pool, tasks of {}", Time(micros)),
            Self::PoolIdle => "pool, idle worker".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn every_name_leads_back_to_its_scenario() {
        for scenario in Scenario::ALL.into_iter().chain(Scenario::POOLS) {
            assert_eq!(Scenario::parse(&scenario.name()), Some(scenario));
        }
        for (name, scenario) in [("big96k-echo", Scenario::Echo(96)), ("blob2m", Scenario::Blob(2_048))] {
            assert_eq!((Scenario::parse(name), scenario.name().as_str()), (Some(scenario), name));
        }
        assert_eq!([Scenario::parse("big0k-ack"), Scenario::parse("blobm"), Scenario::parse("big1m")], [None; 3]);
        assert_eq!(Scenario::parse("pool-250us"), Some(Scenario::PoolTasks { micros: 250 }));
        assert_eq!([Scenario::parse("pool-0us"), Scenario::parse("pool-5s"), Scenario::parse("pool-")], [None; 3]);
        assert_eq!((Scenario::parse("pool:100:2"), Scenario::parse("pipe0")), (None, None));
    }
}
