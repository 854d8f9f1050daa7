//! The program `azwire`: Azure Web PubSub and Azure Relay from a terminal.

mod command_line;
mod completions;
mod duration;
mod exit;
mod failure;
mod format;
mod input;
mod interrupt;
mod line;
mod log;
mod manual;
mod network;
mod output;
mod payload;
mod pubsub;
mod relay;
mod secret;
mod sign_in;
mod variables;

use std::process::ExitCode;

fn main() -> ExitCode {
    command_line::main(std::env::args_os().collect())
}
