//! Paths and tokens of anybody at the management interface of the emulator.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &str)| {
    let (path, token) = input;
    let _ = emulator::_internal::relay::describe(path, token);
});
