//! The listeners of one hybrid connection, and the choice of one for a sender. Pure.

use bytes::Bytes;
use http::HeaderMap;
use rand::seq::IndexedRandom;
use tokio::sync::mpsc;
use uuid::Uuid;

use super::connection_fault::ConnectionFault;
use super::tracking_id::guid_of;
use crate::fault::{Fault, FaultRule, Subject};

/// The namespace's handle to the control channel of one listener.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) key: Uuid,
    /// The GUID that it connected with.
    pub(super) id: String,
    pub(super) number: u64,
    /// The address that the listener used for the emulator: `wss://host:port`, and what comes before paths there.
    pub(super) reached_at: String,
    pub(super) orders: mpsc::Sender<ListenerOrder>,
}

impl Listener {
    /// Returns the subject of a fault.
    pub(super) fn subject<'a>(&'a self, entity: &'a str) -> Subject<'a> {
        Subject {
            scope: entity,
            user: None,
            connection: Some(&self.id),
            number: self.number,
        }
    }
}

/// An order to a control channel.
#[derive(Debug)]
pub(super) enum ListenerOrder {
    /// Send a command and, as one unit with it, a body.
    Send {
        command: String,
        body: Option<Bytes>,
    },
    End(ConnectionFault),
}

impl ListenerOrder {
    /// Returns the order for a fault.
    pub(super) fn of_fault(fault: &Fault) -> Option<Self> {
        ConnectionFault::of(fault).map(Self::End)
    }
}

/// Which listeners a sender accepts.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct ListenerChoice {
    allowed: Option<Vec<String>>,
    disallowed: Vec<String>,
}

impl ListenerChoice {
    /// Reads the listeners that a sender allows or excludes by these fields,
    /// which a Relay engineer and the live tests of the .NET client name.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let list = |name: &str| -> Option<Vec<String>> {
            let mut values = headers.get_all(name).iter().peekable();
            values.peek()?;
            Some(
                values
                    .filter_map(|value| value.to_str().ok())
                    .flat_map(|value| value.split(','))
                    .map(plain_id)
                    .filter(|id| !id.is_empty())
                    .collect(),
            )
        };
        Self {
            allowed: list("microsoft-relay-allowedlisteners"),
            disallowed: list("microsoft-relay-disallowedlisteners").unwrap_or_default(),
        }
    }

    /// Whether the listener that connected with this `sb-hc-id` is allowed.
    fn admits(&self, id: &str) -> bool {
        let id = plain_id(id);
        let is_allowed = self.allowed.as_ref().is_none_or(|ids| ids.contains(&id));
        is_allowed && !self.disallowed.contains(&id)
    }
}

/// Normalizes a listener's id for comparison, however it is written.
fn plain_id(id: &str) -> String {
    match guid_of(id) {
        Some(guid) => guid.to_string(),
        None => id.trim().trim_matches(['{', '}']).to_ascii_lowercase(),
    }
}

/// The listeners of one hybrid connection.
#[derive(Debug, Default)]
pub(super) struct Listeners(Vec<Listener>);

/// Why a listener was not added.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooMany;

/// Why a sender gets no listener, with the service's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoListener {
    Connected,
    Admitted,
}

impl NoListener {
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Connected => "There are no listeners connected for the endpoint.",
            Self::Admitted => {
                "None of the connected listeners meet the AllowedListeners/DisallowedListeners criteria."
            }
        }
    }
}

impl Listeners {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_vec(self) -> Vec<Listener> {
        self.0
    }

    /// Returns the ids, in the order in which the listeners connected.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|listener| &*listener.id)
    }

    /// Adds a listener, unless there are already `limit`.
    pub(super) fn add(&mut self, listener: Listener, limit: usize) -> Result<(), TooMany> {
        if self.0.len() >= limit {
            return Err(TooMany);
        }
        self.0.push(listener);
        Ok(())
    }

    /// Removes a listener; returns whether it was still there.
    pub(super) fn remove(&mut self, key: Uuid) -> bool {
        let before = self.0.len();
        self.0.retain(|listener| listener.key != key);
        self.0.len() < before
    }

    /// Picks one of the allowed listeners at random.
    pub(super) fn pick(&self, choice: &ListenerChoice) -> Result<Listener, NoListener> {
        if self.0.is_empty() {
            return Err(NoListener::Connected);
        }
        let fit: Vec<&Listener> = self
            .0
            .iter()
            .filter(|listener| choice.admits(&listener.id))
            .collect();
        let picked = fit.choose(&mut rand::rng());
        picked
            .map(|listener| (*listener).clone())
            .ok_or(NoListener::Admitted)
    }

    /// Returns the listeners of the hybrid connection `entity` that a rule applies to.
    pub(super) fn named_by<'a>(
        &'a self,
        rule: &'a FaultRule,
        entity: &'a str,
    ) -> impl Iterator<Item = &'a Listener> {
        self.0
            .iter()
            .filter(move |listener| rule.is_for(&listener.subject(entity)))
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn listener(id: &str) -> Listener {
        Listener {
            key: Uuid::new_v4(),
            id: id.to_owned(),
            number: 0,
            reached_at: String::new(),
            orders: mpsc::channel(1).0,
        }
    }

    #[test]
    fn a_hybrid_connection_has_so_many_listeners_and_no_more() {
        let mut listeners = Listeners::default();
        for _ in 0..25 {
            assert_eq!(listeners.add(listener("a"), 25), Ok(()));
        }
        let last = listener("b");
        assert_eq!(listeners.add(last.clone(), 25), Err(TooMany));
        let one = listeners.pick(&ListenerChoice::default()).unwrap();
        assert!(listeners.remove(one.key));
        assert!(!listeners.remove(one.key));
        assert_eq!(listeners.add(last, 25), Ok(()));
        assert_eq!(listeners.len(), 25);
    }

    #[test]
    fn listeners_are_picked_at_random() {
        let mut listeners = Listeners::default();
        for id in ["a", "b", "c"] {
            listeners.add(listener(id), 25).unwrap();
        }
        let picks: std::collections::HashSet<String> = (0..200)
            .map(|_| listeners.pick(&ListenerChoice::default()).unwrap().id)
            .collect();
        assert_eq!(picks.len(), 3);
    }

    #[test]
    fn a_sender_without_a_listener_learns_why() {
        let mut listeners = Listeners::default();
        let choice = ListenerChoice {
            allowed: None,
            disallowed: vec!["a".to_owned()],
        };
        let picked = |listeners: &Listeners| listeners.pick(&choice).map(|picked| picked.id);
        assert_eq!(picked(&listeners), Err(NoListener::Connected));
        listeners.add(listener("a"), 25).unwrap();
        assert_eq!(picked(&listeners), Err(NoListener::Admitted));
        listeners.add(listener("b"), 25).unwrap();
        assert_eq!(picked(&listeners).as_deref(), Ok("b"));
    }

    #[test]
    fn a_choice_compares_ids_without_case() {
        let chosen = |name: &'static str, value: &'static str| {
            let name = HeaderName::from_static(name);
            ListenerChoice::of(&HeaderMap::from_iter([(
                name,
                HeaderValue::from_static(value),
            )]))
        };
        assert!(ListenerChoice::default().admits("a"));
        let allowed = chosen("microsoft-relay-allowedlisteners", "A, b");
        assert!(allowed.admits("a") && allowed.admits("B") && !allowed.admits("c"));
        let disallowed = chosen("microsoft-relay-disallowedlisteners", "{a}");
        assert!(!disallowed.admits("A") && disallowed.admits("b"));
        assert!(!chosen("microsoft-relay-allowedlisteners", "").admits("a"));
        let guid = "6f0b4e0e-4a0b-4a39-8c6a-2f4b4b8f3c11";
        for form in [
            "{6F0B4E0E-4A0B-4A39-8C6A-2F4B4B8F3C11}",
            "6f0b4e0e4a0b4a398c6a2f4b4b8f3c11",
        ] {
            assert!(chosen("microsoft-relay-allowedlisteners", form).admits(guid));
            assert!(!chosen("microsoft-relay-disallowedlisteners", form).admits(guid));
        }
    }
}
