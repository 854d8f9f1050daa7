//! Methods and paths of anybody at the REST interface of the emulator.

#![no_main]

mod long;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: (u8, u16, &str, &str)| {
    let (length, times, method, path) = request;
    let path = long::long_text(path, length, times);
    if let Ok(method) = method.parse() {
        let _ = emulator::fuzzing::pubsub::has_operation(&method, &path);
    }
});
