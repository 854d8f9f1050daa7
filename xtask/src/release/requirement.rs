//! How the documents say that our packages are obtained: from the repository until
//! the first release, and from the registry since. Pure.

use super::version::Version;

/// Returns a document as it is to be after the release of a version.
///
/// In a dependency, `git = …` or an earlier version becomes the new one; `cargo install`
/// no longer needs the repository.
pub(super) fn released(text: &str, packages: &[&str], version: Version) -> String {
    let version = version.requirement();
    let lines = text.split_inclusive('\n').map(|line| {
        let dependency = packages
            .iter()
            .find_map(|package| dependency(line, package, &version));
        dependency.unwrap_or_else(|| line.replace(&format!(" --git {REPOSITORY}"), ""))
    });
    lines.collect()
}

/// Returns the line with the version if it is the dependency on this package.
fn dependency(line: &str, package: &str, version: &str) -> Option<String> {
    let value = line.strip_prefix(package)?.strip_prefix(" = ")?;
    let version = format!("\"{version}\"");
    if value.starts_with('"') {
        let (_, rest) = value.strip_prefix('"')?.split_once('"')?;
        return Some(format!("{package} = {version}{rest}"));
    }
    let table = value.strip_prefix("{ ")?;
    let from_git = format!("git = \"{REPOSITORY}\"");
    let rest = match table.strip_prefix(&from_git) {
        Some(rest) => rest,
        None => table.strip_prefix("version = \"")?.split_once('"')?.1,
    };
    Some(match rest.strip_prefix(" }") {
        Some(rest) => format!("{package} = {version}{rest}"),
        None => format!("{package} = {{ version = {version}{rest}"),
    })
}

const REPOSITORY: &str = "https://github.com/azwire/azwire";

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> String {
        let version = Version::parse("0.2.3").unwrap();
        released(text, &["azwire-auth", "azwire-auth-more"], version)
    }

    #[test]
    fn a_dependency_on_the_repository_becomes_one_on_the_release() {
        let git = format!("git = \"{REPOSITORY}\"");
        assert_eq!(
            check(&format!(
                "[dependencies]\nazwire-auth = {{ {git} }}\nazwire-auth-more = {{ {git}, features = [\"a\"] }}\nother = {{ {git} }}\n"
            )),
            format!(
                "[dependencies]\nazwire-auth = \"0.2\"\nazwire-auth-more = {{ version = \"0.2\", features = [\"a\"] }}\nother = {{ {git} }}\n"
            )
        );
    }

    #[test]
    fn an_earlier_release_becomes_this_one() {
        assert_eq!(
            check("azwire-auth = \"0.1\" # tokens\n"),
            "azwire-auth = \"0.2\" # tokens\n"
        );
        assert_eq!(
            check("azwire-auth = { version = \"0.1\", features = [] }"),
            "azwire-auth = { version = \"0.2\", features = [] }"
        );
    }

    #[test]
    fn programs_are_installed_from_the_registry() {
        assert_eq!(
            check(&format!(
                "Run `cargo install --locked --git {REPOSITORY} azwire-cli`, or {REPOSITORY}\n"
            )),
            format!("Run `cargo install --locked azwire-cli`, or {REPOSITORY}\n")
        );
    }

    #[test]
    fn other_lines_stay() {
        for line in [
            "",
            "azwire-auth = 1",
            "azwire-auth = { path = \"a\" }",
            "azwire-auth is it\r\n",
        ] {
            assert_eq!(check(line), line);
        }
    }
}
