//! What ports of streams and SOCKS5 servers have in common. Shell.

use std::sync::Arc;

use bytes::Bytes;
use relay::RelayStream;

use super::Shared;
use crate::destination::Destination;
use crate::error::{Error, ErrorKind};
use crate::metrics::{FailureReason, TargetCounters};
use crate::options::limit;
use crate::pairs::OpenPair;
use crate::pump::{LocalStream, LossIs, PumpTerms, pump};
use crate::record::Record;

/// Moves the data of a pair that has been opened.
pub(super) async fn forward(
    shared: &Shared,
    local: impl LocalStream,
    relay: RelayStream,
    destination: &Destination,
    counters: Arc<TargetCounters>,
    record: Record,
    pair: OpenPair,
) {
    let open = record.open(Arc::clone(&counters));
    let OpenPair { stop, guard } = pair;
    let terms = PumpTerms {
        runtime: shared.runtime.clone(),
        idle: limit(shared.options.idle_timeout),
        counters,
        loss: LossIs::of(destination),
        stop,
    };
    let ended = pump(local, relay, Bytes::new(), terms).await;
    open.ended(&ended);
    drop(guard);
}

/// Returns the reason under which a failure to open is counted.
pub(super) fn reason(error: &Error, destination: &Destination) -> FailureReason {
    match (error.kind(), destination) {
        (ErrorKind::Dial, _) => error.code().map_or(FailureReason::Dial, Into::into),
        (ErrorKind::NotAllowed, Destination::PortName(_)) => FailureReason::UnknownPortName,
        (ErrorKind::NotAllowed, Destination::Target(_) | Destination::Socks5(_)) => {
            FailureReason::NotAllowed
        }
        (ErrorKind::Protocol, _) => FailureReason::Greeting,
        (ErrorKind::Closed, _) => FailureReason::Stopped,
        // That of the relay has a source.
        (ErrorKind::Timeout, _) if std::error::Error::source(error).is_none() => {
            FailureReason::GreetingTimeout
        }
        _ => FailureReason::Relay,
    }
}
