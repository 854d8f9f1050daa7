//! Clients that are not accepted: the response, and what the journal has of it.

use http::{Response, StatusCode, Uri};
use transport::Body;

use super::hub_name;
use crate::answer;
use crate::journal::{Details, Journal, Record, Refused, Service, Text, Url};
use crate::pubsub::query::Query;
use crate::pubsub::token::ClientTokenError;

/// Why a client is not accepted.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) response: Response<Body>,
    reason: Reason,
}

#[derive(Debug)]
enum Reason {
    /// The request breaks a rule, which is the response.
    Request(String),
    Token(ClientTokenError),
    /// A fault or an event handler refused it, whose record says so.
    Elsewhere,
}

impl Refusal {
    /// Refuses with the response of a fault or an event handler.
    pub(super) fn elsewhere(response: Response<Body>) -> Self {
        Self {
            response,
            reason: Reason::Elsewhere,
        }
    }

    /// Records it.
    pub(super) fn record(&self, journal: &Journal, uri: &Uri) {
        let (subject, rule): (_, &dyn std::fmt::Display) = match &self.reason {
            Reason::Elsewhere => return,
            Reason::Request(rule) => ("request", rule),
            Reason::Token(error) => ("token", error),
        };
        journal.record(|| {
            let refused = Refused {
                subject: subject.into(),
                rule: rule.to_string().into(),
                operation: Some("connect".into()),
                url: Some(Url::stripped(&uri.to_string())),
                status: Some(self.response.status().as_u16()),
            };
            let mut record = Record::new(Service::PubSub, Details::Refused(refused));
            let query = Query::parse(uri.query().unwrap_or_default());
            let hub = hub_name(uri.path(), &query);
            record.hub = hub.map(|hub| Text::from(hub.as_str().to_ascii_lowercase()));
            record
        });
    }
}

/// Refuses a request that breaks a rule.
pub(super) fn refuse(status: StatusCode, text: &str) -> Refusal {
    Refusal {
        response: answer::with_body(status, TEXT, text.to_owned()),
        reason: Reason::Request(text.to_owned()),
    }
}

/// Refuses a token. The client is not told why, as at the service.
pub(super) fn unauthorized(error: ClientTokenError) -> Refusal {
    tracing::info!(%error, "client token refused");
    let text = "The access token is missing or not valid.";
    Refusal {
        response: answer::with_body(StatusCode::UNAUTHORIZED, TEXT, text),
        reason: Reason::Token(error),
    }
}

const TEXT: &str = "text/plain; charset=utf-8";
