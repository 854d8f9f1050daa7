//! `cargo xtask mutants`: small errors put into the code, one at a time, to see whether a test notices.
//!
//! What no test can notice is listed in `tests/mutants.md`, each with its reason.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Failure, capture, not_started};
use crate::workspace::Metadata;

mod areas;
mod mutant;
mod page;
mod tool;
mod verdict;

pub(crate) use areas::Area;

use areas::{Build, EXCLUDED};
use mutant::{Mutant, exactly, sample};
use page::Page;
use verdict::Outcomes;

/// What to try.
#[derive(Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) areas: Vec<&'static Area>,
    /// How many mutants, over all of the areas together; all of them without.
    pub(crate) sample: Option<usize>,
    /// Default: the seed that the page names.
    pub(crate) seed: Option<u64>,
}

impl Options {
    /// Parses the arguments of the command; `None` if they ask for help.
    pub(crate) fn parse(
        mut arguments: impl Iterator<Item = String>,
    ) -> Result<Option<Self>, String> {
        let mut options = Self {
            areas: Vec::new(),
            sample: None,
            seed: None,
        };
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--sample" => {
                    let count = arguments.next().and_then(|count| count.parse().ok());
                    let count = count.filter(|count| *count > 0);
                    options.sample = Some(count.ok_or("`--sample` needs a number, at least 1")?);
                }
                "--seed" => {
                    let seed = arguments.next().and_then(|seed| seed.parse().ok());
                    options.seed = Some(seed.ok_or("`--seed` needs a number")?);
                }
                "help" | "--help" | "-h" => return Ok(None),
                name => {
                    let named = Area::named(name);
                    if named.is_empty() {
                        return Err(format!("`mutants` has no area or option `{name}`"));
                    }
                    if named.iter().any(|area| options.areas.contains(area)) {
                        return Err(format!("area `{name}` is named twice"));
                    }
                    options.areas.extend(named);
                }
            }
        }
        if options.seed.is_some() && options.sample.is_none() {
            return Err("`--seed` chooses a sample; it needs `--sample`".to_owned());
        }
        // In the order of the page, so that the areas of one crate stay together.
        options.areas = Area::ALL
            .iter()
            .filter(|area| options.areas.is_empty() || options.areas.contains(area))
            .collect();
        Ok(Some(options))
    }

    /// The sample that is a step of `ci --full`.
    pub(crate) fn step() -> Self {
        Self {
            areas: Area::ALL.iter().collect(),
            sample: Some(60),
            seed: None,
        }
    }
}

/// Tries the mutants, prints a row for each area, and fails unless the outcome is as the page says.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let text =
        fs::read_to_string(PAGE).map_err(|error| Failure::new(format!("{PAGE}: {error}")))?;
    let page = Page::parse(&text).map_err(|error| Failure::new(format!("{PAGE}: {error}")))?;
    let target = PathBuf::from(Metadata::load()?.target_directory);
    let tool = Tool {
        program: tool::install(&target)?,
        folder: target.join("mutants"),
    };

    let areas = &options.areas;
    let mut all = Vec::new();
    for folder in folders(areas) {
        all.append(&mut tool.list(&of_folder(areas, folder))?);
    }
    let seed = options.seed.unwrap_or(page.seed);
    let chosen = match options.sample {
        Some(count) => sample(all.clone(), count, seed),
        None => all.clone(),
    };
    let is_whole = chosen.len() == all.len();
    println!("{} of {} mutants, seed {seed}", chosen.len(), all.len());

    let mut outcomes = Outcomes::default();
    for folder in folders(areas) {
        let areas = of_folder(areas, folder);
        let those = |mutant: &&Mutant| mutant.area(&areas).is_some();
        let some: Vec<&Mutant> = chosen.iter().filter(those).collect();
        if !some.is_empty() {
            let count = some.len();
            let some = (!is_whole).then_some(&some[..]);
            let tried = tool.test(folder, &areas, some)?;
            if tried.count() != count {
                let text = format!(
                    "{} mutants of {folder} were tried, not {count}",
                    tried.count()
                );
                return Err(Failure::new(text));
            }
            outcomes.add(tried);
        }
    }
    println!("\n{}", outcomes.table(areas));
    for mutant in &outcomes.timed_out {
        println!("a test did not end with {}", mutant.line);
    }
    let problems = outcomes.problems(&page, areas, &all, is_whole);
    for problem in &problems {
        println!("{problem}");
    }
    match problems.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "{count} differences from {PAGE}: write a test, or list the mutant with its reason"
        ))),
    }
}

/// Returns the folders of the crates, each once.
fn folders(areas: &[&Area]) -> Vec<&'static str> {
    let mut folders: Vec<&str> = areas.iter().map(|area| area.folder).collect();
    folders.dedup();
    folders
}

fn of_folder<'a>(areas: &[&'a Area], folder: &str) -> Vec<&'a Area> {
    let areas = areas.iter().copied();
    areas.filter(|area| area.folder == folder).collect()
}

/// The installed cargo-mutants.
struct Tool {
    program: PathBuf,
    /// Where it puts its results, and cargo what it builds: a later run builds the dependencies no more.
    folder: PathBuf,
}

impl Tool {
    /// Lists the mutants of some areas of one crate.
    fn list(&self, areas: &[&Area]) -> Result<Vec<Mutant>, Failure> {
        let mut command = tool::command(&self.program);
        command.args(["mutants", "--list", "--colors", "never"]);
        command.args(selection(areas));
        Mutant::parse_all(&capture(&mut command)?).map_err(Failure::new)
    }

    /// Tries all mutants of some areas of one crate, or some of them.
    fn test(
        &self,
        folder: &str,
        areas: &[&Area],
        some: Option<&[&Mutant]>,
    ) -> Result<Outcomes, Failure> {
        let build = Build::of(folder);
        let output = self.folder.join(folder);
        fs::create_dir_all(&output)
            .map_err(|error| Failure::new(format!("{}: {error}", output.display())))?;
        let mut command = tool::command(&self.program);
        command.env("CARGO_TARGET_DIR", self.folder.join("build"));
        // A mutant changes one crate; without debug information it links in half of the time.
        command.env("CARGO_INCREMENTAL", "1");
        command.env("CARGO_PROFILE_DEV_DEBUG", "0");
        command.args(["mutants", "--colors", "never", "--jobs", "1"]);
        command.args(["--package", build.package, "--features", build.features]);
        command.arg("--no-default-features");
        command.arg("--output").arg(&output);
        command.args(selection(areas));
        for mutant in some.into_iter().flatten() {
            command.arg("--re").arg(exactly(&mutant.line));
        }
        command.arg("--").args(build.targets);

        println!(
            "trying mutants of {}; a log for each is below {}",
            build.package,
            output.display()
        );
        let status = command
            .status()
            .map_err(|error| not_started(&command, &error))?;
        // 2: some survived; 3: some timed out.
        if !matches!(status.code(), Some(0 | 2 | 3)) {
            return Err(Failure::new(format!("cargo-mutants failed: {status}")));
        }
        let output = output.join("mutants.out");
        Ok(Outcomes {
            caught: read(&output.join("caught.txt"))?,
            survived: read(&output.join("missed.txt"))?,
            timed_out: read(&output.join("timeout.txt"))?,
            unviable: read(&output.join("unviable.txt"))?,
        })
    }
}

fn selection(areas: &[&Area]) -> Vec<&'static str> {
    let files = areas.iter().flat_map(|area| area.files);
    let files = files.flat_map(|file| ["--file", *file]);
    let excluded = EXCLUDED.iter().flat_map(|file| ["--exclude", *file]);
    files.chain(excluded).collect()
}

fn read(file: &Path) -> Result<Vec<Mutant>, Failure> {
    let of = |error: String| Failure::new(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| of(error.to_string()))?;
    Mutant::parse_all(&text).map_err(of)
}

const PAGE: &str = "tests/mutants.md";
