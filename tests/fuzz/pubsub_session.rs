//! Operations on a session and whatever the service may answer, in any order.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| pubsub::fuzzing::drive_session(data));
