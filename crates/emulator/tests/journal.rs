//! `--journal`: what happens as lines of JSON in a file.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", unix))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("azwire-journal-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn emulator(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.arg("--free-ports").args(flags).stdin(Stdio::null());
    command
}

#[test]
fn wrong_settings_are_named() {
    let folder = Folder::new("wrong");
    let missing = folder.path("missing/journal");
    for (flags, named) in [
        (&["--journal", &*missing][..], "cannot open the journal"),
        (
            &["--journal", "/dev/null", "--journal-bytes", "0"],
            "--journal-bytes 0",
        ),
        (
            &["--journal-bytes", "7"],
            "journal-bytes is 7: it is 0, or at least 65536",
        ),
        (&["--journal-bytes", "many"], "--journal-bytes"),
    ] {
        let output = emulator(flags).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {told}");
        assert!(told.contains(named), "{flags:?}: {told}");
    }
}
