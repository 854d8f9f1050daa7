//! The guides of Go and Java, whose tools come from Debian: some hundred megabytes, so not in the usual run.

use std::env;
use std::path::Path;
use std::process::Command;

use super::{Guides, page, read};
use crate::debian;
use crate::process::{self, Failure};

/// Runs both, and returns the first failure.
pub(super) fn run(guides: &Guides) -> Result<(), Failure> {
    let results = [go(guides), java(guides)];
    results.into_iter().collect()
}

fn go(guides: &Guides) -> Result<(), Failure> {
    let is_there = || process::succeeds(Command::new("go").arg("version"));
    if !(is_there() || debian::install("golang-go")? && is_there()) {
        skip("go", "Go 1.19 or later");
        return Ok(());
    }
    let mut test = shell("go")?;
    // The guide needs no module but its own, and is to fail if that changes.
    test.env("GOPROXY", "off")
        .env("GOFLAGS", "-mod=mod")
        .env("GOCACHE", guides.folder.join("go-cache"));
    guides.test("go", test)
}

fn java(guides: &Guides) -> Result<(), Failure> {
    let has_javac = || process::succeeds(Command::new("javac").arg("-version"));
    let has_junit = || JARS.iter().all(|jar| Path::new(FOLDER).join(jar).exists());
    if !(has_javac() || debian::install("default-jdk-headless")? && has_javac()) {
        skip("junit", "a JDK, 17 or later");
        return Ok(());
    }
    let class_path = match env::var_os("JUNIT") {
        Some(path) => path,
        None if has_junit() || debian::install("junit5")? && has_junit() => {
            let jars = JARS.iter().map(|jar| Path::new(FOLDER).join(jar));
            env::join_paths(jars).map_err(|error| Failure::new(error.to_string()))?
        }
        None => {
            skip("junit", "JUNIT to name the class path of JUnit 5");
            return Ok(());
        }
    };
    let mut test = shell("junit")?;
    test.env("JUNIT", class_path);
    guides.test("junit", test)
}

fn skip(guide: &str, what: &str) {
    println!(
        "skipped: docs/testing/{guide}.md needs {what}, and only the administrator of a Debian can have it installed"
    );
}

/// Returns a shell for the commands that a guide shows.
fn shell(guide: &str) -> Result<Command, Failure> {
    let page = read(format!("docs/testing/{guide}.md"))?;
    let commands = page::commands(&page);
    if commands.is_empty() {
        return Err(Failure::new(format!(
            "docs/testing/{guide}.md shows no command"
        )));
    }
    let mut shell = Command::new("sh");
    shell.args(["-e", "-u", "-c", &commands.join("\n")]);
    Ok(shell)
}

/// Where Debian puts what Java programs share.
const FOLDER: &str = "/usr/share/java";
/// Its console launcher leaves out what it is not packaged with.
const JARS: &[&str] = &[
    "apiguardian-api.jar",
    "junit-jupiter-api.jar",
    "junit-jupiter-engine.jar",
    "junit-platform-commons.jar",
    "junit-platform-console.jar",
    "junit-platform-engine.jar",
    "junit-platform-launcher.jar",
    "junit-platform-reporting.jar",
    "opentest4j.jar",
    "picocli.jar",
];
