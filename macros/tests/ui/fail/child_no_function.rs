//! The attribute goes above a function.

#[kinfolk::child]
struct Worker;

fn main() {}
