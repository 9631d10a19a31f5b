//! JSON lines: one for each row of the table, then one for each goal.

use std::io::Write;

use kinfolk_bench::{Contender, Placement, Result};
use serde_json::json;

use crate::goals::GOALS;
use crate::results::Results;

/// Writes the lines.
pub(crate) fn write(out: &mut impl Write, results: &Results, placement: Placement) -> Result<()> {
    for row in results.grouped().into_iter().flatten() {
        let spread = row.spread();
        let line = json!({
            "scenario": row.scenario.name(),
            "contender": row.contender,
            "placement": placement,
            "metric": row.metric.name,
            "unit": row.metric.unit,
            "better": row.metric.better,
            "median": spread.median,
            "min": spread.min,
            "max": spread.max,
            "rounds": row.rounds,
            "times_socketpair": results.ratio(row, Contender::Socketpair),
            "times_two_lanes": results.ratio(row, Contender::TwoLanes),
            "times_tokio_stream": results.ratio(row, Contender::TokioStream),
            "times_rayon": results.ratio(row, Contender::Rayon),
        });
        writeln!(out, "{line}")?;
    }
    for goal in &GOALS {
        if let Some(reached) = goal.reached(results, placement) {
            let line = json!({
                "goal": goal.name,
                "placement": placement,
                goal.bound.word(): goal.bound.value(),
                "reached": reached,
                "met": goal.bound.is_kept(reached),
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}
