//! What differs on Windows: a console instead of signals, and how programs are found.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::ExitStatus;

use tokio::process::Child;
use tokio::signal::windows;

/// What a console sends to all of its processes, which does not end this one as long as the value is kept: the program
/// decides what it means.
pub(super) struct Signals {
    _interrupt: Option<windows::CtrlC>,
    _break: Option<windows::CtrlBreak>,
    _close: Option<windows::CtrlClose>,
    _logoff: Option<windows::CtrlLogoff>,
    _shutdown: Option<windows::CtrlShutdown>,
}

impl Signals {
    /// Registers for it.
    pub(super) fn register() -> Self {
        // One that cannot be registered still ends the process.
        Self {
            _interrupt: windows::ctrl_c().ok(),
            _break: windows::ctrl_break().ok(),
            _close: windows::ctrl_close().ok(),
            _logoff: windows::ctrl_logoff().ok(),
            _shutdown: windows::ctrl_shutdown().ok(),
        }
    }

    /// Waits for the end of the program.
    pub(super) async fn wait(self, mut child: Child) -> io::Result<ExitStatus> {
        child.wait().await
    }
}

/// Returns where a program is, as a console finds it: `npm` is `npm.cmd`. Without it the system looks
/// for `npm.exe` alone.
pub(super) fn found(program: &OsStr) -> OsString {
    which::which(program).map_or_else(|_| program.to_owned(), Into::into)
}
