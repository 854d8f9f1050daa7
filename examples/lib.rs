//! Examples for azwire; see `README.md` beside this file for the list and the commands.

/// Compiles what the guide shows, and runs its whole programs.
#[cfg(all(doctest, feature = "emulator"))]
#[doc = include_str!("from-python.md")]
struct FromPython;

/// The same for the first page of the repository.
#[cfg(all(doctest, feature = "emulator"))]
#[doc = include_str!("../README.md")]
struct Readme;

/// Runs the tests of the guide to testing.
#[cfg(all(doctest, feature = "emulator"))]
#[doc = include_str!("../docs/testing/rust.md")]
struct Testing;

/// The same for the page of a crate, under the names that it has for others.
#[cfg(all(doctest, feature = "emulator"))]
#[doc = include_str!("../crates/emulator/README.md")]
struct EmulatorReadme;
