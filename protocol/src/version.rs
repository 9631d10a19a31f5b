//! The version of a protocol and the one rule of compatibility.

use std::fmt;

/// The version of a protocol, announced by both sides before anything else is said.
///
/// A minor version may add message types. It may not change one: the default codec does not describe itself, so a
/// field more or less would be misread, not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// A version from its two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// Changes with every incompatible change.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.major
    }

    /// Changes when message types are added.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.minor
    }

    /// True if both sides may talk: equal majors, and equal minors too while the major is 0, which promises nothing
    /// yet (the rule Cargo follows for crates).
    ///
    /// ```
    /// use kinfolk_protocol::Version;
    /// assert!(Version::new(1, 2).accepts(Version::new(1, 0)));
    /// assert!(!Version::new(1, 2).accepts(Version::new(2, 2)));
    /// assert!(!Version::new(0, 2).accepts(Version::new(0, 3)));
    /// ```
    #[must_use]
    pub const fn accepts(self, other: Self) -> bool {
        self.major == other.major && (self.major != 0 || self.minor == other.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}
