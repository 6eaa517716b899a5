//! What a model checker went through, for the reader of a test's output.

use std::time::Instant;

use stateright::{Checker, Model};

/// Prints the states explored since `begun`.
pub fn report<M: Model>(checker: &impl Checker<M>, begun: Instant) {
    eprintln!(
        "{} states, {} of them different, {} steps deep, in {:.1?}",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed()
    );
}
