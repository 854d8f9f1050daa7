//! Arbitrary operations on a session: it must not panic, hang or grow.

use crate::session::fuzzing::drive_session;

/// A seeded stand-in for the fuzz target `pubsub_session`, for machines without a fuzzer.
#[test]
fn arbitrary_operations_do_no_harm() {
    let mut state = 1_u64;
    for length in 0..600 {
        let bytes: Vec<u8> = (0..length % 300)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as u8
            })
            .collect();
        drive_session(&bytes);
    }
}
