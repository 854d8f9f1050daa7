//! `azwire emulator`, which is `azwire-emulator` under its own name.

mod support;

use support::azwire;

#[test]
fn help_and_errors_have_its_name() {
    let help = azwire(&["emulator", "--help"]).run();
    assert_eq!(help.code, 0);
    assert!(
        help.stdout.contains("Usage: azwire emulator "),
        "{}",
        help.stdout
    );
    assert!(!help.stdout.contains("azwire-emulator"), "{}", help.stdout);
    let version = azwire(&["emulator", "--version"]).run();
    assert!(
        version.stdout.starts_with("azwire emulator "),
        "{}",
        version.stdout
    );
    let wrong = azwire(&["emulator", "--config", "/nonexistent/file.toml"]).run();
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.starts_with("azwire emulator: "),
        "{}",
        wrong.stderr
    );
    let wrong = azwire(&["emulator", "exec", "--nonsense"]).run();
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.stderr.contains("Usage: azwire emulator exec"),
        "{}",
        wrong.stderr
    );
}

#[test]
fn options_that_azwire_has_as_well_are_the_emulators() {
    let folder = std::env::temp_dir().join(format!("azwire-log-{}", std::process::id()));
    let log = folder.to_string_lossy();
    let shown = azwire(&["emulator", "--log-file", &log, "config"]).run();
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("[pubsub]"), "{}", shown.stdout);
    let _ = std::fs::remove_file(folder);
}

#[cfg(unix)]
#[test]
fn exec_runs_azwire_itself_with_the_emulator_in_its_environment() {
    let program = env!("CARGO_BIN_EXE_azwire");
    let run = azwire(&[
        "emulator", "exec", "--", program, "pubsub", "health", "-o", "json",
    ])
    .run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.json()["healthy"], true);
}
