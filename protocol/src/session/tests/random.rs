//! Operations and frames that nobody thought of.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::proptest;

use super::joined::{drive, drive_against_hostile};

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn two_honest_sides_never_disagree_and_nothing_stays_blocked(bytes in vec(any::<u8>(), 0..900)) {
        drive(&bytes);
    }

    #[test]
    fn whatever_a_peer_sends_is_taken_or_breaks_the_protocol(bytes in vec(any::<u8>(), 0..900)) {
        drive_against_hostile(&bytes);
    }
}
