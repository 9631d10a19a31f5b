//! Medians and spreads: means would let one interrupted sample decide, and a median without its spread hides it.

use serde::Serialize;

/// The middle of several measurements of one thing, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle value.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// The spread of `values`, or nothing where there are none.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 0 { (sorted[middle - 1] + sorted[middle]) / 2.0 } else { sorted[middle] };
        Some(Self { median, min, max })
    }
}

/// The value below which `percent` of the `sorted` ones lie; 0 where there are none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((sorted.len() * percent / 100).min(last)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{Spread, percentile};

    #[test]
    fn spread_of_nothing_is_nothing() {
        assert_eq!(Spread::of(&[]), None);
    }

    #[test]
    fn even_count_takes_the_mean_of_the_two_in_the_middle() {
        assert_eq!(Spread::of(&[4.0, 1.0, 3.0, 2.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }

    #[test]
    fn percentiles_stay_inside_the_values() {
        let sorted: Vec<u64> = (0..100).collect();
        assert_eq!((percentile(&sorted, 50), percentile(&sorted, 99), percentile(&sorted, 100)), (50, 99, 99));
        assert_eq!(percentile(&[], 50), 0);
    }
}
