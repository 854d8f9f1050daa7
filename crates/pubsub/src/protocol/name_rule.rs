//! The rules for names of groups and events.

/// Checks a group name, and names the rule that it breaks.
pub(crate) fn check_group(name: &str) -> Result<(), &'static str> {
    if name.trim().is_empty() {
        return Err("must not be empty or blank");
    }
    if name.encode_utf16().count() > 1024 {
        return Err("must not be longer than 1024 characters");
    }
    if name.contains(['\r', '\n']) {
        return Err("must not contain line breaks");
    }
    Ok(())
}

/// Checks an event name, and names the rule that it breaks.
pub(crate) fn check_event(name: &str) -> Result<(), &'static str> {
    let mut characters = name.chars();
    if !characters.next().is_some_and(|c| c.is_ascii_alphabetic()) {
        return Err("must begin with a letter");
    }
    if name.len() > 128 {
        return Err("must not be longer than 128 characters");
    }
    if characters.any(|c| !c.is_ascii_alphanumeric() && !"_.-".contains(c)) {
        return Err("must contain only letters, digits and _ . -");
    }
    Ok(())
}
