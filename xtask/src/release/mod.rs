//! `cargo xtask release`: the version, the changelog, the packages, the tag.
//!
//! A release is first rehearsed in a clone below the target folder: there the
//! files are changed, and the packages are created, built and tested from their
//! contents. Only with `--execute` are the same changes then made here,
//! committed and tagged. Nothing is published: the command for that is printed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::ci::{self, Step};
use crate::process::{self, Failure, capture};
use crate::workspace::{Metadata, Package};

pub(crate) mod changelog;
mod manifest;
mod rehearsal;
mod requirement;
mod version;

pub(crate) use version::Level;
use version::Version;

/// The options of a release.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) level: Level,
    /// Whether to change, commit and tag; otherwise it is only a rehearsal.
    pub(crate) executes: bool,
    /// Whether to run the usual steps of `ci` first, and to make what others install; always with
    /// `--execute`.
    pub(crate) checks: bool,
    /// The programs in what others install, if they are built already. Then it is made without
    /// checks, too.
    pub(crate) programs: Option<PathBuf>,
}

pub(crate) fn run(plan: Plan) -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let packages = publish_order(&metadata)?;
    let names: Vec<&str> = packages.iter().map(|package| &*package.name).collect();
    let old = Version::parse(&packages[0].version)?;
    let new = old.next(plan.level);
    let tag = format!("v{new}");
    println!("{old} -> {new}: {}", names.join(", "));

    refuse_dirty(&git(&["status", "--porcelain"])?)?;
    if !git(&["tag", "--list", &tag])?.is_empty() {
        return Err(Failure::new(format!("the tag {tag} already exists")));
    }
    let text = read(Path::new(CHANGELOG))?;
    if let Some((line, problem)) = changelog::problems(&text, &names).first() {
        return Err(Failure::new(format!("{CHANGELOG}:{line}: {problem}")));
    }
    let last = git(&[
        "tag",
        "--list",
        "v*",
        "--merged",
        "HEAD",
        "--sort=-v:refname",
    ])?;
    let last = last.lines().next();
    let mut changed = Vec::new();
    for package in &packages {
        if changed_since(last, package)? {
            changed.push(package.name.as_str());
        }
    }
    println!(
        "changed since {}: {}",
        last.unwrap_or("the beginning"),
        changed.join(", ")
    );
    let missing = changelog::missing(&text, &changed);
    if !missing.is_empty() {
        return Err(Failure::new(format!(
            "{CHANGELOG} has no unreleased entry for {}",
            missing.join(", ")
        )));
    }
    if plan.checks || plan.executes {
        let usual: Vec<Step> = Step::ALL
            .into_iter()
            .filter(|step| step.is_usual())
            .collect();
        ci::run(&usual)?;
    } else {
        println!("skipped the checks");
    }

    let files = edited(&metadata, &names, old, new)?;
    let clone = rehearsal::rehearse(&metadata, &names, &new.to_string(), &files)?;
    if plan.checks || plan.executes || plan.programs.is_some() {
        rehearsal::package(&metadata, &clone, plan.programs.as_deref())?;
    }
    if !plan.executes {
        println!(
            "\nThis was a rehearsal; nothing was changed. `--execute` would write {}, commit and tag {tag}.",
            files
                .keys()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
                .join(", ")
        );
        return Ok(());
    }
    for (path, text) in &files {
        write(path, text)?;
    }
    process::run(
        Command::new("git")
            .args(["commit", "--all", "--message"])
            .arg(format!("release: cut {tag}")),
    )?;
    process::run(Command::new("git").args(["tag", "--annotate", &tag, "--message", &tag]))?;
    let list: Vec<String> = names.iter().map(|name| format!("-p {name}")).collect();
    println!(
        "\nTagged {tag}. Then, in one batch: cargo publish --locked {}; and push the commit with its tag.",
        list.join(" ")
    );
    Ok(())
}

/// Returns the published packages, each after its dependencies.
fn publish_order(metadata: &Metadata) -> Result<Vec<&Package>, Failure> {
    let (mut waiting, _) = metadata.published_and_not();
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let uses_one_that_waits = |package: &&Package| {
            metadata
                .resolve
                .nodes
                .iter()
                .filter(|node| node.id == package.id)
                .flat_map(|node| &node.deps)
                .any(|used| waiting.iter().any(|other| other.id == used.pkg))
        };
        let (later, ready): (Vec<_>, Vec<_>) = waiting
            .iter()
            .partition(|package| uses_one_that_waits(package));
        if ready.is_empty() {
            return Err(Failure::new(
                "the published packages depend on each other in a cycle",
            ));
        }
        order.extend(ready);
        waiting = later;
    }
    if order.is_empty() {
        return Err(Failure::new("no package is published"));
    }
    Ok(order)
}

/// Whether anything in the package differs from the tag.
fn changed_since(tag: Option<&str>, package: &Package) -> Result<bool, Failure> {
    let Some(tag) = tag else {
        return Ok(true);
    };
    let folder = package.folder();
    let range = format!("{tag}..HEAD");
    let files = ["Cargo.toml", "spec", "src"].map(|part| format!("{folder}/{part}"));
    let mut arguments = vec!["diff", "--name-only", &range, "--"];
    arguments.extend(files.iter().map(String::as_str));
    Ok(!git(&arguments)?.is_empty())
}

fn refuse_dirty(status: &str) -> Result<(), Failure> {
    if status.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the work tree has uncommitted changes:\n{status}"
    )))
}

/// Returns each file that a release changes, with its new text.
fn edited(
    metadata: &Metadata,
    published: &[&str],
    old: Version,
    new: Version,
) -> Result<BTreeMap<PathBuf, String>, Failure> {
    let mut files = BTreeMap::new();
    let documents = git(&["ls-files", "--", "*.md"])?;
    for document in documents.lines().filter(|path| *path != CHANGELOG) {
        let text = read(Path::new(document))?;
        let released = requirement::released(&text, published, new);
        if released != text {
            files.insert(PathBuf::from(document), released);
        }
    }
    let (old, new) = (old.to_string(), new.to_string());
    let members: Vec<&str> = metadata
        .members()
        .iter()
        .map(|package| &*package.name)
        .collect();
    for lock in LOCKS {
        let text = manifest::bump_lock(&read(Path::new(lock))?, &members, &old, &new);
        files.insert(PathBuf::from(lock), text);
    }
    let text = manifest::bump_manifest(&read(Path::new(MANIFEST))?, &old, &new)?;
    files.insert(PathBuf::from(MANIFEST), text);
    let text = changelog::cut(&read(Path::new(CHANGELOG))?, &new, &today())?;
    files.insert(PathBuf::from(CHANGELOG), text);
    Ok(files)
}

fn git(arguments: &[&str]) -> Result<String, Failure> {
    capture(Command::new("git").args(arguments))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|error| Failure::new(format!("{}: {error}", path.display())))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the changelog needs the release date"
)]
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    changelog::date(since.map_or(0, |since| since.as_secs()))
}

const CHANGELOG: &str = "CHANGELOG.md";
const MANIFEST: &str = "Cargo.toml";
/// The second is that of the fuzz targets, which are a separate workspace.
const LOCKS: [&str; 2] = ["Cargo.lock", "tests/fuzz/Cargo.lock"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_published_after_what_they_use() {
        let package = |id: &str, published: bool| {
            let publish = if published { "null" } else { "[]" };
            format!(r#"{{"id":"{id}","name":"{id}","version":"0.1.0","publish":{publish}}}"#)
        };
        let node = |id: &str, uses: &[&str]| {
            let uses: Vec<String> = uses
                .iter()
                .map(|used| format!(r#"{{"pkg":"{used}","dep_kinds":[{{"kind":null}}]}}"#))
                .collect();
            format!(r#"{{"id":"{id}","deps":[{}]}}"#, uses.join(","))
        };
        let load = |nodes: &[String]| {
            let packages = [
                package("app", true),
                package("base", true),
                package("tool", false),
                package("middle", true),
            ];
            Metadata::parse(&format!(
                r#"{{"packages":[{}],"workspace_members":["app","base","tool","middle"],"resolve":{{"nodes":[{}]}},"target_directory":"target"}}"#,
                packages.join(","),
                nodes.join(",")
            ))
            .unwrap()
        };
        let metadata = load(&[
            node("app", &["middle", "base"]),
            node("middle", &["base"]),
            node("base", &[]),
            node("tool", &["app"]),
        ]);
        let order = publish_order(&metadata).unwrap();
        let names: Vec<&str> = order.iter().map(|package| &*package.name).collect();
        assert_eq!(names, ["base", "middle", "app"]);

        let circle = load(&[node("app", &["middle"]), node("middle", &["app"])]);
        assert!(publish_order(&circle).is_err());
    }

    #[test]
    fn a_dirty_tree_is_refused() {
        assert_eq!(refuse_dirty(""), Ok(()));
        let failure = refuse_dirty(" M README.md\n").unwrap_err();
        assert!(failure.to_string().contains("README.md"), "{failure}");
    }
}
