//! How far each child is: bars on a terminal, a line now and then anywhere else. On stderr, so that the report can be
//! redirected without them.
#![expect(clippy::print_stderr, reason = "progress is what this module is for")]

use std::io::{IsTerminal, stderr};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where progress is shown.
#[derive(Debug)]
pub(crate) enum Board {
    /// One bar per child, redrawn in place.
    Terminal(MultiProgress),
    /// Lines that stay: for files, pipes and continuous integration.
    Lines,
}

impl Board {
    /// The board that suits stderr.
    pub(crate) fn new() -> Self {
        if stderr().is_terminal() { Self::Terminal(MultiProgress::new()) } else { Self::Lines }
    }

    /// A bar for `child`, which has `total` files to do.
    pub(crate) fn bar(&self, child: &str, total: u64) -> Bar {
        match self {
            Self::Terminal(bars) => {
                let bar = bars.add(ProgressBar::new(total)).with_style(style()).with_prefix(child.to_owned());
                // Shown from the start: a child that never gets anywhere should be seen at zero.
                bar.tick();
                Bar::Drawn(bar)
            }
            Self::Lines => Bar::Told { child: child.to_owned(), done: 0, total },
        }
    }

    /// Says something, above the bars if there are any.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Terminal(bars) => bars.suspend(|| eprintln!("{line}")),
            Self::Lines => eprintln!("{line}"),
        }
    }

    /// Takes the bars away: the report, or an error, says it better.
    pub(crate) fn clear(&self) {
        if let Self::Terminal(bars) = self {
            // A terminal that cannot be written to shows no bars either.
            let _ = bars.clear();
            // Or a bar that is dropped unfinished would draw the others once more.
            bars.set_draw_target(ProgressDrawTarget::hidden());
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<10} {bar:30} {human_pos:>9} of {human_len} files  {elapsed}, {eta} left")
        .expect("the template is a constant and well-formed")
}

/// The progress of one child.
#[derive(Debug)]
pub(crate) enum Bar {
    /// On a terminal.
    Drawn(ProgressBar),
    /// As lines.
    Told {
        /// Whose progress it is.
        child: String,
        /// Files done.
        done: u64,
        /// Files in all.
        total: u64,
    },
}

impl Bar {
    /// One file more is done.
    pub(crate) fn step(&mut self) {
        match self {
            Self::Drawn(bar) => {
                bar.inc(1);
                if Some(bar.position()) == bar.length() {
                    bar.finish();
                }
            }
            Self::Told { child, done, total } => {
                *done += 1;
                if is_quarter(*done, *total) {
                    eprintln!("{child}: {done} of {total} files");
                }
            }
        }
    }
}

/// True at a quarter, the half, three quarters and the end: five lines per child would be too many for ten files, and a
/// line per file for ten thousand.
fn is_quarter(done: u64, total: u64) -> bool {
    let quarters = |done: u64| done * 4 / total;
    quarters(done) > quarters(done - 1)
}

#[cfg(test)]
mod tests {
    use super::is_quarter;

    #[test]
    fn there_is_a_line_at_the_end_and_at_most_three_before() {
        for total in [1, 2, 3, 4, 5, 7, 100, 1001] {
            let lines: Vec<u64> = (1..=total).filter(|done| is_quarter(*done, total)).collect();
            assert!(lines.len() <= 4 && lines.ends_with(&[total]), "{total}: {lines:?}");
        }
    }
}
