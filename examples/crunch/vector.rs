//! Points, directions and colours.

use std::ops::{Add, Mul, Neg, Sub};

/// Three numbers: a point, a direction, or red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Vector {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) z: f64,
}

/// Short, because a scene is full of them.
pub(crate) const fn v(x: f64, y: f64, z: f64) -> Vector {
    Vector { x, y, z }
}

impl Vector {
    pub(crate) fn dot(self, other: Self) -> f64 {
        self.x * other.x + self.y * other.y + self.z * other.z
    }

    pub(crate) fn cross(self, other: Self) -> Self {
        let Self { x, y, z } = self;
        v(y * other.z - z * other.y, z * other.x - x * other.z, x * other.y - y * other.x)
    }

    pub(crate) fn length(self) -> f64 {
        self.dot(self).sqrt()
    }

    pub(crate) fn unit(self) -> Self {
        self * (1.0 / self.length())
    }

    /// Component by component: a colour that falls on another.
    pub(crate) fn tint(self, other: Self) -> Self {
        v(self.x * other.x, self.y * other.y, self.z * other.z)
    }

    pub(crate) fn map(self, f: impl Fn(f64) -> f64) -> Self {
        v(f(self.x), f(self.y), f(self.z))
    }

    pub(crate) fn brightest(self) -> f64 {
        self.x.max(self.y).max(self.z)
    }

    /// The direction in which a mirror of this normal sends it.
    pub(crate) fn reflected(self, normal: Self) -> Self {
        self - normal * (2.0 * self.dot(normal))
    }

    /// Two directions that make a right angle with this one, and with each other.
    pub(crate) fn across(self) -> (Self, Self) {
        let other = if self.x.abs() > 0.9 { v(0.0, 1.0, 0.0) } else { v(1.0, 0.0, 0.0) };
        let first = self.cross(other).unit();
        (first, self.cross(first))
    }
}

impl Add for Vector {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        v(self.x + other.x, self.y + other.y, self.z + other.z)
    }
}

impl Sub for Vector {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        v(self.x - other.x, self.y - other.y, self.z - other.z)
    }
}

impl Neg for Vector {
    type Output = Self;
    fn neg(self) -> Self {
        v(-self.x, -self.y, -self.z)
    }
}

impl Mul<f64> for Vector {
    type Output = Self;
    fn mul(self, by: f64) -> Self {
        v(self.x * by, self.y * by, self.z * by)
    }
}
