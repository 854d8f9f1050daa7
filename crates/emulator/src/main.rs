//! The binary `azwire-emulator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    azwire_emulator::cli::main_with(std::env::args_os())
}
