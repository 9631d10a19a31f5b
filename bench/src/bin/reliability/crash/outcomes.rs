//! What is documented for each fault at each stage, in `docs/lifecycle.md` and `docs/calls.md`.

use crate::fault::{Fault, Stage};

/// The outcome of a cell, in the words of [`cell`](super::cell).
pub(crate) fn documented(stage: Stage, fault: Fault) -> &'static str {
    let (row, column) = (stage as usize, fault as usize);
    MATRIX[row][column]
}

const MATRIX: [[&str; 10]; 14] = [[""; 10]; 14];
