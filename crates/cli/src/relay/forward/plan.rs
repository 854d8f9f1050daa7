//! Which forwarders there are to be: settings grouped by hybrid connection. Pure.

use auth::Secret;
use forward::expression::{HttpBinding, LocalBinding, RemoteBinding};

use super::settings::{Forward, ForwardKind, Settings};
use crate::failure::{Failure, Result};

/// The forwarders that settings describe.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) senders: Vec<SenderPlan>,
    pub(super) listeners: Vec<ListenerPlan>,
}

/// Which hybrid connection, and who signs for it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// `None` is that of the connection string.
    pub(super) relay: Option<String>,
    /// `None` is that of the whole bridge.
    pub(super) connection_string: Option<Secret>,
    pub(super) is_anonymous: bool,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        fn text(place: &Place) -> Option<&str> {
            place.connection_string.as_ref().map(Secret::expose)
        }
        self.relay == other.relay
            && self.is_anonymous == other.is_anonymous
            && text(self) == text(other)
    }
}

/// Local ports and sockets of one hybrid connection.
#[derive(Debug)]
pub(super) struct SenderPlan {
    pub(super) place: Place,
    pub(super) bindings: Vec<LocalBinding>,
}

/// Targets of one hybrid connection. One listener serves them all: with two, the relay would give a sender
/// to the wrong one.
#[derive(Debug)]
pub(super) struct ListenerPlan {
    pub(super) place: Place,
    pub(super) bindings: Vec<RemoteBinding>,
    pub(super) sites: Vec<HttpBinding>,
}

impl Plan {
    /// Groups the forwards, of which there is at least one.
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let mut own = Self::default();
        for forward in &settings.forwards {
            own.add(forward)
                .map_err(|reason| Failure::usage(format!("{}: {reason}", forward.origin)))?;
        }
        if own.senders.is_empty() && own.listeners.is_empty() {
            // Also when a file is read again that is just being written.
            return Err(Failure::usage(NOTHING));
        }
        Ok(own)
    }

    fn add(&mut self, forward: &Forward) -> Result<(), String> {
        let place = Place {
            relay: forward.relay.as_ref().map(ToString::to_string),
            connection_string: forward.connection_string.clone(),
            is_anonymous: forward.is_anonymous,
        };
        match &forward.kind {
            ForwardKind::Local(bindings) => {
                for binding in bindings {
                    self.add_local(&place, binding)?;
                }
            }
            ForwardKind::Remote { bindings, sites } => {
                let listener = self.listener(place);
                for binding in bindings {
                    let name = binding.port_name();
                    if listener
                        .bindings
                        .iter()
                        .any(|other| other.port_name() == name)
                    {
                        return Err(format!(
                            "the hybrid connection has a target with the port name {name} already"
                        ));
                    }
                    listener.bindings.push(binding.clone());
                }
                listener.sites.extend_from_slice(sites);
            }
        }
        Ok(())
    }

    fn add_local(&mut self, place: &Place, binding: &LocalBinding) -> Result<(), String> {
        use forward::expression::LocalAddress;

        let is_free_port = match binding.address() {
            LocalAddress::Tcp(address) | LocalAddress::Udp(address) => address.port() == 0,
            _ => false,
        };
        let mut all = self.senders.iter().flat_map(|sender| &sender.bindings);
        if !is_free_port && all.any(|other| other.address() == binding.address()) {
            return Err(format!("{binding} is bound by an earlier forward"));
        }
        match self
            .senders
            .iter_mut()
            .find(|sender| sender.place == *place)
        {
            Some(sender) => sender.bindings.push(binding.clone()),
            None => self.senders.push(SenderPlan {
                place: place.clone(),
                bindings: vec![binding.clone()],
            }),
        }
        Ok(())
    }

    fn listener(&mut self, place: Place) -> &mut ListenerPlan {
        let found = self.listeners.iter().position(|other| other.place == place);
        let at = found.unwrap_or(self.listeners.len());
        if found.is_none() {
            self.listeners.push(ListenerPlan {
                place,
                bindings: Vec::new(),
                sites: Vec::new(),
            });
        }
        &mut self.listeners[at]
    }
}

const NOTHING: &str =
    "nothing to forward: name it with -L, -T or -H, or in a configuration file (-f FILE)";

#[cfg(test)]
mod tests {
    use super::super::file::Document;
    use super::*;

    fn plan(locals: &[&str], remotes: &[&str], file: &str) -> Result<Plan> {
        let mut settings = Settings::default();
        settings.add("x.yml", Document::parse(file).unwrap());
        for text in locals {
            settings.add_local(&text.parse().unwrap());
        }
        for text in remotes {
            settings.add_remote(&text.parse().unwrap());
        }
        Plan::new(&settings)
    }

    #[test]
    fn forwards_of_one_hybrid_connection_share_a_forwarder() {
        let file = "RemoteForward:\n- RelayName: a1\n  Http: true\n  HostPort: 80\n";
        let plan = plan(&["80:a1", "81:a2", "82:a1"], &["a1:80", "a1:x/81"], file).unwrap();
        let bound: Vec<_> = plan
            .senders
            .iter()
            .map(|sender| sender.bindings.len())
            .collect();
        assert_eq!(bound, [2, 1]);
        assert_eq!(plan.listeners.len(), 1);
        assert_eq!(plan.listeners[0].bindings.len(), 2);
        assert_eq!(plan.listeners[0].sites.len(), 1);
    }

    #[test]
    fn a_connection_string_of_its_own_makes_another_place() {
        let file = "LocalForward:\n- RelayName: a1\n  BindPort: 90\n  ConnectionString: Endpoint=sb://h/\n\
                    - RelayName: a1\n  BindPort: 91\n  NoAuthentication: yes\n";
        let plan = plan(&["80:a1"], &[], file).unwrap();
        assert_eq!(plan.senders.len(), 3);
    }

    #[test]
    fn what_cannot_be_reached_is_refused() {
        let failure = plan(&[], &["a1:80", "a1:h:80"], "")
            .unwrap_err()
            .to_string();
        assert_eq!(
            failure,
            "-T a1:h:80: the hybrid connection has a target with the port name 80 already"
        );
        let failure = plan(&["80:a1", "80/x:a2"], &[], "")
            .unwrap_err()
            .to_string();
        assert_eq!(failure, "-L 80/x:a2: 80/x is bound by an earlier forward");
        assert!(plan(&["0:a1", "0:a1"], &[], "").is_ok());
        let failure = plan(&[], &[], "").unwrap_err().to_string();
        assert!(failure.starts_with("nothing to forward"), "{failure}");
    }
}
