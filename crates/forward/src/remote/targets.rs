//! The targets of a remote forwarder, which may be replaced while it runs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use transport::_internal::lock;

use crate::allow::AllowList;
use crate::error::{Error, Result};
use crate::expression::{RemoteBinding, RemoteTarget};

/// The targets by port name, and those that are allowed. Looked up when a sender has asked, never while data moves.
#[derive(Debug)]
pub(super) struct Targets {
    by_name: Mutex<HashMap<Box<str>, Arc<RemoteTarget>>>,
    allowed: Mutex<Arc<AllowList>>,
}

impl Targets {
    pub(super) fn new(targets: &[RemoteBinding], allowed: AllowList) -> Result<Self> {
        Ok(Self {
            by_name: Mutex::new(table(targets)?),
            allowed: Mutex::new(Arc::new(allowed)),
        })
    }

    pub(super) fn set(&self, targets: &[RemoteBinding]) -> Result<()> {
        let table = table(targets)?;
        *lock(&self.by_name) = table;
        Ok(())
    }

    pub(super) fn set_allowed(&self, allowed: AllowList) {
        *lock(&self.allowed) = Arc::new(allowed);
    }

    pub(super) fn allowed(&self) -> Arc<AllowList> {
        Arc::clone(&lock(&self.allowed))
    }

    /// Returns the target of a port name; the only one also for a number, as azbridge does.
    pub(super) fn find(&self, name: &str) -> Option<Arc<RemoteTarget>> {
        let by_name = lock(&self.by_name);
        if let Some(target) = by_name.get(name) {
            return Some(Arc::clone(target));
        }
        let mut targets = by_name.values();
        match (targets.next(), targets.next()) {
            (Some(only), None) if is_integer(name) => Some(Arc::clone(only)),
            _ => None,
        }
    }

    /// Whether no sender can reach anything.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.by_name).is_empty() && lock(&self.allowed).is_empty()
    }
}

fn table(targets: &[RemoteBinding]) -> Result<HashMap<Box<str>, Arc<RemoteTarget>>> {
    let mut table = HashMap::new();
    for binding in targets {
        if cfg!(not(unix)) && matches!(binding.target(), RemoteTarget::Socket(_)) {
            let rule = "Unix sockets are not available on this platform";
            return Err(Error::invalid("targets", rule));
        }
        let name = binding.port_name().as_str();
        let target = Arc::new(binding.target().clone());
        if table.insert(name.into(), target).is_some() {
            let rule = format!("the port name {name} leads to two targets");
            return Err(Error::invalid("targets", rule));
        }
    }
    Ok(table)
}

/// Whether .NET parses a text as an `Int32`: azbridge asks no more of a name.
fn is_integer(name: &str) -> bool {
    let trimmed = name.trim_matches(|c: char| matches!(c, '\t'..='\r' | ' '));
    trimmed.parse::<i32>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expression::RemoteForward;

    fn targets(expression: &str) -> Targets {
        let forward: RemoteForward = expression.parse().unwrap();
        Targets::new(forward.bindings(), AllowList::new()).unwrap()
    }

    #[test]
    fn the_only_target_is_found_by_any_number() {
        let only = targets("hc:ssh/localhost:22");
        for (name, is_found) in [
            ("ssh", true),
            ("22", true),
            ("2222", true),
            ("-5", true),
            (" 7 ", true),
            ("2147483647", true),
            ("2147483648", false),
            ("53U", false),
            ("SSH", false),
            ("", false),
        ] {
            assert_eq!(only.find(name).is_some(), is_found, "{name}");
        }
        let two = targets("hc:ssh/localhost:22;http/localhost:80");
        assert!(two.find("ssh").is_some() && two.find("http").is_some());
        assert!(two.find("22").is_none());
    }

    #[test]
    fn a_name_that_leads_to_two_targets_changes_nothing() {
        let own = targets("hc:ssh/localhost:22");
        let twice: RemoteForward = "hc:a/localhost:1".parse().unwrap();
        let binding = twice.bindings()[0].clone();
        let error = own.set(&[binding.clone(), binding]).unwrap_err();
        assert!(error.to_string().contains("port name a"), "{error}");
        assert!(own.find("ssh").is_some());
        own.set(&[]).unwrap();
        assert!(own.find("ssh").is_none() && own.is_empty());
        own.set_allowed(AllowList::everything());
        assert!(!own.is_empty());
    }
}
