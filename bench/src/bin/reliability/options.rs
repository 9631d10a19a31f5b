//! The command line.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Parser, Subcommand};

use crate::section::Section;
use crate::trial::Trial;

/// Kill, stop and confuse children by the thousand, and compare what callers were told with what was done.
#[derive(Debug, Parser)]
#[command(subcommand_negates_reqs = true)]
pub(crate) struct Options {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    /// Which sections, as `R1`; all of them if none is named.
    pub(crate) sections: Vec<Section>,
    /// As many calls, kills and trials as the thresholds are said of; minutes instead of seconds.
    #[arg(long, global = true)]
    pub(crate) full: bool,
    /// What the suite's own choices are drawn from. Default: the time; it is printed.
    #[arg(long, global = true)]
    seed: Option<u64>,
    /// A directory for the raw histories, which are kept then. Default: a temporary one, kept if a section fails.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
    /// Print the results as Markdown.
    #[arg(long)]
    pub(crate) markdown: bool,
}

/// Something else than running sections.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check a raw history again.
    Verify {
        /// As the suite wrote it.
        file: PathBuf,
    },
    /// One section, in this process: what the suite starts.
    #[command(hide = true)]
    Section {
        /// Which.
        section: Section,
        /// Where histories go.
        #[arg(long)]
        out: PathBuf,
    },
    /// A parent program that is to be killed.
    #[command(hide = true)]
    Nest,
}

impl Options {
    pub(crate) fn seed(&self) -> u64 {
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_secs());
        self.seed.unwrap_or_else(now)
    }

    pub(crate) fn trial(&self, out: PathBuf) -> Trial {
        Trial { seed: self.seed(), full: self.full, out }
    }

    pub(crate) fn chosen(&self) -> Vec<Section> {
        if self.sections.is_empty() { Section::ALL.to_vec() } else { self.sections.clone() }
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::{Command, Options};
    use crate::section::Section;

    #[test]
    fn the_command_line_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn sections_are_chosen_in_any_case_and_all_of_them_by_default() {
        let parse = |args: &[&str]| Options::try_parse_from([&["reliability"], args].concat());
        assert_eq!(parse(&[]).unwrap().chosen(), Section::ALL);
        assert_eq!(parse(&["r1", "R16"]).unwrap().chosen(), [Section::R1, Section::R16]);
        assert!(parse(&["R17"]).is_err());
        let verify = parse(&["verify", "a.history"]).unwrap();
        assert!(matches!(verify.command, Some(Command::Verify { .. })));
    }
}
