//! The version in the manifest and in the lock files, changed line by line, so
//! that everything else stays as written. Pure.

use crate::process::Failure;

/// Returns the root manifest with `new` for each `version = "old"` of the
/// workspace and of its path dependencies.
pub(super) fn bump_manifest(text: &str, old: &str, new: &str) -> Result<String, Failure> {
    let from = format!("version = \"{old}\"");
    let to = format!("version = \"{new}\"");
    let mut in_package = false;
    let mut found = 0;
    let bumped = edit(text, |line| {
        if line.starts_with('[') {
            in_package = line.trim_end() == "[workspace.package]";
        }
        let is_ours = in_package && line.starts_with(&from) || line.contains("path = \"crates/");
        if !(is_ours && line.contains(&from)) {
            return None;
        }
        found += 1;
        Some(line.replace(&from, &to))
    });
    // The workspace's own version, and at least one path dependency.
    if found < 2 {
        return Err(Failure::new(format!(
            "the manifest does not have {old} in its package and its path dependencies"
        )));
    }
    Ok(bumped)
}

/// Returns a lock file with `new` as the version of each of `packages`.
pub(super) fn bump_lock(text: &str, packages: &[&str], old: &str, new: &str) -> String {
    let from = format!("version = \"{old}\"");
    let mut is_ours = false;
    edit(text, |line| {
        if let Some(name) = line.strip_prefix("name = ") {
            is_ours = packages.contains(&name.trim_matches('"'));
        }
        // A registry package is followed by its source and checksum; none has one of these names.
        (is_ours && line == from).then(|| format!("version = \"{new}\""))
    })
}

fn edit(text: &str, mut change: impl FnMut(&str) -> Option<String>) -> String {
    text.lines()
        .map(|line| change(line).unwrap_or_else(|| line.to_owned()) + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_the_workspace_change() {
        let text = r#"
[workspace.package]
version = "0.1.0"
rust-version = "1.89"

[workspace.dependencies]
auth = { package = "azwire-auth", path = "crates/auth", version = "0.1.0" }
other = { version = "0.1.0" }
"#;
        let expected = text
            .replacen("version = \"0.1.0\"\nrust", "version = \"0.2.0\"\nrust", 1)
            .replace("auth\", version = \"0.1.0\"", "auth\", version = \"0.2.0\"");
        assert_eq!(bump_manifest(text, "0.1.0", "0.2.0"), Ok(expected));
    }

    #[test]
    fn a_manifest_with_another_version_is_refused() {
        let text = "[workspace.package]\nversion = \"0.1.0\"\n";
        assert!(bump_manifest(text, "0.3.0", "0.4.0").is_err());
        assert!(bump_manifest(text, "0.1.0", "0.4.0").is_err());
    }

    #[test]
    fn only_packages_of_the_workspace_change_in_a_lock_file() {
        let text = "\
[[package]]
name = \"azwire-auth\"
version = \"0.1.0\"

[[package]]
name = \"foldhash\"
version = \"0.1.0\"
";
        let expected = text.replacen("0.1.0", "0.2.0", 1);
        assert_eq!(
            bump_lock(text, &["azwire-auth"], "0.1.0", "0.2.0"),
            expected
        );
    }
}
