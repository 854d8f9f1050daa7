//! `cargo xtask tidy`: the rules of this repository as code.
//!
//! Each rule is a pure function from what was read to a list of problems, and
//! has a test on good and on bad input. Only this file and `features.rs` read
//! anything.

use crate::process::Failure;
use crate::release::changelog;
use crate::workspace::Metadata;

mod circles;
mod crates;
mod features;
mod files;
mod length;
mod links;
mod phrases;
mod readme;
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
        ("crates use only what is below them", crates::arrows(&graph)),
        (
            "crates keep out what they promise to",
            crates::forbidden(&graph),
        ),
        (
            "features leave out what they promise to",
            features::problems(&metadata)?,
        ),
        (
            "modules lead in no circle",
            circles::problems(&sources, CIRCLES),
        ),
        (
            "READMEs name the versions of the manifest",
            readme::problems(&sources, &readme::Versions::from(&metadata)),
        ),
        (
            "long files say why they are one noun",
            length::problems(&sources, LONG),
        ),
        ("texts read as English", phrases::problems(&sources)),
        ("links lead somewhere", links::problems(&sources)),
        (
            "the changelog has its form",
            changelog_problems(&metadata, &sources),
        ),
        (
            "nothing is marked as unfinished",
            files::unfinished(&sources),
        ),
        (
            "no path belongs to one machine",
            files::machine_paths(&sources),
        ),
        ("ignored tests say why", files::ignored_tests(&sources)),
        ("generated files say so", files::generated(&sources)),
        (
            "files that exist twice are alike",
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

/// What `cargo xtask release` could not read.
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

/// The files that are long for a reason.
const LONG: &[length::Exception] = &[
    length::Exception {
        path: "crates/pubsub/src/client/mod.rs",
        reason: "the public methods of one client, two lines in three of them documentation",
    },
    length::Exception {
        path: "crates/pubsub/src/session/lifecycle/mod.rs",
        reason: "one state machine, whose link, pacing, states and steps stand beside it",
    },
    length::Exception {
        path: "crates/pubsub/src/session/traffic.rs",
        reason: "one place where each step and each message meets the outbox, the streams and the delivery",
    },
    length::Exception {
        path: "examples/auth_crosscheck.rs",
        reason: "mints and verifies every form of token, for a script in Python to compare",
    },
    length::Exception {
        path: "examples/pubsub_client_chat.rs",
        reason: "a whole program: it starts its own server, greets, and reads lines",
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

/// The circles that are there for a reason.
const CIRCLES: &[circles::Exception] = &[circles::Exception {
    krate: "pubsub",
    modules: &["webhook::builder", "webhook::dispatch"],
    reason: "a type and its builder make each other",
}];
