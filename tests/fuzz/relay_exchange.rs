//! Messages of a relay on a control channel and a rendezvous, in any order.

#![no_main]

use std::time::Instant;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| relay::fuzzing::drive_control_channel(Instant::now(), data));
