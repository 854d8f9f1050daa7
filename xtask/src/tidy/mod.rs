//! `cargo xtask tidy`: the rules of this repository as code.
//!
//! Each rule is a pure function from the files and the metadata to a list of
//! problems, and has a test with good and with bad input. Only this file and
//! `features.rs` do I/O.

use crate::process::Failure;
use crate::release::changelog;
use crate::workspace::Metadata;

mod circles;
mod compiler;
mod crates;
mod features;
mod files;
mod length;
mod links;
mod phrases;
mod readme;
mod registry;
mod source;
mod twins;

use crates::Graph;
use source::Source;

/// Checks every rule and prints a line for each.
pub(crate) fn run() -> Result<(), Failure> {
    let metadata = Metadata::load()?;
    let sources = Source::all()?;
    let graph = Graph::from(&metadata);
    let checks = [
        (
            "crates depend only on what is below them",
            crates::arrows(&graph),
        ),
        (
            "crates keep out what they promise to",
            crates::forbidden(&graph),
        ),
        (
            "features leave out what they promise to",
            features::problems(&metadata)?,
        ),
        (
            "dependencies need no newer compiler than ours",
            compiler::problems(&metadata),
        ),
        (
            "packages are ready for their registry",
            registry::problems(&metadata),
        ),
        (
            "modules form no cycle",
            circles::problems(&sources, CIRCLES),
        ),
        (
            "READMEs name the versions of the manifest",
            readme::problems(&sources, &readme::Versions::from(&metadata)),
        ),
        ("long files have a reason", length::problems(&sources, LONG)),
        ("texts read as English", phrases::problems(&sources)),
        ("links have a target", links::problems(&sources)),
        (
            "the changelog has its format",
            changelog_problems(&metadata, &sources),
        ),
        (
            "nothing is marked as unfinished",
            files::unfinished(&sources),
        ),
        (
            "no path is specific to one machine",
            files::machine_paths(&sources),
        ),
        (
            "ignored tests have a reason",
            files::ignored_tests(&sources),
        ),
        ("generated files say so", files::generated(&sources)),
        (
            "files that exist twice are identical",
            twins::problems(&sources),
        ),
    ];
    let mut failed = 0;
    for (name, problems) in &checks {
        println!(
            "{} {name}",
            if problems.is_empty() {
                "ok    "
            } else {
                "FAILED"
            }
        );
        for problem in problems {
            println!("       {problem}");
        }
        failed += usize::from(!problems.is_empty());
    }
    println!("tidy: {} passed, {failed} failed", checks.len() - failed);
    if failed == 0 {
        Ok(())
    } else {
        Err(Failure::new("the repository breaks its own rules"))
    }
}

/// Returns what `cargo xtask release` could not parse.
fn changelog_problems(metadata: &Metadata, sources: &[Source]) -> Vec<String> {
    let (published, _) = metadata.published_and_not();
    let packages: Vec<&str> = published.iter().map(|package| &*package.name).collect();
    let Some(source) = sources.iter().find(|source| source.path == "CHANGELOG.md") else {
        return vec!["CHANGELOG.md is missing".to_owned()];
    };
    changelog::problems(&source.text, &packages)
        .into_iter()
        .map(|(line, problem)| source.problem(line, problem))
        .collect()
}

/// The files that may be long, with the reasons.
const LONG: &[length::Exception] = &[
    length::Exception {
        path: "crates/pubsub/src/client/builder.rs",
        reason: "one builder, with a method for each option of a session",
    },
    length::Exception {
        path: "crates/pubsub/src/client/mod.rs",
        reason: "the public methods of one client, two lines in three of them documentation",
    },
    length::Exception {
        path: "crates/pubsub/src/session/lifecycle/mod.rs",
        reason: "one state machine, whose link, pacing, states and steps stand beside it",
    },
    length::Exception {
        path: "examples/auth_crosscheck.rs",
        reason: "mints and verifies every form of token, for a script in Python to compare",
    },
    length::Exception {
        path: "examples/pubsub_receiver.rs",
        reason: "one line of JSON for each kind of event, which is what it shows",
    },
    length::Exception {
        path: "examples/pubsub_session_by_hand.rs",
        reason: "the driver's whole loop by hand, through the loss of a connection",
    },
    length::Exception {
        path: "examples/pubsub_webhook_handler.rs",
        reason: "a server, its handler and two clients, and its own test",
    },
    length::Exception {
        path: "examples/quickstart.rs",
        reason: "the main job of both services in one run, each step checked",
    },
    length::Exception {
        path: "examples/relay_control_by_hand.rs",
        reason: "the driver's whole loop by hand: each action of the state machine",
    },
    length::Exception {
        path: "examples/relay_listener_echo.rs",
        reason: "both halves of a listener, WebSockets and HTTP, and its states",
    },
    length::Exception {
        path: "examples/relay_sender.rs",
        reason: "both ways to send, and the command line that chooses between them",
    },
];

/// The cycles that are there for a reason.
const CIRCLES: &[circles::Exception] = &[];
