//! What is printed at the end, as text.

use std::fmt;
use std::time::Duration;

use indicatif::{DecimalBytes, HumanCount};

use crate::protocols::Squeezed;
use crate::summary::Summary;

/// What one child did.
#[derive(Debug)]
pub(crate) struct Staff {
    pub(crate) name: String,
    pub(crate) role: &'static str,
    /// In words: an exit code, a signal.
    pub(crate) ended: String,
    pub(crate) pid: u32,
    pub(crate) calls: u64,
    /// Calls answered with a [`FileError`](crate::protocols::FileError).
    pub(crate) failed: u64,
    /// The time its calls took, together, without their waiting for a thread: it tells how long, not how hard.
    pub(crate) busy: Duration,
    /// The processor time of the whole process, from its exit report.
    pub(crate) cpu: Duration,
}

/// The whole report: who did it, what was found by language, and all of it together.
pub(crate) fn report(staff: &[Staff], summary: &Summary, took: Duration) -> String {
    let totals = totals(summary, took);
    if summary.files == 0 {
        return format!("{}\n{totals}", children(staff));
    }
    format!("{}\n{}\n{totals}", children(staff), languages(summary))
}

fn children(staff: &[Staff]) -> Table {
    let mut table = Table::new(["child", "role", "ended", "pid", "calls", "failed", "busy", "cpu"], 3);
    for one in staff {
        table.row([
            one.name.clone(),
            one.role.to_owned(),
            one.ended.clone(),
            one.pid.to_string(),
            HumanCount(one.calls).to_string(),
            HumanCount(one.failed).to_string(),
            seconds(one.busy),
            seconds(one.cpu),
        ]);
    }
    table
}

fn languages(summary: &Summary) -> Table {
    let mut table = Table::new(["language", "files", "lines", "words", "bytes", "deflated", "left"], 1);
    for (name, language) in &summary.languages {
        table.row([
            name.clone(),
            HumanCount(language.files).to_string(),
            HumanCount(language.lines).to_string(),
            HumanCount(language.words).to_string(),
            DecimalBytes(language.size.before).to_string(),
            DecimalBytes(language.size.after).to_string(),
            left(language.size),
        ]);
    }
    table
}

fn totals(summary: &Summary, took: Duration) -> String {
    let Summary { files, size, digest, skipped, .. } = summary;
    let files = HumanCount(*files);
    let skipped = HumanCount(skipped.len() as u64);
    let (before, after) = (DecimalBytes(size.before), DecimalBytes(size.after));
    let (left, took) = (left(*size), seconds(took));
    format!(
        "files     {files} read, {skipped} skipped, in {took}\n\
         bytes     {before}, deflated {after} ({left})\n\
         digest    sha256:{digest}\n"
    )
}

fn left(size: Squeezed) -> String {
    size.percent().map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"))
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

/// Columns as wide as their widest cell: names to the left, numbers to the right.
struct Table {
    rows: Vec<Vec<String>>,
    names: usize,
}

impl Table {
    /// A table whose first `names` columns are names.
    fn new<const N: usize>(header: [&str; N], names: usize) -> Self {
        Self { rows: vec![header.map(str::to_owned).to_vec()], names }
    }

    fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> = (0..self.rows[0].len()).map(|column| self.width(column)).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column < self.names {
                    line += &format!("{cell:<width$}   ");
                } else {
                    line += &format!("{cell:>width$}   ");
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut table = Table::new(["name", "n"], 1);
        table.row(["a".to_owned(), "1,000".to_owned()]);
        assert_eq!(table.to_string(), "name       n\na      1,000\n");
    }
}
