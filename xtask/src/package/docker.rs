//! An image with the static program and nothing else: what an engine builds it from, and the image itself where
//! there is an engine.
//!
//! The engine is buildah, which needs no service. It runs programs of an image in a changed root, as the image's user.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::platform::{Platform, Programs};
use super::{Input, at, copy, empty, licences};
use crate::conformance::Emulator;
use crate::debian;
use crate::process::{self, Failure};

/// Makes the folder from which an engine builds the image, and the image if there is an engine.
///
/// Without a static program there is nothing to make it of.
pub(super) fn package(input: &Input, output: &Path) -> Result<Vec<PathBuf>, Failure> {
    let is_static = |programs: &&Programs| programs.platform == Platform::LinuxMuslX64;
    let Some(programs) = input.programs.iter().find(is_static) else {
        println!(
            "skipped: an image has the program for {}, and there is none",
            Platform::LinuxMuslX64.triple()
        );
        return Ok(Vec::new());
    };
    let context = output.join("context");
    empty(&context.join("certificates"))?;
    copy(&programs.emulator()?, &context.join("azwire-emulator"))?;
    for (from, to) in licences::all(input, programs.platform)? {
        copy(&from, &context.join(to))?;
    }
    for file in ["LICENSE-APACHE", "LICENSE-MIT"] {
        copy(Path::new(file), &context.join("licences").join(file))?;
    }
    let file = context.join("Dockerfile");
    let text = fs::read_to_string(SOURCE).map_err(|error| at(Path::new(SOURCE), &error))?;
    let text = of_built(&text)
        .ok_or_else(|| Failure::new(format!("{SOURCE} has no stage from scratch")))?;
    fs::write(&file, text).map_err(|error| at(&file, &error))?;
    let mut made = vec![file, context.join("azwire-emulator")];
    match Buildah::find(&input.target)? {
        Some(buildah) => made.push(buildah.image(input, &context, output)?),
        None => println!(
            "the image was not built: there is no buildah here, and only the administrator of a Debian can have it \
             installed; `docker build {}` does it",
            context.display()
        ),
    }
    Ok(made)
}

/// Returns the last stage of our Dockerfile for a folder with what it copies from the others.
fn of_built(dockerfile: &str) -> Option<String> {
    let start = dockerfile.find("FROM scratch\n")?;
    let stage = dockerfile[start..].lines().map(|line| {
        let Some(rest) = line.strip_prefix("COPY --from=build ") else {
            return line.to_owned();
        };
        let (from, to) = rest.rsplit_once(' ').unwrap_or((rest, ""));
        // Only the file name is left of what was built elsewhere.
        let words = from.split(' ').map(|word| match word.strip_prefix('/') {
            Some(path) => path.rsplit('/').next().unwrap_or(path),
            None => word,
        });
        let words: Vec<&str> = words.chain([to]).collect();
        format!("COPY {}", words.join(" "))
    });
    let mut lines = vec![
        "# Made by `cargo xtask package docker`: docker build --tag azwire-emulator .".to_owned(),
    ];
    lines.extend(stage);
    lines.insert(
        2,
        "COPY licences /usr/share/licenses/azwire-emulator/".to_owned(),
    );
    Some(lines.join("\n") + "\n")
}

/// An engine, with images of its own.
#[derive(Debug)]
struct Buildah {
    folder: PathBuf,
}

impl Buildah {
    /// Installs it where it is missing and can be.
    fn find(target: &Path) -> Result<Option<Self>, Failure> {
        let is_there = || process::succeeds(Command::new("buildah").arg("--version"));
        if !(is_there() || debian::install("buildah")? && is_there()) {
            return Ok(None);
        }
        let folder = target.join("buildah");
        Ok(Some(Self { folder }))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("buildah");
        command.arg("--root").arg(self.folder.join("images"));
        command.arg("--runroot").arg(self.folder.join("state"));
        // Neither needs a service, another file system or privileges beyond those to change the root.
        command.args(["--storage-driver", "vfs"]);
        command.env("BUILDAH_ISOLATION", "chroot");
        command
    }

    /// Builds the image, tries it, and writes it to a file that `docker load` reads.
    fn image(&self, input: &Input, context: &Path, output: &Path) -> Result<PathBuf, Failure> {
        let name = format!("azwire-emulator:{}", input.version);
        let mut build = self.command();
        // Of the form that has health checks.
        build.args(["build", "--format", "docker", "--tag", &name]);
        build.args(["--timestamp", &input.date.to_string()]);
        process::run(build.arg(context))?;
        let container = process::capture(self.command().args(["from", &name]))?;
        let container = container.trim();
        let tried = self.check(container, &input.target);
        let removed = process::run(self.command().args(["rm", container]));
        tried.and(removed)?;
        let file = output.join(format!("azwire-emulator-{}-amd64.tar", input.version));
        if file.exists() {
            fs::remove_file(&file).map_err(|error| at(&file, &error))?;
        }
        let place = format!("docker-archive:{}:{name}", file.display());
        process::run(self.command().args(["push", "--quiet", &name, &place]))?;
        Ok(file)
    }

    /// Runs the program as its image says, asks for its health as the image says, and looks for its user.
    fn check(&self, container: &str, target: &Path) -> Result<(), Failure> {
        let inspected = process::capture(self.command().args(["inspect", container]))?;
        let inspected: Value = serde_json::from_str(&inspected).unwrap_or_default();
        let config = &inspected["Docker"]["config"];
        let start = words(&config["Entrypoint"]);
        let health = words(&config["Healthcheck"]["Test"]);
        let (Some(_), [kind, health @ ..]) = (start.first(), &health[..]) else {
            return Err(Failure::new("the image has no program or no health check"));
        };
        if kind != "CMD" {
            return Err(Failure::new(format!(
                "the health check is no program: {kind}"
            )));
        }
        // By which this emulator is found among others.
        let mark = format!("xtask-{}", std::process::id());
        let mut run = self.within(container);
        run.args(&start).args([
            "--free-ports",
            "--host",
            "127.0.0.1",
            "--hybrid-connection",
            &mark,
        ]);
        let emulator = Emulator::start(run, target.join("docker.log"))?;
        let (process, user) = running(&start[0], &mark)
            .ok_or_else(|| Failure::new("the program of the image is not among the processes"))?;
        if user == 0 {
            return Err(Failure::new("the image runs its program as root"));
        }
        let ready: Value = serde_json::from_str(emulator.ready()).unwrap_or_default();
        let control = ready["control"].as_str().unwrap_or_default();
        let port = control
            .rsplit(':')
            .next()
            .and_then(|rest| rest.split('/').next());
        let mut asked = self.within(container);
        asked
            .args(health)
            .args(["--pubsub-port", port.unwrap_or_default()]);
        let answer = process::capture(&mut asked)?;
        println!("the image's emulator, of user {user}: {}", answer.trim());
        emulator.stop_by(process, "TERM")?;
        // And without an emulator it is unhealthy.
        if process::succeeds(
            self.within(container)
                .args(health)
                .args(["--pubsub-port", "1"]),
        ) {
            return Err(Failure::new(
                "the health check succeeds without an emulator",
            ));
        }
        Ok(())
    }

    fn within(&self, container: &str) -> Command {
        let mut command = self.command();
        command.args(["run", container, "--"]);
        command
    }
}

fn words(value: &Value) -> Vec<String> {
    let words = value.as_array().into_iter().flatten();
    words
        .filter_map(|word| Some(word.as_str()?.to_owned()))
        .collect()
}

/// Returns the process that runs a program with an argument, and its user.
fn running(program: &str, argument: &str) -> Option<(u32, u32)> {
    let processes = fs::read_dir("/proc").ok()?.flatten();
    processes.into_iter().find_map(|entry| {
        let line = fs::read(entry.path().join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let mut words = line.split('\0');
        if words.next() != Some(program) || !words.any(|word| word == argument) {
            return None;
        }
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let users = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let user = users.split_whitespace().next()?.parse().ok()?;
        Some((entry.file_name().to_str()?.parse().ok()?, user))
    })
}

const SOURCE: &str = "packaging/docker/Dockerfile";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stage_of_a_built_program_copies_from_its_folder() {
        let text = "FROM rust AS build\nRUN cargo build\n\nFROM scratch\n\
                    COPY --from=build /src/target/dist/azwire-emulator /usr/local/bin/\n\
                    COPY --from=build --chown=1:1 /certificates /certificates\nUSER 1:1\n";
        let expected = "FROM scratch\nCOPY licences /usr/share/licenses/azwire-emulator/\n\
                        COPY azwire-emulator /usr/local/bin/\n\
                        COPY --chown=1:1 certificates /certificates\nUSER 1:1\n";
        let built = of_built(text).unwrap();
        assert_eq!(built.split_once('\n').unwrap().1, expected);
        assert_eq!(of_built("FROM alpine\n"), None);
    }

    #[test]
    fn ours_has_such_a_stage() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(SOURCE);
        let built = of_built(&fs::read_to_string(file).unwrap()).unwrap();
        assert!(!built.contains("--from"), "{built}");
        assert!(
            built.contains("\nCOPY azwire-emulator /usr/local/bin/\n"),
            "{built}"
        );
    }
}
