//! How far the picture is: a bar on a terminal, a line now and then anywhere else. On stderr, so that the result can be
//! redirected without it.
#![expect(clippy::print_stderr, reason = "progress is what this module is for")]

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

/// Where progress is shown.
pub(crate) enum Bar {
    /// On a terminal.
    Drawn(ProgressBar),
    /// As lines: for files, pipes and continuous integration.
    Told {
        /// Tiles done.
        done: u64,
        /// Tiles in all.
        of: u64,
    },
}

impl Bar {
    /// The bar that suits stderr, for so many tiles.
    pub(crate) fn new(of: u64) -> Self {
        if !stderr().is_terminal() {
            return Self::Told { done: 0, of };
        }
        let style = ProgressStyle::with_template("{bar:40} {pos:>5} of {len} tiles  {elapsed}, {eta} left  {msg}")
            .expect("the template is a constant and well-formed");
        Self::Drawn(ProgressBar::new(of).with_style(style))
    }

    /// One tile more is done.
    pub(crate) fn step(&mut self) {
        match self {
            Self::Drawn(bar) => bar.inc(1),
            Self::Told { done, of } => {
                *done += 1;
                if *done * 4 / *of > (*done - 1) * 4 / *of {
                    eprintln!("{done} of {of} tiles");
                }
            }
        }
    }

    /// So many workers have been killed.
    pub(crate) fn killed(&self, workers: u64) {
        if let Self::Drawn(bar) = self {
            bar.set_message(format!("{workers} killed"));
        }
    }
}

impl Drop for Bar {
    /// What comes of it says it better.
    fn drop(&mut self) {
        if let Self::Drawn(bar) = self {
            bar.finish_and_clear();
        }
    }
}
