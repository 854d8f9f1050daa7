//! Queries of anybody as a listener is told them: nothing reserved is left.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|query: &str| {
    // A `~` stands for more than a URL has room for.
    let query = &query.replace('~', &"a=b&".repeat(20_000));
    let once = emulator::_internal::relay::target("/p", query);
    let rest = once.strip_prefix("/p").expect("the path is kept");
    if let Some(rest) = rest.strip_prefix('?') {
        assert_eq!(emulator::_internal::relay::target("/p", rest), once);
    }
});
