//! Real programs, started for real.
#![forbid(unsafe_code)]

mod smoke;
