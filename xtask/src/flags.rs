//! The command-line parser.

use crate::api;
use crate::bench::{self, Suite};
use crate::ci::Step;
use crate::codegen::Mode;
use crate::conformance;
use crate::cross::{self, Extent, Target};
use crate::mutants;
use crate::package::{self, Kind, Platform};
use crate::page;
use crate::release::{Level, Plan};
use crate::soak;

/// The command, with its options.
#[derive(Debug, PartialEq)]
pub(crate) enum Flags {
    Bench(bench::Options),
    Api(api::Mode),
    Ci { steps: Vec<Step> },
    Codegen(Mode),
    Conformance(conformance::Options),
    Cross(cross::Options),
    Crosscheck,
    Guides,
    MoreGuides,
    Help,
    MinimalVersions,
    Mutants(mutants::Options),
    Package(package::Options),
    Page(page::Options),
    Release(Plan),
    Soak(soak::Options),
    Tidy,
}

impl Flags {
    /// Parses the arguments after the program name.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut arguments = arguments.into_iter();
        let Some(command) = arguments.next() else {
            return Err("a command is missing".to_owned());
        };
        if command == "bench" {
            return parse_bench(arguments);
        }
        if command == "api" {
            return parse_api(arguments);
        }
        if command == "ci" {
            return parse_ci(arguments);
        }
        if command == "codegen" {
            return parse_codegen(arguments);
        }
        if command == "release" {
            return parse_release(arguments);
        }
        if command == "conformance" {
            return parse_conformance(arguments);
        }
        if command == "package" {
            return parse_package(arguments);
        }
        if command == "cross" {
            return parse_cross(arguments);
        }
        if command == "mutants" {
            let options = mutants::Options::parse(arguments)?;
            return Ok(options.map_or(Self::Help, Self::Mutants));
        }
        if command == "soak" {
            let options = soak::Options::parse(arguments)?;
            return Ok(options.map_or(Self::Help, Self::Soak));
        }
        if command == "page" {
            return parse_page(arguments);
        }
        let flags = match command.as_str() {
            "crosscheck" => Self::Crosscheck,
            "guides" => Self::Guides,
            "more-guides" => Self::MoreGuides,
            "help" | "--help" | "-h" => Self::Help,
            "minimal-versions" => Self::MinimalVersions,
            "tidy" => Self::Tidy,
            other => return Err(format!("there is no command `{other}`")),
        };
        match arguments.next() {
            Some(argument) => Err(format!(
                "`{command}` takes no arguments, but got `{argument}`"
            )),
            None => Ok(flags),
        }
    }
}

fn parse_bench(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut options = bench::Options {
        suites: Vec::new(),
        rounds: None,
        is_quick: false,
        has_peers: true,
    };
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => options.is_quick = true,
            "--without-peers" => options.has_peers = false,
            "--rounds" => {
                let count = arguments.next().and_then(|count| count.parse().ok());
                let count = count.filter(|count| *count > 0);
                options.rounds = Some(count.ok_or("`--rounds` needs a number, at least 1")?);
            }
            "help" | "--help" | "-h" => return Ok(Flags::Help),
            name => match Suite::ALL.into_iter().find(|suite| suite.name() == name) {
                Some(suite) if options.suites.contains(&suite) => {
                    return Err(format!("scenario `{name}` is named twice"));
                }
                Some(suite) => options.suites.push(suite),
                None => return Err(format!("`bench` has no scenario or option `{name}`")),
            },
        }
    }
    if options.suites.is_empty() {
        options.suites = Suite::ALL.to_vec();
    }
    Ok(Flags::Bench(options))
}

fn parse_api(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    match (arguments.next().as_deref(), arguments.next()) {
        (None, _) => Ok(Flags::Api(api::Mode::Write)),
        (Some("--check"), None) => Ok(Flags::Api(api::Mode::Check)),
        (Some(other), _) => Err(format!("`api` takes only `--check`, but got `{other}`")),
    }
}

fn parse_ci(arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut steps = Vec::new();
    let mut full = false;
    for argument in arguments {
        match argument.as_str() {
            "--full" => full = true,
            "help" | "--help" | "-h" => return Ok(Flags::Help),
            name => match Step::ALL.into_iter().find(|step| step.name() == name) {
                Some(step) if steps.contains(&step) => {
                    return Err(format!("step `{name}` is named twice"));
                }
                Some(step) => steps.push(step),
                None => return Err(format!("`ci` has no step or option `{name}`")),
            },
        }
    }
    if full && !steps.is_empty() {
        return Err("`--full` means every step; name steps or use `--full`, not both".to_owned());
    }
    if steps.is_empty() {
        steps = Step::ALL
            .into_iter()
            .filter(|step| full || step.is_usual())
            .collect();
    }
    Ok(Flags::Ci { steps })
}

fn parse_codegen(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mode = match arguments.next().as_deref() {
        None => Mode::Write,
        Some("--check") => Mode::Check,
        Some("--compare") => match arguments.next() {
            Some(file) => Mode::Compare(file),
            None => return Err("`--compare` needs a file".to_owned()),
        },
        Some(other) => return Err(format!("`codegen` has no option `{other}`")),
    };
    match arguments.next() {
        Some(argument) => Err(format!(
            "`codegen` does not take a second option, but got `{argument}`"
        )),
        None => Ok(Flags::Codegen(mode)),
    }
}

fn parse_release(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let (mut level, mut executes, mut checks, mut programs) = (None, false, true, None);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--programs" => {
                let folder = arguments.next().ok_or("`--programs` needs a folder")?;
                programs = Some(folder.into());
            }
            "--dry-run" => {}
            "--execute" => executes = true,
            "--no-checks" => checks = false,
            name => match Level::from_name(name) {
                Some(named) if level.is_none() => level = Some(named),
                Some(_) => return Err("`release` takes one level".to_owned()),
                None => return Err(format!("`release` has no level or option `{name}`")),
            },
        }
    }
    if executes && !checks {
        return Err("`--execute` always runs the checks".to_owned());
    }
    let level = level.ok_or("`release` needs a level")?;
    if programs.is_some() && level != Level::Current {
        return Err(
            "`--programs` have the present version, for packages of the level `current`".to_owned(),
        );
    }
    Ok(Flags::Release(Plan {
        level,
        executes,
        checks,
        programs,
    }))
}

fn parse_conformance(arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut options = conformance::Options::default();
    for argument in arguments {
        match argument.as_str() {
            "--write" => options.is_writing = true,
            option if option.starts_with('-') => {
                return Err(format!("`conformance` has no option `{option}`"));
            }
            _ => options.scripts.push(argument),
        }
    }
    if options.is_writing && !options.scripts.is_empty() {
        return Err("`--write` writes the whole table; it takes no scripts".to_owned());
    }
    Ok(Flags::Conformance(options))
}

fn parse_package(mut arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut options = package::Options::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--programs" => {
                let folder = arguments.next().ok_or("`--programs` needs a folder")?;
                options.programs = Some(folder.into());
            }
            "--target" => {
                let triple = arguments.next().ok_or("`--target` needs a platform")?;
                let platform = Platform::from_triple(&triple).ok_or_else(|| {
                    let known = Platform::ALL.map(Platform::triple).join(", ");
                    format!("`--target`: no package is made for `{triple}`, only for {known}")
                })?;
                if options.platforms.contains(&platform) {
                    return Err(format!("`--target {triple}` is given twice"));
                }
                options.platforms.push(platform);
            }
            "help" | "--help" | "-h" => return Ok(Flags::Help),
            name => match Kind::ALL.into_iter().find(|kind| kind.name() == name) {
                Some(kind) if options.kinds.contains(&kind) => {
                    return Err(format!("package `{name}` is named twice"));
                }
                Some(kind) => options.kinds.push(kind),
                None => return Err(format!("`package` has no kind or option `{name}`")),
            },
        }
    }
    Ok(Flags::Package(options))
}

fn parse_cross(arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut options = cross::Options {
        targets: Vec::new(),
        ..cross::Options::default()
    };
    for argument in arguments {
        let extent = match argument.as_str() {
            "--check" => Some(Extent::Check),
            "--dist" => Some(Extent::Dist),
            _ => None,
        };
        if let Some(extent) = extent {
            if options.extent != Extent::Whole {
                return Err("`cross` takes one of `--check` and `--dist`".to_owned());
            }
            options.extent = extent;
            continue;
        }
        match Target::from_name(&argument) {
            Some(target) if options.targets.contains(&target) => {
                return Err(format!("target `{argument}` is named twice"));
            }
            Some(target) => options.targets.push(target),
            None => {
                let names = Target::ALL.map(Target::name).join(", ");
                return Err(format!(
                    "`cross` has no option or target `{argument}`; the targets are {names}"
                ));
            }
        }
    }
    if options.targets.is_empty() {
        options.targets = cross::Options::default().targets;
    }
    Ok(Flags::Cross(options))
}

fn parse_page(arguments: impl Iterator<Item = String>) -> Result<Flags, String> {
    let mut options = page::Options::default();
    for argument in arguments {
        if argument.starts_with('-') {
            return Err(format!("`page` has no option `{argument}`"));
        }
        options.scripts.push(argument);
    }
    Ok(Flags::Page(options))
}

/// The text of `cargo xtask help`.
pub(crate) const HELP: &str = "\
usage: cargo xtask COMMAND

  bench [SCENARIO..]    measure the named scenarios, or all, against their floors and against
                        official clients; write tests/load/results.json and the table next to it
      tokens, websocket, send, send-tls, decode, receive, publish, fanout, stream, pair, rates,
      forward, peers, idle, start, grow, allocations
      --rounds N        how often each is run, in turns [default: 3]
      --quick           one short round, to check that everything works; writes nothing
      --without-peers   leave out the Python and Node clients; installs nothing
  ci [STEP..] [--full]  run the named steps, or the usual ones; continue after a failure,
                        end with a table and the exit code of the first failure
      fmt               the formatting of the code
      tidy              as `cargo xtask tidy`
      codegen           as `cargo xtask codegen --check`
      clippy            lints: each published package with default, no and all features; the rest once
      test              the tests as in the README, then auth and transport without default features
      doc               the documentation of the published packages as docs.rs makes it, without warnings
      api               as `cargo xtask api --check`
      deny              licences, duplicates, bans and sources of dependencies
      crosscheck        as `cargo xtask crosscheck`
      cross-check       as `cargo xtask cross --check`, without the platforms whose tools cannot be installed here
      conformance       as `cargo xtask conformance`
      guides            as `cargo xtask guides`
      page              as `cargo xtask page`
      more-guides       as `cargo xtask more-guides`; installs 500 MB, so only with --full
      minimal-versions  as `cargo xtask minimal-versions`; compiles every dependency, so only with --full
      cross             as `cargo xtask cross`; takes long, so only with --full
      package           as `cargo xtask package`; takes long, so only with --full
      advisories        known vulnerabilities of dependencies; needs their database, so only with --full
      mutants           as `cargo xtask mutants --sample 60`; takes long, so only with --full
      models            the queue of the Web PubSub client in thousands of orders of its users: tests/models;
                        compiles a model checker, so only with --full
      soak              as `cargo xtask soak 3`; takes minutes, so only with --full
  api                   write the public API of each published package to its api.txt
  api --check           fail and print the differences
  codegen               generate code from the descriptions in crates/pubsub/spec
  codegen --check       fail and list the stale generated files
  codegen --compare F   report how our REST description differs from the official one in
                        the file F (Swagger 2.0 or OpenAPI 3); fail unless the differences are known
  tidy                  check the rules of the repository: dependencies of crates and modules, documents, files
  cross [TARGET..]      build crates and programs for other platforms, or for the named ones; run the tests and judge
                        the programs under wine and qemu
      x86_64-unknown-linux-gnu, aarch64-unknown-linux-gnu (both for glibc 2.17 or newer),
      x86_64-unknown-linux-musl (static), x86_64-pc-windows-gnu, aarch64-apple-darwin (types only)
      --check           only check types
      --dist            only build both programs, as they are distributed
  crosscheck            check tokens of the crate auth against Python's PyJWT and hmac, in both directions
  conformance [S..]     run the official clients against the emulator; a table of what each can do,
                        compared with tests/conformance/expected.json; S selects scripts by prefix
  conformance --write   the same, and write the table to tests/conformance/README.md
  guides                run the tests that docs/testing shows, as they are written
  more-guides           the same for Go and Java, whose tools it installs on Debian
  minimal-versions      compile the published packages with the oldest versions that their manifests allow
  mutants [AREA..]      put small errors into the code, one at a time, and fail unless a test notices each that
                        tests/mutants.md does not list. AREA is one of
      auth, pubsub::protocol, pubsub::session, relay::control, relay::exchange, relay::command,
      transport::pipeline, transport::ws, or a crate; default: all
      --sample N        try only N of them
      --seed N          which ones [default: the seed that the page names]
  package [KIND..]      make what others install, in target/package: the named kinds, or all, and SHA256SUMS
      archive           both programs of each platform, to unpack and run, with licences and lists of what is inside
      docker            the emulator in an image with nothing else; built where there is buildah
      npm               azwire-emulator, and its program in a package for each platform
      python            a wheel of each platform, with the emulator, a module and a plugin of pytest
      --target TRIPLE   only for this platform; may be repeated
      --programs F      take programs that were built before: F/TRIPLE/azwire-emulator, or for this machine
                        F/azwire-emulator
  page [S..]            try the emulator's page in Chromium, with official clients that make traffic;
                        S selects scripts of tests/page by prefix; screenshots go to target/page
  release LEVEL         rehearse a release in a clone: checks, version, changelog, packages and their tests; changes
                        nothing. LEVEL is major, minor, patch, or current for the present version
      --execute         then write, commit and tag; publishing is left to you
      --no-checks       skip the steps of `ci`, and what others install; only without --execute
      --programs F      as of `package`, for the level current; makes what others install even without checks
  soak [MINUTES]        run clients, sends, streams, requests, event handlers and faults at once on one emulator, and
                        fail if anything is lost, doubled or left behind, or if memory grows [default: 5]
      --seed N          the random choices of an earlier run
  help                  this text

A step installs the tools that it needs; Python and Node packages go below target/.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mutants::Area;

    fn parse(line: &str) -> Result<Flags, String> {
        Flags::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn ci_without_steps_runs_the_usual_ones_in_order() {
        let Ok(Flags::Ci { steps }) = parse("ci") else {
            panic!("not a list of steps")
        };
        let names: Vec<&str> = steps.into_iter().map(Step::name).collect();
        assert_eq!(
            names,
            [
                "fmt",
                "tidy",
                "codegen",
                "clippy",
                "test",
                "doc",
                "api",
                "deny",
                "crosscheck",
                "cross-check",
                "conformance",
                "guides",
                "page"
            ]
        );
    }

    #[test]
    fn full_adds_what_not_every_machine_can_run() {
        assert_eq!(
            parse("ci --full"),
            Ok(Flags::Ci {
                steps: Step::ALL.to_vec()
            })
        );
    }

    #[test]
    fn steps_run_in_the_order_given() {
        assert_eq!(
            parse("ci deny fmt"),
            Ok(Flags::Ci {
                steps: vec![Step::Deny, Step::Fmt]
            })
        );
    }

    #[test]
    fn other_commands_take_no_argument() {
        assert_eq!(parse("tidy"), Ok(Flags::Tidy));
        assert_eq!(parse("guides"), Ok(Flags::Guides));
        assert!(parse("tidy now").is_err());
        assert!(parse("guides python").is_err());
        assert_eq!(parse("minimal-versions"), Ok(Flags::MinimalVersions));
    }

    #[test]
    fn api_writes_or_checks() {
        assert_eq!(parse("api"), Ok(Flags::Api(api::Mode::Write)));
        assert_eq!(parse("api --check"), Ok(Flags::Api(api::Mode::Check)));
        assert!(parse("api --check --check").is_err());
        assert!(parse("api --write").is_err());
    }

    #[test]
    fn codegen_writes_checks_or_compares() {
        assert_eq!(parse("codegen"), Ok(Flags::Codegen(Mode::Write)));
        assert_eq!(parse("codegen --check"), Ok(Flags::Codegen(Mode::Check)));
        assert_eq!(
            parse("codegen --compare a.json"),
            Ok(Flags::Codegen(Mode::Compare("a.json".to_owned())))
        );
        for line in [
            "codegen --compare",
            "codegen --write",
            "codegen --check now",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn bench_takes_scenarios_and_options() {
        let Ok(Flags::Bench(all)) = parse("bench") else {
            panic!("not a bench")
        };
        assert_eq!(all.suites, Suite::ALL);
        assert!(all.has_peers && !all.is_quick);
        assert_eq!(
            parse("bench idle --quick send --rounds 5 --without-peers"),
            Ok(Flags::Bench(bench::Options {
                suites: vec![Suite::Idle, Suite::Send],
                rounds: Some(5),
                is_quick: true,
                has_peers: false,
            }))
        );
        for suite in Suite::ALL {
            let is_named = |end: &str| HELP.contains(&format!(" {}{end}", suite.name()));
            assert!(is_named(",") || is_named("\n"), "{}", suite.name());
        }
    }

    #[test]
    fn a_release_is_dry_unless_told_otherwise() {
        let plan = |executes, checks| {
            Ok(Flags::Release(Plan {
                level: Level::Minor,
                executes,
                checks,
                programs: None,
            }))
        };
        assert_eq!(parse("release minor"), plan(false, true));
        assert_eq!(parse("release --dry-run minor"), plan(false, true));
        assert_eq!(parse("release minor --no-checks"), plan(false, false));
        assert_eq!(parse("release minor --execute"), plan(true, true));
        assert_eq!(
            parse("release current --no-checks --programs target/debug"),
            Ok(Flags::Release(Plan {
                level: Level::Current,
                executes: false,
                checks: false,
                programs: Some("target/debug".into()),
            }))
        );
        for line in [
            "release",
            "release 1.2.3",
            "release minor major",
            "release minor --execute --no-checks",
            "release minor --programs target/debug",
            "release current --programs",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn conformance_runs_all_scripts_or_some_or_writes() {
        let options = |is_writing, scripts: &[&str]| {
            Ok(Flags::Conformance(conformance::Options {
                is_writing,
                scripts: scripts.iter().map(|&name| name.to_owned()).collect(),
            }))
        };
        assert_eq!(parse("conformance"), options(false, &[]));
        assert_eq!(parse("conformance --write"), options(true, &[]));
        assert_eq!(
            parse("conformance relay a"),
            options(false, &["relay", "a"])
        );
        assert!(parse("conformance --write relay").is_err());
        assert!(parse("conformance --fast").is_err());
    }

    #[test]
    fn cross_takes_targets_and_checks_or_builds() {
        let options = |targets: &[Target], extent| {
            let targets = targets.to_vec();
            Ok(Flags::Cross(cross::Options { targets, extent }))
        };
        assert_eq!(parse("cross"), options(&Target::ALL, Extent::Whole));
        assert_eq!(parse("cross --check"), options(&Target::ALL, Extent::Check));
        assert_eq!(
            parse("cross --dist x86_64-unknown-linux-gnu"),
            options(&[Target::LinuxX64], Extent::Dist)
        );
        assert_eq!(
            parse("cross x86_64-pc-windows-gnu --check aarch64-apple-darwin"),
            options(&[Target::WindowsX64, Target::MacArm64], Extent::Check)
        );
        let refused = parse("cross windows").unwrap_err();
        for target in Target::ALL {
            assert!(refused.contains(target.name()), "{refused}");
            assert!(HELP.contains(target.name()), "{}", target.name());
        }
        assert!(parse("cross --fast").is_err());
        assert!(parse("cross --check --dist").is_err());
        assert!(parse("cross aarch64-apple-darwin aarch64-apple-darwin").is_err());
    }

    #[test]
    fn mutants_takes_areas_and_a_sample() {
        let mutants = |line: &str| match parse(line) {
            Ok(Flags::Mutants(options)) => {
                let names: Vec<&str> = options.areas.iter().map(|area| area.name).collect();
                (names.join(" "), options.sample, options.seed)
            }
            other => panic!("{other:?}"),
        };
        let (all, sample, seed) = mutants("mutants");
        assert_eq!((all.split(' ').count(), sample, seed), (8, None, None));
        for area in Area::ALL {
            assert!(HELP.contains(&format!(" {},", area.name)), "{}", area.name);
        }
        assert_eq!(
            mutants("mutants transport::ws auth --sample 9 --seed 3"),
            ("auth transport::ws".to_owned(), Some(9), Some(3))
        );
        assert_eq!(
            mutants("mutants pubsub").0,
            "pubsub::protocol pubsub::session"
        );
    }

    #[test]
    fn page_runs_all_scripts_or_some() {
        let scripts = |names: &[&str]| {
            let scripts = names.iter().map(|&name| name.to_owned()).collect();
            Ok(Flags::Page(page::Options { scripts }))
        };
        assert_eq!(parse("page"), scripts(&[]));
        assert_eq!(parse("page relay clock"), scripts(&["relay", "clock"]));
        assert!(parse("page --all").is_err());
    }

    #[test]
    fn packages_are_made_of_all_kinds_for_all_platforms_or_some() {
        assert_eq!(
            parse("package"),
            Ok(Flags::Package(package::Options::default()))
        );
        let line = "package archive --target x86_64-pc-windows-gnu --programs target/debug";
        assert_eq!(
            parse(line),
            Ok(Flags::Package(package::Options {
                kinds: vec![Kind::Archive],
                platforms: vec![Platform::WindowsX64],
                programs: Some("target/debug".into()),
            }))
        );
        for line in [
            "package --programs",
            "package --target",
            "package --target x86_64-apple-darwin",
            "package archive archive",
            "package rpm",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        for kind in Kind::ALL {
            assert!(
                HELP.contains(&format!("\n      {} ", kind.name())),
                "{}",
                kind.name()
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [
            "bench --fast",
            "bench send send",
            "mutants cli",
            "mutants relay relay::command",
            "mutants --sample",
            "mutants --sample 0",
            "mutants --seed 1",
            "bench --rounds",
            "bench --rounds 0",
            "",
            "tests",
            "ci lint",
            "ci --fast",
            "ci fmt fmt",
            "ci fmt --full",
        ] {
            assert!(parse(line).is_err(), "{line:?}");
        }
    }

    #[test]
    fn the_help_names_every_step() {
        for step in Step::ALL {
            assert!(
                HELP.contains(&format!("\n      {} ", step.name())),
                "{}",
                step.name()
            );
        }
    }
}
