//! The program on Windows: how `exec` finds and ends programs, and who may read what it writes.

#![cfg(all(feature = "cli", feature = "pubsub", feature = "relay", windows))]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program that is run with an emulator.
fn exec(flags: &[&str], program: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_azwire-emulator"));
    command.arg("exec").args(flags).arg("--").args(program);
    command.stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A folder that is removed with its test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("azwire-windows-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn its_exit_code_is_that_of_the_program_with_all_its_bits() {
    // The last is that of a program that Ctrl-C has ended.
    for code in [0, 7, 255, 256, 300, -1, -1_073_741_510] {
        let code_text = code.to_string();
        let output = exec(&[], &["cmd", "/c", "exit", &code_text])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(text(&output.stderr), "");
    }
    let output = exec(&[], &["azwire-no-such-program"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127), "{output:?}");
    assert!(text(&output.stderr).contains("azwire-no-such-program"));
}

#[test]
fn a_script_is_found_as_in_a_console() {
    let folder = Folder::new("script");
    let script = "@echo %~1 by %WEBPUBSUB_ENDPOINT%\r\n@exit /b 3\r\n";
    std::fs::write(folder.0.join("azwire-script.cmd"), script).unwrap();
    // As Node has it: a script of another shell beside it.
    std::fs::write(folder.0.join("azwire-script"), "#!/bin/sh\n").unwrap();
    let path = std::env::var_os("PATH").unwrap();
    let folders = [folder.0.clone()]
        .into_iter()
        .chain(std::env::split_paths(&path));
    let path = std::env::join_paths(folders).unwrap();
    let in_folder = folder.0.join("azwire-script");
    for name in [
        "azwire-script",
        "azwire-script.cmd",
        in_folder.to_str().unwrap(),
    ] {
        let output = exec(&[], &[name, "a b"])
            .env("PATH", &path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(3), "{name}: {output:?}");
        let said = text(&output.stdout);
        assert!(said.starts_with("a b by https://localhost:"), "{said}");
    }
}

#[test]
fn a_folder_beyond_the_profile_is_named() {
    let (folder, profile) = (Folder::new("certificates"), Folder::new("profile"));
    let start = |profile: &Path| -> Output {
        let flags = ["--certificates", folder.0.to_str().unwrap()];
        let mut command = exec(&flags, &["cmd", "/c", "exit", "0"]);
        command.env("USERPROFILE", profile).output().unwrap()
    };
    let said = text(&start(&profile.0).stderr);
    assert!(said.contains("is not in your profile"), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = start(folder.0.parent().unwrap());
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new())
    );
    assert!(folder.0.join("ca.key").exists());
}
