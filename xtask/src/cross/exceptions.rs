//! What cannot run under wine or qemu, each with its reason.

/// A test that is left out, or a suite of them.
#[derive(Debug, PartialEq)]
pub(super) struct Exception {
    /// `auth` for the tests of a library, `auth/vectors` for those of a file or a program.
    pub(super) suite: &'static str,
    /// The path of the test in it; `None` for all of them.
    pub(super) test: Option<&'static str>,
    pub(super) reason: &'static str,
}

/// Tests that do not pass under wine.
pub(super) const WINE: &[Exception] = &[];

/// Tests that do not pass under qemu.
pub(super) const QEMU: &[Exception] = &[];

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
