//! The exit codes, which scripts rely on.

use std::process::ExitCode;

/// How the program ends. [`Exit::ALL`] is the table in the help and the README.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    Success,
    Failed,
    Usage,
    SignIn,
    Refused,
    NotFound,
    Unreachable,
    Timeout,
    Service,
    Ended,
    Findings,
    Bind,
}

impl Exit {
    /// All of them, by code.
    pub(crate) const ALL: [Self; 12] = [
        Self::Success,
        Self::Failed,
        Self::Usage,
        Self::SignIn,
        Self::Refused,
        Self::NotFound,
        Self::Unreachable,
        Self::Timeout,
        Self::Service,
        Self::Ended,
        Self::Findings,
        Self::Bind,
    ];

    /// Returns the number that the shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::SignIn => 3,
            Self::Refused => 4,
            Self::NotFound => 5,
            Self::Unreachable => 6,
            Self::Timeout => 7,
            Self::Service => 8,
            Self::Ended => 9,
            Self::Findings => 10,
            Self::Bind => 11,
        }
    }

    /// Returns the name that errors in JSON have.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::SignIn => "signIn",
            Self::Refused => "refused",
            Self::NotFound => "notFound",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Service => "service",
            Self::Ended => "ended",
            Self::Findings => "findings",
            Self::Bind => "bind",
        }
    }

    /// Says when it is used, in one line.
    pub(crate) fn meaning(self) -> &'static str {
        match self {
            Self::Success => "done; also after Ctrl-C, and when the reader of the output goes away",
            Self::Failed => "any other failure, such as a file that cannot be written",
            Self::Usage => "an argument, a variable or a file is wrong; nothing was sent",
            Self::SignIn => "the credential fails to get a token",
            Self::Refused => "the service refuses the token: it is wrong, expired or lacks a right",
            Self::NotFound => {
                "it does not exist, nobody listens, or the answer to a question is no"
            }
            Self::Unreachable => "no connection: name, route, proxy or TLS",
            Self::Timeout => "no answer in time",
            Self::Service => "the service or the other side answers with an error",
            Self::Ended => "the connection ended before the work was done",
            Self::Findings => "`pubsub doctor` found something wrong",
            Self::Bind => "a local address cannot be bound: it is in use, or not of this machine",
        }
    }

    /// Returns the table for the help.
    pub(crate) fn table() -> String {
        let mut text = String::from("Exit codes:\n");
        for exit in Self::ALL {
            text += &format!("  {:>2}  {}\n", exit.code(), exit.meaning());
        }
        text
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_are_different() {
        for (index, exit) in Exit::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(exit.code()), index, "{exit:?}");
            let same = Exit::ALL.iter().filter(|other| other.name() == exit.name());
            assert_eq!(same.count(), 1, "{exit:?}");
        }
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../README.md");
        for exit in Exit::ALL {
            let row = format!(
                "\n| {} | `{}` | {} |\n",
                exit.code(),
                exit.name(),
                exit.meaning()
            );
            assert!(readme.contains(&row), "missing in the README:{row}");
        }
    }
}
