//! Delivery of one message to one queue. Pure, except for the queue.

use std::sync::Arc;
use std::time::Instant;

use crate::pubsub::broadcast::Broadcast;
use crate::pubsub::send_queue::SendQueue;

/// Queues a message unless the connection is excluded; if its queue is full, the
/// connection is added to the `slow` ones. Returns how many connections it was queued for: 0 or 1.
pub(super) fn deliver(
    send_queue: &Arc<SendQueue>,
    excluded: &[String],
    broadcast: &mut Broadcast,
    now: Instant,
    slow: &mut Vec<Arc<str>>,
) -> usize {
    if excluded.iter().any(|id| **id == **send_queue.id()) {
        return 0;
    }
    let Some(frame) = broadcast.frame(send_queue.format()) else {
        return 0;
    };
    match send_queue.push_data(frame, broadcast.expires(), || now) {
        Ok(()) => 1,
        Err(_) => {
            slow.push(Arc::clone(send_queue.id()));
            0
        }
    }
}
