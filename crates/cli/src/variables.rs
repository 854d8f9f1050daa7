//! Variables of the environment.

/// The variables that commands read, besides those of credentials, proxies and the emulator.
pub(crate) const ALL: &[&str] = &[
    "AZTUNNEL_HYCO_NAME",
    "AZTUNNEL_KEY",
    "AZTUNNEL_KEY_NAME",
    "AZTUNNEL_METRICS_ADDR",
    "AZTUNNEL_RELAY_NAME",
    "AZURE_BRIDGE_CONNECTIONSTRING",
    "AZWIRE_LOG",
    "RELAY_CONNECTION_STRING",
    "RUST_LOG",
    "WEBPUBSUB_CONNECTION_STRING",
    "WEBPUBSUB_ENDPOINT",
    "WEBPUBSUB_HUB",
];

/// Returns a variable of the process, if it is set and is text.
pub(crate) fn text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Returns the first of the variables that is not empty, with its name.
pub(crate) fn first(
    names: &[&'static str],
    lookup: impl Fn(&str) -> Option<String>,
) -> Option<(&'static str, String)> {
    debug_assert!(names.iter().all(|name| ALL.contains(name)), "{names:?}");
    names.iter().find_map(|name| {
        let value = lookup(name)?;
        (!value.trim().is_empty()).then_some((*name, value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_variable_counts_as_not_set() {
        let lookup = |name: &str| Some(if name == "RUST_LOG" { "" } else { "x" }.to_owned());
        let found = first(&["RUST_LOG", "AZWIRE_LOG"], lookup);
        assert_eq!(found, Some(("AZWIRE_LOG", "x".to_owned())));
    }

    #[test]
    fn the_readme_has_every_variable() {
        let readme = include_str!("../README.md");
        for name in ALL {
            assert!(
                readme.contains(&format!("`{name}`")),
                "{name} is missing in the README"
            );
        }
    }
}
