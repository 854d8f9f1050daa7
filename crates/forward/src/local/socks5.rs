//! The connections of a SOCKS5 server: each names its own target. Shell.

use futures::future::{Either, select};
use relay::RelayStream;

use super::pair::{forward, reason};
use super::{Route, Shared};
use crate::destination::Destination;
use crate::error::{Error, ErrorKind};
use crate::metrics::{FailureReason, Role};
use crate::mode::Mode;
use crate::pairs::OpenPair;
use crate::pump::LocalStream;
use crate::record::Record;
use crate::socks5::{NegotiationError, Reply, Socks5Options, negotiate, refuse, succeed};

/// Serves one client: negotiates, connects to the target that it names, replies, and moves its data.
pub(super) async fn serve(
    shared: &Shared,
    mut local: impl LocalStream,
    route: &Route,
    options: &Socks5Options,
    mut pair: OpenPair,
) {
    let mut record = Record::new(&shared.metrics, &shared.runtime, Role::Sender);
    let negotiating = Box::pin(negotiate(&mut local, options, &shared.runtime));
    let negotiated = match select(negotiating, &mut pair.stop).await {
        Either::Left((negotiated, _)) => Some(negotiated),
        Either::Right(_) => None,
    };
    let Some(negotiated) = negotiated else {
        return local.abort();
    };
    let target = match negotiated {
        Ok(target) => target,
        Err(error) => {
            let why = match error {
                NegotiationError::Timeout => FailureReason::GreetingTimeout,
                _ => FailureReason::Socks5,
            };
            return record.failed(Some(&route.counters), why, &error);
        }
    };
    record.dialling();
    let name = target.to_string();
    let span = tracing::Span::current();
    span.record("destination", &name);
    let counters = shared.metrics.target(Role::Sender, &name);
    let destination = Destination::Target(target);
    match open(shared, &mut pair, &name, &destination).await {
        Ok(relay) => {
            span.record("tracking_id", relay.tracking_id());
            if let Err(error) = succeed(&mut local).await {
                relay.abort();
                return record.failed(Some(&counters), FailureReason::LocalReset, &error);
            }
            forward(shared, local, relay, &destination, counters, record, pair).await;
        }
        Err(failure) => {
            span.record("tracking_id", failure.error.tracking_id());
            // An error: the client is gone, and need not be told.
            let refusing = Box::pin(refuse(&mut local, failure.reply, &shared.runtime));
            // Nor is it waited for by a forwarder that has ended.
            select(refusing, &mut pair.stop).await;
            record.failed(Some(&counters), failure.reason, &failure.error);
        }
    }
}

/// Why a client is not connected.
struct Failure {
    reply: Reply,
    reason: FailureReason,
    error: Error,
}

async fn open(
    shared: &Shared,
    pair: &mut OpenPair,
    name: &str,
    destination: &Destination,
) -> Result<RelayStream, Failure> {
    if !pair.set_target(name) {
        let text = "too many connections to the target are open";
        return Err(Failure {
            reply: Reply::GeneralFailure,
            reason: FailureReason::Limit,
            error: Error::message(ErrorKind::NotAllowed, text),
        });
    }
    let opening = Box::pin(shared.opener.open(destination, Mode::Stream));
    let opened = match select(opening, &mut pair.stop).await {
        Either::Left((opened, _)) => opened,
        Either::Right(_) => Err(Error::message(ErrorKind::Closed, "the forwarder has ended")),
    };
    opened.map_err(|error| Failure {
        reply: reply(&error),
        reason: reason(&error, destination),
        error,
    })
}

/// Returns what a client is told about an error.
fn reply(error: &Error) -> Reply {
    match error.kind() {
        ErrorKind::Dial => error.code().map_or(Reply::GeneralFailure, Reply::of),
        ErrorKind::NotAllowed => Reply::NotAllowed,
        ErrorKind::Timeout => Reply::TtlExpired,
        _ => Reply::GeneralFailure,
    }
}
