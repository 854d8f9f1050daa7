//! Webhooks: recorded exchanges, and the emulator as the service that calls.

mod emulator;
mod vectors;
