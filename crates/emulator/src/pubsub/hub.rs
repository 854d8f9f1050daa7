//! One hub: its connections, groups and users. Pure but for the queues.

use std::collections::{BTreeSet, HashMap, HashSet};

use pubsub::Data;
use pubsub::protocol::{AckError, Sender};

use super::outbox::{Broadcast, Format, Outbox, Outgoing};

/// The state of one hub.
#[derive(Debug, Default)]
pub(super) struct Hub {
    connections: HashMap<String, Connection>,
    groups: HashMap<String, BTreeSet<String>>,
    /// How many connections were dropped because they read too slowly.
    slow: u64,
}

/// A client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) user_id: Option<String>,
    pub(super) roles: HashSet<String>,
    pub(super) groups: BTreeSet<String>,
    pub(super) format: Format,
    pub(super) outbox: Outbox,
}

impl Connection {
    fn may(&self, permission: &str, group: &str) -> Result<(), AckError> {
        let any = self.roles.contains(permission);
        let one = || self.roles.contains(&format!("{permission}.{group}"));
        if any || one() {
            return Ok(());
        }
        let verb = match permission {
            JOIN_LEAVE_GROUP => "join or leave",
            _ => "send to",
        };
        Err(AckError::new(
            "Forbidden",
            format!("The client does not have permission to {verb} group '{group}'."),
        ))
    }
}

/// The connections that a send is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target<'a> {
    All,
    Connection(&'a str),
    Group(&'a str),
    User(&'a str),
}

impl Hub {
    pub(super) fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    pub(super) fn connect(&mut self, id: &str, connection: Connection) {
        for group in &connection.groups {
            self.groups
                .entry(group.clone())
                .or_default()
                .insert(id.to_owned());
        }
        self.connections.insert(id.to_owned(), connection);
    }

    pub(super) fn disconnect(&mut self, id: &str) {
        if let Some(connection) = self.connections.remove(id) {
            for group in connection.groups {
                self.leave_membership(id, &group);
            }
        }
    }

    pub(super) fn join(&mut self, id: &str, group: &str) -> Result<(), AckError> {
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(());
        };
        connection.may(JOIN_LEAVE_GROUP, group)?;
        connection.groups.insert(group.to_owned());
        self.groups
            .entry(group.to_owned())
            .or_default()
            .insert(id.to_owned());
        Ok(())
    }

    pub(super) fn leave(&mut self, id: &str, group: &str) -> Result<(), AckError> {
        let Some(connection) = self.connections.get_mut(id) else {
            return Ok(());
        };
        connection.may(JOIN_LEAVE_GROUP, group)?;
        connection.groups.remove(group);
        self.leave_membership(id, group);
        Ok(())
    }

    /// Publishes what the client `id` sent.
    pub(super) fn publish(
        &mut self,
        id: &str,
        group: &str,
        data: Data,
        no_echo: bool,
    ) -> Result<(), AckError> {
        let Some(connection) = self.connections.get(id) else {
            return Ok(());
        };
        connection.may(SEND_TO_GROUP, group)?;
        let from = Sender::Group {
            group: group.to_owned(),
            from_user_id: connection.user_id.clone(),
        };
        let excluded: &[&str] = if no_echo { &[id] } else { &[] };
        self.send(Target::Group(group), excluded, Broadcast::new(from, data));
        Ok(())
    }

    /// Queues a message for every connection of the target. One whose queue is
    /// full is dropped, so that it never slows the others.
    pub(super) fn send(&mut self, target: Target<'_>, excluded: &[&str], mut broadcast: Broadcast) {
        let mut slow = Vec::new();
        let mut deliver = |id: &str, connection: &Connection| {
            if excluded.contains(&id) {
                return;
            }
            if let Some(message) = broadcast.encode(connection.format)
                && !connection.outbox.push(Outgoing::Message(message))
            {
                slow.push(id.to_owned());
            }
        };
        match target {
            Target::All => self
                .connections
                .iter()
                .for_each(|(id, connection)| deliver(id, connection)),
            Target::Connection(id) => {
                if let Some(connection) = self.connections.get(id) {
                    deliver(id, connection);
                }
            }
            Target::Group(group) => {
                for id in self.groups.get(group).into_iter().flatten() {
                    if let Some(connection) = self.connections.get(id) {
                        deliver(id, connection);
                    }
                }
            }
            Target::User(user) => self
                .connections
                .iter()
                .filter(|(_, connection)| connection.user_id.as_deref() == Some(user))
                .for_each(|(id, connection)| deliver(id, connection)),
        }
        self.slow += slow.len() as u64;
        for id in slow {
            tracing::warn!(connection_id = id, "dropped: it reads too slowly");
            self.disconnect(&id);
        }
    }

    pub(super) fn state(&self) -> serde_json::Value {
        serde_json::json!({
            "connections": self.connections.len(),
            "groups": self.groups.len(),
            "slowConnectionsDropped": self.slow,
        })
    }

    fn leave_membership(&mut self, id: &str, group: &str) {
        if let Some(members) = self.groups.get_mut(group) {
            members.remove(id);
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
    }
}

const JOIN_LEAVE_GROUP: &str = "webpubsub.joinLeaveGroup";
const SEND_TO_GROUP: &str = "webpubsub.sendToGroup";

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::Receiver;
    use transport::Message;

    use super::*;

    fn connection(user: Option<&str>, roles: &[&str]) -> (Connection, Receiver<Outgoing>) {
        let (outbox, queue) = Outbox::new();
        let connection = Connection {
            user_id: user.map(str::to_owned),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            groups: BTreeSet::new(),
            format: Format::Json,
            outbox,
        };
        (connection, queue)
    }

    fn text(queue: &mut Receiver<Outgoing>) -> Option<String> {
        match queue.try_recv().ok()? {
            Outgoing::Message(Message::Text(text)) => Some(text.to_string()),
            other => panic!("unexpected {other:?}"),
        }
    }

    #[test]
    fn a_role_is_for_one_group_or_for_all() {
        let mut hub = Hub::default();
        let (connection, _queue) = connection(None, &["webpubsub.joinLeaveGroup.a.b"]);
        hub.connect("c", connection);
        assert_eq!(hub.join("c", "a.b"), Ok(()));
        assert_eq!(hub.join("c", "a").unwrap_err().name, "Forbidden");
        let data = Data::Text("x".into());
        assert_eq!(
            hub.publish("c", "a.b", data, false).unwrap_err().name,
            "Forbidden"
        );
    }

    #[test]
    fn groups_vanish_with_their_last_member() {
        let mut hub = Hub::default();
        let (connection, _queue) = connection(None, &["webpubsub.joinLeaveGroup"]);
        hub.connect("c", connection);
        hub.join("c", "g").unwrap();
        assert_eq!(hub.groups.len(), 1);
        hub.disconnect("c");
        assert!(hub.groups.is_empty() && hub.is_empty());
    }

    #[test]
    fn no_echo_leaves_out_the_senders_own_connection_only() {
        let mut hub = Hub::default();
        let roles = ["webpubsub.joinLeaveGroup", "webpubsub.sendToGroup"];
        let (a, mut a_queue) = connection(Some("u"), &roles);
        let (b, mut b_queue) = connection(Some("u"), &roles);
        hub.connect("a", a);
        hub.connect("b", b);
        hub.join("a", "g").unwrap();
        hub.join("b", "g").unwrap();
        hub.publish("a", "g", Data::Text("x".into()), true).unwrap();
        assert_eq!(text(&mut a_queue), None);
        let received = text(&mut b_queue).unwrap();
        assert_eq!(
            received,
            r#"{"type":"message","from":"group","group":"g","fromUserId":"u","dataType":"text","data":"x"}"#
        );
    }

    #[test]
    fn a_slow_reader_is_dropped_and_counted() {
        let mut hub = Hub::default();
        let (slow, _queue) = connection(None, &[]);
        hub.connect("slow", slow);
        for _ in 0..1001 {
            hub.send(
                Target::All,
                &[],
                Broadcast::new(Sender::Server, Data::Text("x".into())),
            );
        }
        assert!(hub.is_empty());
        assert_eq!(hub.state()["slowConnectionsDropped"], 1);
    }
}
