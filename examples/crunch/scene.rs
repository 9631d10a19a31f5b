//! What is in the picture: a few spheres on a checkered floor, a lamp, and the sky at dusk.

use crate::vector::{Vector, v};

/// A line that begins somewhere.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ray {
    pub(crate) from: Vector,
    /// Of length 1.
    pub(crate) to: Vector,
}

/// What a surface does with light.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Material {
    /// Scatters it, under a coat of varnish.
    Varnished(Vector),
    /// Reflects it, more or less sharply.
    Metal { colour: Vector, blur: f64 },
    /// Breaks it.
    Glass,
    /// Gives it.
    Lamp,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Sphere {
    pub(crate) centre: Vector,
    pub(crate) radius: f64,
    material: Material,
}

/// Where a ray meets a surface.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit {
    pub(crate) at: Vector,
    /// Outwards, of length 1.
    pub(crate) normal: Vector,
    pub(crate) material: Material,
}

const fn sphere(x: f64, y: f64, z: f64, radius: f64, material: Material) -> Sphere {
    Sphere { centre: v(x, y, z), radius, material }
}

const fn varnished(red: f64, green: f64, blue: f64) -> Material {
    Material::Varnished(v(red, green, blue))
}

/// The only light besides the sky: large, so that shadows are soft.
pub(crate) const LAMP: Sphere = sphere(-4.5, 7.0, 4.0, 1.4, Material::Lamp);
/// How brightly it glows.
pub(crate) const GLOW: Vector = v(19.0, 15.5, 11.5);

const SPHERES: [Sphere; 12] = [
    LAMP,
    sphere(0.0, 1.0, 0.0, 1.0, Material::Glass),
    sphere(-2.2, 1.0, -0.7, 1.0, varnished(0.72, 0.06, 0.05)),
    sphere(2.2, 1.0, -0.7, 1.0, Material::Metal { colour: v(0.95, 0.74, 0.36), blur: 0.06 }),
    sphere(-1.15, 0.38, 1.35, 0.38, varnished(0.03, 0.36, 0.38)),
    sphere(-0.42, 0.24, 2.05, 0.24, Material::Metal { colour: v(0.92, 0.93, 0.95), blur: 0.0 }),
    sphere(0.48, 0.29, 1.75, 0.29, varnished(0.85, 0.45, 0.05)),
    sphere(1.3, 0.42, 1.15, 0.42, varnished(0.30, 0.12, 0.48)),
    sphere(2.05, 0.22, 1.7, 0.22, Material::Glass),
    sphere(-2.15, 0.26, 1.75, 0.26, varnished(0.80, 0.80, 0.76)),
    sphere(-4.6, 1.5, -4.5, 1.5, varnished(0.10, 0.22, 0.55)),
    sphere(4.4, 1.3, -4.8, 1.3, varnished(0.12, 0.42, 0.14)),
];

/// Rays begin so far from the surface they leave, or they would meet it again.
const SKIN: f64 = 1e-6;

/// The first surface that the ray meets.
pub(crate) fn meet(ray: &Ray) -> Option<Hit> {
    let spheres = SPHERES.iter().filter_map(|sphere| Some((sphere.distance(ray)?, sphere)));
    let nearest = spheres.min_by(|(a, _), (b, _)| a.total_cmp(b));
    let reach = nearest.map_or(f64::INFINITY, |(distance, _)| distance);
    if let Some(distance) = floor(ray).filter(|distance| *distance < reach) {
        let at = ray.from + ray.to * distance;
        return Some(Hit { at, normal: v(0.0, 1.0, 0.0), material: varnished_floor(at) });
    }
    nearest.map(|(distance, sphere)| {
        let at = ray.from + ray.to * distance;
        Hit { at, normal: (at - sphere.centre) * (1.0 / sphere.radius), material: sphere.material }
    })
}

/// True if the lamp is seen along this ray. Glass lets light through, only more or less straight: caustics are made by
/// rays that find the lamp through it by themselves.
pub(crate) fn sees_lamp(ray: &Ray) -> bool {
    let Some(reach) = LAMP.distance(ray) else { return false };
    !SPHERES[1..].iter().any(|sphere| sphere.distance(ray).is_some_and(|distance| distance < reach))
}

/// What comes from where there is nothing.
pub(crate) fn sky(to: Vector) -> Vector {
    let height = to.y.max(0.0).sqrt();
    let (horizon, zenith) = (v(0.98, 0.62, 0.42), v(0.10, 0.20, 0.46));
    (horizon * (1.0 - height) + zenith * height) * 0.5
}

impl Sphere {
    /// How far away the ray meets it, if it does.
    fn distance(&self, ray: &Ray) -> Option<f64> {
        let away = self.centre - ray.from;
        let nearest = away.dot(ray.to);
        let square = self.radius * self.radius - (away.dot(away) - nearest * nearest);
        if square < 0.0 {
            return None;
        }
        let half = square.sqrt();
        [nearest - half, nearest + half].into_iter().find(|distance| *distance > SKIN)
    }
}

fn floor(ray: &Ray) -> Option<f64> {
    let distance = -ray.from.y / ray.to.y;
    (distance > SKIN && distance < 200.0).then_some(distance)
}

fn varnished_floor(at: Vector) -> Material {
    let square = |x: f64| (x * 1.1).floor() as i64;
    if (square(at.x) + square(at.z)) % 2 == 0 { varnished(0.62, 0.60, 0.56) } else { varnished(0.05, 0.06, 0.08) }
}
