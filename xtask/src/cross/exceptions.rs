//! What cannot run under wine or qemu, each with its reason.

/// A test that is left out.
#[derive(Debug, PartialEq)]
pub(super) struct Exception {
    /// `auth` for the tests of a library, `auth/vectors` for those of a file or a program.
    pub(super) suite: &'static str,
    /// The path of the test in it.
    pub(super) test: &'static str,
    pub(super) reason: &'static str,
}

/// Tests that do not pass under wine.
pub(super) const WINE: &[Exception] = &[
    Exception {
        suite: "cli/credentials",
        test: "entra_signs_in_by_every_way_of_the_environment",
        reason: NO_TLS,
    },
    Exception {
        suite: "cli/credentials",
        test: "our_own_authority_is_trusted_by_an_option",
        reason: NO_TLS,
    },
];

/// Tests that do not pass under qemu.
pub(super) const QEMU: &[Exception] = &[
    Exception {
        suite: "emulator/env",
        test: "an_emulator_that_is_still_starting_is_waited_for",
        reason: "it is waited for two seconds, and under qemu it may start more slowly",
    },
    Exception {
        suite: "emulator/exec",
        test: "a_program_that_does_not_start_is_named",
        reason: "qemu forks where the C library shares its memory, and so loses the error of a start",
    },
];

/// Scripts of `tests/conformance`, by the beginnings of their names, that say nothing about another platform.
pub(super) const SCRIPTS: &[(&str, &str)] = &[
    (
        "relay_matrix",
        "its examples are not built for other platforms",
    ),
    ("browser", "it is about a browser of this machine"),
    (
        "elsewhere",
        "it is about network namespaces of this machine",
    ),
    (
        "pubsub_webhook_compare",
        "it compares a library with one of Node, without the programs",
    ),
];

/// More of them that say nothing about Windows.
pub(super) const WINE_SCRIPTS: &[(&str, &str)] = &[
    ("forward", NO_TLS),
    (
        "relay_python_quickstart",
        "it starts the emulator itself, whose ready line names files as Windows does",
    ),
];

const NO_TLS: &str =
    "azwire's own connections are over TLS there, and wine 8 refuses what the verifier asks of it";
