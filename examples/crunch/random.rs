//! Random numbers that are the same each time.

use crate::vector::{Vector, v};

/// splitmix64 (Steele, Lea and Flood, 2014): one addition and a few shifts, good enough for a picture.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1.
    pub(crate) fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Within a circle of radius 1 round the origin. By throwing away what falls beside it: sine and cosine are not the
    /// same on every machine, to the last bit.
    pub(crate) fn within_circle(&mut self) -> (f64, f64) {
        loop {
            let (x, y) = (2.0 * self.share() - 1.0, 2.0 * self.share() - 1.0);
            if (1e-12..=1.0).contains(&(x * x + y * y)) {
                return (x, y);
            }
        }
    }

    /// On that circle.
    pub(crate) fn on_circle(&mut self) -> (f64, f64) {
        let (x, y) = self.within_circle();
        let length = (x * x + y * y).sqrt();
        (x / length, y / length)
    }

    /// A direction away from a surface, as light leaves one that is matte: the steeper, the likelier.
    pub(crate) fn scattered(&mut self, normal: Vector) -> Vector {
        let (x, y) = self.within_circle();
        let (across, along) = normal.across();
        across * x + along * y + normal * (1.0 - x * x - y * y).max(0.0).sqrt()
    }

    /// Within a ball of radius 1 round the origin.
    pub(crate) fn within_ball(&mut self) -> Vector {
        loop {
            let at = v(self.share(), self.share(), self.share()) * 2.0 - v(1.0, 1.0, 1.0);
            if at.dot(at) <= 1.0 {
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn numbers_are_those_of_the_reference() {
        let mut random = Random::new(1_234_567);
        assert_eq!([random.next(), random.next()], [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]);
    }
}
