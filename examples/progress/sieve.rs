//! Primes, counted in segments that fit a processor's cache.

/// Odd numbers looked at at once.
const ODDS: u64 = 1 << 18;

/// A run of numbers, counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Segment {
    /// All numbers below this one have been looked at.
    pub(crate) end: u64,
    /// How many primes are in it.
    pub(crate) primes: u64,
}

/// The sieve of Eratosthenes, segment after segment.
pub(crate) struct Sieve {
    /// Odd primes up to the root of the last number.
    base: Vec<u64>,
    /// Of each odd number of the segment, whether it is a product.
    product: Vec<bool>,
    at: u64,
    below: u64,
}

impl Sieve {
    /// The primes below that number.
    pub(crate) fn new(below: u64) -> Self {
        Self { base: small_primes(below.isqrt()), product: Vec::new(), at: 0, below }
    }

    fn strike(&mut self, end: u64) {
        let low = self.at + 1;
        self.product.clear();
        self.product.resize(((end - self.at) / 2) as usize, false);
        for &prime in &self.base {
            let square = prime * prime;
            if square >= end {
                break;
            }
            let first = square.max(low.div_ceil(prime) * prime);
            let odd = first + if first % 2 == 0 { prime } else { 0 };
            let from = ((odd - low) / 2) as usize;
            self.product.iter_mut().skip(from).step_by(prime as usize).for_each(|product| *product = true);
        }
    }
}

impl Iterator for Sieve {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        if self.at >= self.below {
            return None;
        }
        let end = self.below.min(self.at + 2 * ODDS);
        self.strike(end);
        let odd = self.product.iter().filter(|product| !**product).count() as u64;
        // In the first segment 1 stands for 2: the one is no prime, the other no odd number.
        let two_alone = u64::from(self.at == 0 && end == 3);
        let primes = if end <= 2 { 0 } else { odd.max(two_alone) };
        self.at = end;
        Some(Segment { end, primes })
    }
}

fn small_primes(most: u64) -> Vec<u64> {
    let is_prime = |n: &u64| (3..).step_by(2).take_while(|d| d * d <= *n).all(|d| n % d != 0);
    (3..=most).step_by(2).filter(is_prime).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counts_are_those_of_the_books() {
        for (below, primes) in [
            (0, 0),
            (2, 0),
            (3, 1),
            (4, 2),
            (10, 4),
            (11, 4),
            (12, 5),
            (1_000, 168),
            (1_000_000, 78_498),
            (3_000_000, 216_816),
        ] {
            assert_eq!(Sieve::new(below).map(|segment| segment.primes).sum::<u64>(), primes, "below {below}");
        }
    }
}
