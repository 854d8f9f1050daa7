//! The numbered rules of the state machine, one test or more for each.

mod connecting;
mod delivery;
mod groups;
mod payloads;
mod recovering;
mod reports;
mod requests;
mod unread;

use super::rig::{Rig, group, text};
use crate::session::Reply;
use crate::{AckId, Acknowledged, RequestError, SendToGroupOptions};

fn done(id: u64, is_duplicate: bool) -> Reply {
    let id = AckId::new(id);
    Reply::Acknowledged(
        id,
        Ok(Acknowledged {
            ack_id: id,
            is_duplicate,
        }),
    )
}

fn failed(id: u64, error: RequestError) -> Reply {
    Reply::Acknowledged(AckId::new(id), Err(error))
}

fn send(rig: &mut Rig, payload: &str) -> AckId {
    let options = SendToGroupOptions::default();
    rig.session
        .send_to_group(rig.now, &group("g"), text(payload), options)
        .unwrap()
}

fn sent_frame(ack_id: u64, payload: &str) -> String {
    format!(
        r#"{{"type":"sendToGroup","group":"g","ackId":{ack_id},"noEcho":false,"dataType":"text","data":"{payload}"}}"#
    )
}

/// Joins the group `g` with the ack id 1.
fn join(rig: &mut Rig) {
    rig.session.join_group(rig.now, &group("g")).unwrap();
    assert_eq!(
        rig.sent(),
        [r#"{"type":"joinGroup","group":"g","ackId":1}"#]
    );
    rig.ack(1);
    assert_eq!(rig.replies(), [done(1, false)]);
}
