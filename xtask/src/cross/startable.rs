//! Programs of another platform that this machine can start by their paths, while tests do.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::process::Failure;
use crate::runner::Runner;

/// Scripts in the places of programs; the programs are back in theirs at the end.
///
/// Cargo restores them, too, when it builds after a run that was killed.
#[derive(Debug)]
pub(super) struct Startable {
    moved: Vec<Moved>,
}

#[derive(Debug)]
struct Moved {
    from: PathBuf,
    to: PathBuf,
}

impl Startable {
    /// Moves programs into a folder beside them, and writes scripts that run them there.
    pub(super) fn of<'a>(
        programs: impl IntoIterator<Item = &'a PathBuf>,
        runner: &Runner,
    ) -> Result<Self, Failure> {
        let mut startable = Self { moved: Vec::new() };
        for program in programs {
            let failed = |error| Failure::new(format!("{}: {error}", program.display()));
            // They keep their names, which they print in their help.
            let to = beside(program).map_err(failed)?;
            fs::rename(program, &to).map_err(failed)?;
            startable.moved.push(Moved {
                from: program.clone(),
                to: to.clone(),
            });
            runner.script(&to, program)?;
        }
        Ok(startable)
    }
}

impl Drop for Startable {
    fn drop(&mut self) {
        for moved in &self.moved {
            if let Err(error) = fs::rename(&moved.to, &moved.from) {
                println!("{}: {error}", moved.from.display());
            }
        }
    }
}

fn beside(program: &Path) -> io::Result<PathBuf> {
    let folder = program.with_file_name("moved");
    fs::create_dir_all(&folder)?;
    Ok(folder.join(program.file_name().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::process;

    #[test]
    fn a_script_runs_a_program_until_it_is_back() {
        let folder = std::env::temp_dir().join(format!("xtask-startable-{}", std::process::id()));
        let program = folder.join("program");
        Runner::Native
            .script(Path::new("printf"), &program)
            .unwrap();
        let before = fs::read(&program).unwrap();
        let startable = Startable::of([&program], &Runner::Native).unwrap();
        assert_ne!(fs::read(&program).unwrap(), before);
        let printed = process::capture(Command::new(&program).arg("as before"));
        assert_eq!(printed.as_deref(), Ok("as before"));
        drop(startable);
        assert_eq!(fs::read(&program).unwrap(), before);
        fs::remove_dir_all(&folder).unwrap();
    }
}
