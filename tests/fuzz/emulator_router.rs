//! Methods and paths of anybody at the REST interface of the emulator.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: (&str, &str)| {
    let (method, path) = request;
    if let Ok(method) = method.parse() {
        let _ = emulator::_internal::has_operation(&method, path);
    }
});
