//! Light, followed backwards: from the eye through a pixel, from surface to surface, to where it comes from.

use crate::protocol::{Shot, Tile};
use crate::random::Random;
use crate::scene::{GLOW, Hit, LAMP, Material, Ray, meet, sees_lamp, sky};
use crate::vector::{Vector, v};

/// Surfaces a ray may meet.
const BOUNCES: u32 = 10;
/// The most that one ray may add to a pixel, or one that finds the lamp by chance is seen as a speck.
const BRIGHTEST: f64 = 10.0;
const BLACK: Vector = v(0.0, 0.0, 0.0);

/// The eye.
#[derive(Debug)]
pub(crate) struct Camera {
    shot: Shot,
    at: Vector,
    ahead: Vector,
    right: Vector,
    up: Vector,
}

impl Camera {
    pub(crate) fn new(shot: Shot) -> Self {
        let (at, target) = (v(0.4, 1.75, 7.6), v(0.0, 0.82, 0.0));
        let ahead = (target - at).unit();
        let right = ahead.cross(v(0.0, 1.0, 0.0)).unit();
        Self { shot, at, ahead, right, up: right.cross(ahead) }
    }

    /// What random numbers a tile is made of: its place says it, so a tile is the same whoever renders it.
    pub(crate) fn random(tile: Tile) -> Random {
        Random::new(Random::new(u64::from(tile.left) << 32 | u64::from(tile.top)).next())
    }

    /// A row of a tile.
    pub(crate) fn row(&self, tile: Tile, row: u32, random: &mut Random, rgb: &mut Vec<u8>) {
        for column in 0..tile.width {
            let mut sum = BLACK;
            for _ in 0..self.shot.samples {
                let x = f64::from(tile.left + column) + random.share();
                let y = f64::from(tile.top + row) + random.share();
                let light = trace(self.ray(x, y, random), random);
                sum = sum + light * (BRIGHTEST / light.brightest().max(BRIGHTEST));
            }
            let Vector { x, y, z } = developed(sum * (1.0 / f64::from(self.shot.samples)));
            rgb.extend([x, y, z].map(|part| (part * 255.0 + 0.5) as u8));
        }
    }

    /// Through a lens, so that what is near and what is far is a little out of focus.
    fn ray(&self, x: f64, y: f64, random: &mut Random) -> Ray {
        const LENS: f64 = 0.035;
        const FOCUS: f64 = 7.0;
        let (width, height) = (f64::from(self.shot.width), f64::from(self.shot.height));
        let side = 0.36 * (2.0 * x - width) / height;
        let rise = 0.36 * (height - 2.0 * y) / height;
        let target = self.at + (self.ahead + self.right * side + self.up * rise) * FOCUS;
        let (across, along) = random.within_circle();
        let from = self.at + (self.right * across + self.up * along) * LENS;
        Ray { from, to: (target - from).unit() }
    }
}

/// What comes to the eye along a ray.
fn trace(mut ray: Ray, random: &mut Random) -> Vector {
    let (mut light, mut share) = (BLACK, v(1.0, 1.0, 1.0));
    // A matte surface asks for the lamp's light itself: a ray that leaves it must not bring it a second time.
    let mut counts_lamp = true;
    for _ in 0..BOUNCES {
        let Some(hit) = meet(&ray) else { return light + share.tint(sky(ray.to)) };
        ray = match hit.material {
            Material::Lamp if counts_lamp => return light + share.tint(GLOW),
            Material::Lamp => return light,
            Material::Glass => broken(&ray, &hit, &mut share, random),
            Material::Metal { colour, blur } => {
                share = share.tint(colour);
                let to = (ray.to.reflected(hit.normal) + random.within_ball() * blur).unit();
                leaving(&hit, to)
            }
            Material::Varnished(_) if is_reflected(&ray, &hit, &mut share, random) => {
                leaving(&hit, ray.to.reflected(hit.normal))
            }
            Material::Varnished(colour) => {
                share = share.tint(colour);
                light = light + share.tint(lamplight(&hit, random));
                counts_lamp = false;
                ray = leaving(&hit, random.scattered(hit.normal));
                continue;
            }
        };
        counts_lamp = true;
    }
    light
}

/// From just above the surface.
fn leaving(hit: &Hit, to: Vector) -> Ray {
    Ray { from: hit.at + hit.normal * (1e-4 * to.dot(hit.normal).signum()), to }
}

/// How much a smooth surface reflects: Schlick's approximation (1994).
fn reflectance(cosine: f64, straight_on: f64) -> f64 {
    let rest = 1.0 - cosine.clamp(0.0, 1.0);
    let square = rest * rest;
    straight_on + (1.0 - straight_on) * square * square * rest
}

/// Whether this ray stands for what a surface reflects, or for the rest. Little light is reflected, and mostly that of
/// the lamp: more rays than their share follow it, and each brings less, or highlights would be made of specks.
fn is_reflected(ray: &Ray, hit: &Hit, share: &mut Vector, random: &mut Random) -> bool {
    choose(reflectance(-ray.to.dot(hit.normal), 0.04), 0.25, share, random)
}

/// Whether a ray goes with this part of the light: at least so many do, and bring their part all the same.
fn choose(part: f64, least: f64, share: &mut Vector, random: &mut Random) -> bool {
    let rays = part.max(least);
    let chosen = random.share() < rays;
    *share = *share * if chosen { part / rays } else { (1.0 - part) / (1.0 - rays).max(1e-9) };
    chosen
}

/// Through the surface, or back from it.
fn broken(ray: &Ray, hit: &Hit, share: &mut Vector, random: &mut Random) -> Ray {
    const INDEX: f64 = 1.5;
    let inwards = ray.to.dot(hit.normal) < 0.0;
    let (normal, ratio) = if inwards { (hit.normal, 1.0 / INDEX) } else { (-hit.normal, INDEX) };
    let cosine = -ray.to.dot(normal);
    let square = 1.0 - ratio * ratio * (1.0 - cosine * cosine);
    // Seen from inside it is the angle outside that counts.
    let outside = if inwards { cosine } else { square.max(0.0).sqrt() };
    if square < 0.0 || choose(reflectance(outside, 0.04), 0.1, share, random) {
        return leaving(hit, ray.to.reflected(normal));
    }
    leaving(hit, (ray.to * ratio + normal * (ratio * cosine - square.sqrt())).unit())
}

/// What the lamp gives to a matte surface: along a ray to somewhere within its outline as it is seen from there.
fn lamplight(hit: &Hit, random: &mut Random) -> Vector {
    let towards = LAMP.centre - hit.at;
    let sine_square = LAMP.radius * LAMP.radius / towards.dot(towards);
    let widest = (1.0 - sine_square).max(0.0).sqrt();
    let cosine = 1.0 - random.share() * (1.0 - widest);
    let sine = (1.0 - cosine * cosine).max(0.0).sqrt();
    let (axis, (x, y)) = (towards.unit(), random.on_circle());
    let (across, along) = axis.across();
    let to = axis * cosine + (across * x + along * y) * sine;
    let falls = to.dot(hit.normal);
    if falls <= 0.0 || !sees_lamp(&leaving(hit, to)) {
        return BLACK;
    }
    // The part of the half sphere above the surface that the lamp takes up, over that of all scattered light.
    GLOW * (falls * 2.0 * (1.0 - widest))
}

/// Light as a screen shows it: bright parts are pressed together as film does it (Narkowicz, 2015), and a square root
/// stands for the screen's curve.
fn developed(light: Vector) -> Vector {
    light.map(|x| ((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)).clamp(0.0, 1.0).sqrt())
}
