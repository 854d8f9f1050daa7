//! Answers of anybody in the place of the management endpoint.

#![no_main]

use libfuzzer_sys::fuzz_target;
use relay::RuntimeInformation;

fuzz_target!(|text: &str| {
    // A `~` stands for much of the same.
    for long in ["", "<a>", "x"] {
        let _ = RuntimeInformation::parse(&text.replace('~', &long.repeat(20_000)));
    }
});
