//! Paths and tokens of anybody at the management interface of the emulator.

#![no_main]

mod long;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &str, &str)| {
    let (length, times, path, token) = input;
    let path = long::long_text(path, length, times);
    let token = long::long_text(token, length, times);
    let _ = emulator::fuzzing::relay::describe(&path, &token);
});
