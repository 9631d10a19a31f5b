//! What is measured, under the names that the command line and an external rig use.

/// One thing to measure. A "short answer" has 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// One call of 32 bytes after the other, echoed.
    RoundTrip,
    /// Calls of 32 bytes, so many unanswered at any time.
    InFlight(usize),
    /// Messages of 32 bytes without an answer, counted when the child confirms the last.
    OneWay,
    /// A payload of so many MiB there, a short answer back.
    Upload(usize),
    /// A payload of so many MiB there and the same back.
    Echo(usize),
    /// A blob of so many MiB that is copied into shared memory and read there, a short answer back.
    Blob(usize),
    /// A blob of so many MiB that was built where it is read, a short answer back.
    Sealed(usize),
    /// Calls of 100 bytes beside a stream of 1 GiB, in items of 32 KiB, from the child.
    Fairness,
    /// From the spawn to the first reply, then the memory of that child once it idles.
    Spawn,
}

impl Scenario {
    /// The scenarios of a whole run, in the order of its table.
    pub const ALL: [Self; 12] = [
        Self::RoundTrip,
        Self::InFlight(64),
        Self::InFlight(1024),
        Self::OneWay,
        Self::Upload(1),
        Self::Upload(64),
        Self::Blob(1),
        Self::Blob(64),
        Self::Sealed(1),
        Self::Sealed(1024),
        Self::Fairness,
        Self::Spawn,
    ];

    /// The scenario of that name, if there is one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(calls) = name.strip_prefix("pipe") {
            return calls.parse().ok().filter(|calls| *calls > 0).map(Self::InFlight);
        }
        Self::ALL.into_iter().chain([Self::Echo(1), Self::Echo(64)]).find(|scenario| scenario.name() == name)
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::RoundTrip => "lat".into(),
            Self::InFlight(calls) => format!("pipe{calls}"),
            Self::OneWay => "oneway".into(),
            Self::Upload(mib) => format!("big{mib}m-ack"),
            Self::Echo(mib) => format!("big{mib}m-echo"),
            Self::Blob(mib) => format!("blob{mib}m"),
            Self::Sealed(mib) => format!("sealed{mib}m"),
            Self::Fairness => "fair".into(),
            Self::Spawn => "spawn".into(),
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> String {
        match self {
            Self::RoundTrip => "round trip, 32 bytes".into(),
            Self::InFlight(calls) => format!("calls, {calls} in flight"),
            Self::OneWay => "one-way messages".into(),
            Self::Upload(mib) => format!("{mib} MiB, short answer"),
            Self::Echo(mib) => format!("{mib} MiB, echoed"),
            Self::Blob(mib) => format!("{mib} MiB in shared memory"),
            Self::Sealed(mib) => format!("{mib} MiB, built in place"),
            Self::Fairness => "100-byte calls beside a 1 GiB stream".into(),
            Self::Spawn => "spawn to first reply".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Scenario;

    #[test]
    fn every_name_leads_back_to_its_scenario() {
        for scenario in Scenario::ALL {
            assert_eq!(Scenario::parse(&scenario.name()), Some(scenario));
        }
        assert_eq!((Scenario::parse("pool:100:2"), Scenario::parse("pipe0")), (None, None));
    }
}
