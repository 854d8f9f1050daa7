//! Queries of anybody as a listener is told them: nothing reserved is left.

#![no_main]

mod long;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &str)| {
    let (length, times, query) = input;
    let query = long::long_text(query, length, times);
    let once = emulator::fuzzing::relay::target("/p", &query);
    let rest = once.strip_prefix("/p").expect("the path is kept");
    if let Some(rest) = rest.strip_prefix('?') {
        assert_eq!(emulator::fuzzing::relay::target("/p", rest), once);
    }
});
