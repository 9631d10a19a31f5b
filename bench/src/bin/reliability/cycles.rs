//! R6: what is left of children that were started, called and killed.

use std::time::{Duration, Instant};

use kinfolk::parent::Parent;
use kinfolk_bench::Result;

use crate::check::Check;
use crate::pools::worker;
use crate::proc::Footprint;
use crate::toil::Dose;
use crate::trial::{PATIENCE, Trial, within};

/// Cycles between two looks.
const STEP: u64 = 20;
/// Bytes a cycle may leave behind.
const SLOPE: f64 = 100.0;
/// Memory comes in pages and arenas, beside which a small run is short.
const GRAIN: f64 = 256.0 * 1_024.0;

pub(crate) async fn run(trial: &Trial) -> Result<Vec<Check>> {
    let parent = Parent::new();
    let (warm_up, cycles) = (trial.size(100, 1_000), trial.size(400, 10_000));
    for number in 0..warm_up {
        cycle(trial, &parent, number).await?;
    }
    let (before, start, mut sizes) = (Footprint::now()?, Instant::now(), Vec::new());
    for number in 0..cycles {
        cycle(trial, &parent, number).await?;
        if number % STEP == 0 {
            sizes.push((number as f64, Footprint::now()?.resident as f64));
        }
    }
    let (after, took) = (Footprint::now()?, start.elapsed());
    let (slope, most) = (slope(&sizes), if trial.full { SLOPE } else { SLOPE + GRAIN / cycles as f64 });
    Ok(vec![
        Check::figure("cycles", format_args!("{cycles}, {:.2?} each", took / u32::try_from(cycles)?)),
        Check::exactly("descriptors", after.descriptors, before.descriptors),
        Check::exactly("threads", after.threads, before.threads),
        Check::none("children, ended or not", after.children),
        Check::that("memory, bytes per cycle", format_args!("{slope:.1}"), &format!("< {most:.0}"), slope < most),
    ])
}

async fn cycle(trial: &Trial, parent: &Parent, number: u64) -> Result<()> {
    if number % STEP == 0 {
        trial.at(&format!("cycle {number}"));
    }
    let child = within(PATIENCE, "a start", parent.spawn(worker("cycle"))).await??;
    let answer = child.request(Dose { id: number, lethal: false }).deadline(Duration::from_secs(30)).await?;
    if answer != number {
        return Err(format!("{answer} was answered to {number}").into());
    }
    within(PATIENCE, "a kill", child.kill()).await?;
    Ok(())
}

/// Of the line that is nearest to all of them, by least squares.
fn slope(points: &[(f64, f64)]) -> f64 {
    let number = points.len().max(1) as f64;
    let mean = |value: fn(&(f64, f64)) -> f64| points.iter().map(value).sum::<f64>() / number;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let spread: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    let joint: f64 = points.iter().map(|point| (point.0 - x) * (point.1 - y)).sum();
    if spread == 0.0 { 0.0 } else { joint / spread }
}

#[cfg(test)]
mod tests {
    use super::slope;

    #[test]
    fn a_slope_is_that_of_a_line() {
        assert!((slope(&[(0.0, 5.0), (1.0, 8.0), (2.0, 11.0)]) - 3.0).abs() < 1e-9);
        assert_eq!((slope(&[]), slope(&[(3.0, 3.0)])), (0.0, 0.0));
    }
}
