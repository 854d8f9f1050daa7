//! Filters of anybody, over a connection that has everything.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|filter: &str| {
    let groups = ["group1", "it's"];
    let _ = emulator::_internal::filter_matches(
        filter,
        Some("user-ab-de"),
        "c1",
        Some("json.webpubsub.azure.v1"),
        &groups,
    );
});
