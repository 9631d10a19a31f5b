//! The table for people.

use std::io::Write;

use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use kinfolk_bench::{Contender, Placement, Result};

use crate::goals::GOALS;
use crate::options::Options;
use crate::results::{Results, Row};

/// Those that the others are measured by, a column each.
const LIMITS: [(Contender, &str); 4] = [
    (Contender::Socketpair, "x socketpair"),
    (Contender::TokioStream, "x tokio"),
    (Contender::TwoLanes, "x two lanes"),
    (Contender::Rayon, "x rayon"),
];

/// Writes the table, in Markdown so that it can be pasted, and where the goals stand.
pub(crate) fn write(out: &mut impl Write, results: &Results, options: &Options) -> Result<()> {
    let place = match options.placement() {
        Placement::SameCpu => "parent and child on CPU 0",
        Placement::Free => "placed by the scheduler",
    };
    writeln!(out, "{place}; median [min..max] of {} round(s); ratios: bigger is worse\n", options.rounds())?;
    writeln!(out, "{}\n", table(results))?;
    for goal in &GOALS {
        if let Some(reached) = goal.reached(results, options.placement()) {
            let verdict = if goal.bound.is_kept(reached) { "met" } else { "MISSED" };
            let (word, value) = (goal.bound.word(), goal.bound.value());
            writeln!(out, "goal {verdict}: {}: {reached:.2}, at {word} {value}", goal.name)?;
        }
    }
    if options.is_smoke() {
        writeln!(out, "\nThis was a smoke run: the figures mean nothing.")?;
    }
    Ok(())
}

fn table(results: &Results) -> Table {
    let mut table = Table::new();
    let limits: Vec<_> = LIMITS.into_iter().filter(|(limit, _)| results.has(*limit)).collect();
    let names = limits.iter().map(|(_, name)| *name);
    let header = ["scenario", "figure", "contender", "median", "[min..max]"].into_iter().chain(names);
    table.load_preset(ASCII_MARKDOWN).set_header(header);
    for group in results.grouped() {
        for (place, row) in group.into_iter().enumerate() {
            let ratios = limits.iter().map(|(limit, _)| ratio(results, row, *limit));
            table.add_row(cells(row, place == 0).into_iter().chain(ratios));
        }
    }
    for column in table.column_iter_mut().skip(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn ratio(results: &Results, row: &Row, limit: Contender) -> String {
    match results.ratio(row, limit) {
        Some(ratio) if row.contender != limit => format!("{ratio:.2}"),
        _ => "-".to_owned(),
    }
}

fn cells(row: &Row, first: bool) -> [String; 5] {
    let spread = row.spread();
    let heading = |text: String| if first { text } else { String::new() };
    [
        heading(row.scenario.title()),
        heading(format!("{}, {}", row.metric.name, row.metric.unit)),
        row.contender.title().to_owned(),
        short(spread.median),
        format!("[{}..{}]", short(spread.min), short(spread.max)),
    ]
}

/// Three digits that matter: more would promise what no run repeats.
fn short(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn figures_have_three_digits() {
        assert_eq!([short(1234.5), short(12.345), short(0.678)], ["1234", "12.3", "0.68"]);
    }
}
