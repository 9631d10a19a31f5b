//! How far the count is: a bar on a terminal, a line now and then anywhere else. On stderr, so that the result can be
//! redirected without it.
#![expect(clippy::print_stderr, reason = "progress is what this module is for")]

use std::io::{IsTerminal, stderr};

use indicatif::{ProgressBar, ProgressStyle};

use crate::protocol::Permille;

/// Where progress is shown.
pub(crate) enum Bar {
    /// On a terminal.
    Drawn(ProgressBar),
    /// As lines: for files, pipes and continuous integration.
    Told {
        /// Of a hundred, when a line was last written.
        percent: u16,
    },
}

impl Bar {
    /// The bar that suits stderr.
    pub(crate) fn new() -> Self {
        if !stderr().is_terminal() {
            return Self::Told { percent: 0 };
        }
        let style = ProgressStyle::with_template("{bar:40} {percent:>3} %  {elapsed}, {eta} left  (Ctrl-C cancels)")
            .expect("the template is a constant and well-formed");
        Self::Drawn(ProgressBar::new(1_000).with_style(style))
    }

    /// The count is that far.
    pub(crate) fn set(&mut self, done: Permille) {
        match self {
            Self::Drawn(bar) => bar.set_position(done.0.into()),
            Self::Told { percent } if done.0 / 10 >= *percent + 25 => {
                *percent = done.0 / 10;
                eprintln!("{percent} %");
            }
            Self::Told { .. } => {}
        }
    }
}

impl Drop for Bar {
    /// What comes of the count says it better.
    fn drop(&mut self) {
        if let Self::Drawn(bar) = self {
            bar.finish_and_clear();
        }
    }
}
