//! The sections, by the names of their figures.

use std::time::Duration;

use clap::ValueEnum;
use kinfolk_bench::Result;

use crate::trial::{self, Trial};
use crate::{churn, crash, cycles, deaf, descriptors, flood, frozen, hostile, orphans, overrun, poison, restart};

/// A kind of harm, and what must hold in spite of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Section {
    #[value(alias = "r1")]
    R1,
    #[value(alias = "r2")]
    R2,
    #[value(alias = "r3")]
    R3,
    #[value(alias = "r4")]
    R4,
    #[value(alias = "r5")]
    R5,
    #[value(alias = "r6")]
    R6,
    #[value(alias = "r12")]
    R12,
    #[value(alias = "r13")]
    R13,
    #[value(alias = "r14")]
    R14,
    #[value(alias = "r15")]
    R15,
    #[value(alias = "r16")]
    R16,
    #[value(alias = "r18")]
    R18,
    #[value(alias = "r19")]
    R19,
}

impl Section {
    pub(crate) const ALL: [Self; 13] = [
        Self::R1,
        Self::R2,
        Self::R3,
        Self::R4,
        Self::R5,
        Self::R6,
        Self::R12,
        Self::R13,
        Self::R14,
        Self::R15,
        Self::R16,
        Self::R18,
        Self::R19,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::R1 => "idempotent calls while children are killed",
            Self::R2 => "calls that may run once only, while children are killed",
            Self::R3 => "children that are stopped, and children that are only busy",
            Self::R4 => "every fault at every stage of a child's life",
            Self::R5 => "parents that are killed",
            Self::R6 => "children started, called and killed, again and again",
            Self::R12 => "a call that kills its children among many that do not",
            Self::R13 => "handlers that go on after their deadline",
            Self::R14 => "a producer ten times as fast as its pool",
            Self::R15 => "a child that stops reading",
            Self::R16 => "children that send anything",
            Self::R18 => "from a kill to the successor",
            Self::R19 => "descriptors a child is left with",
        }
    }

    /// How long it may take before it is killed, which is a failure.
    pub(crate) fn limit(self, full: bool) -> Duration {
        let seconds = match self {
            Self::R1 | Self::R2 => (90, 1_800),
            Self::R3 => (120, 900),
            Self::R12 | Self::R13 => (90, 1_800),
            _ => (90, 900),
        };
        Duration::from_secs(if full { seconds.1 } else { seconds.0 })
    }

    /// Runs it in this process, which is its own, and tells what it finds.
    pub(crate) fn play(self, trial: &Trial) -> Result<()> {
        // Threads have memory of their own to allocate from: where growth is measured there is one.
        let runtime = match self {
            Self::R6 => tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            _ => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?,
        };
        let checks = runtime.block_on(async {
            match self {
                Self::R1 => churn::run(trial, churn::Kind::Again).await,
                Self::R2 => churn::run(trial, churn::Kind::Once).await,
                Self::R3 => frozen::run(trial).await,
                Self::R4 => crash::run(trial).await,
                Self::R5 => orphans::run(trial).await,
                Self::R6 => cycles::run(trial).await,
                Self::R12 => poison::run(trial).await,
                Self::R13 => overrun::run(trial).await,
                Self::R14 => flood::run(trial).await,
                Self::R15 => deaf::run(trial).await,
                Self::R16 => hostile::run(trial).await,
                Self::R18 => restart::run(trial).await,
                Self::R19 => descriptors::run(trial).await,
            }
        })?;
        checks.iter().try_for_each(trial::told)?;
        trial::done();
        Ok(())
    }
}
