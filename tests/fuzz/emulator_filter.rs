//! Filters of anybody, over a connection that has everything.

#![no_main]

mod long;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &str)| {
    let (length, times, filter) = input;
    let filter = long::long_text(filter, length, times);
    let groups = ["group1", "it's"];
    let _ = emulator::fuzzing::pubsub::filter_matches(
        &filter,
        Some("user-ab-de"),
        "c1",
        Some("json.webpubsub.azure.v1"),
        &groups,
    );
});
