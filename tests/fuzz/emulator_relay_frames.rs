//! Frames of anybody on a joined WebSocket of the emulator, in pieces of any size.

#![no_main]

mod long;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, u16, &[u8])| {
    let (length, times, step, bytes) = input;
    let bytes = long::long(bytes, length, times);
    let whole = emulator::fuzzing::relay::frames(&bytes, usize::MAX);
    assert_eq!(emulator::fuzzing::relay::frames(&bytes, usize::from(step)), whole);
});
