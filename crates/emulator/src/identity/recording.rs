//! What the journal has of requests to the authority: never their bodies, nor those of the answers.

use std::borrow::Cow;
use std::time::Instant;

use http::{Request, Response};
use transport::Body;

use crate::journal::{self, Details, Record, Refused, Service, Text, Url};

/// The rule that a request broke, in an extension of its response.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// The number after `AADSTS`.
    pub(super) code: Option<u32>,
    pub(super) text: Cow<'static, str>,
}

/// A request, from its arrival to its records.
#[derive(Debug)]
pub(super) struct Draft {
    operation: Option<&'static str>,
    method: Text,
    url: Url,
    began: Instant,
}

impl Draft {
    /// Takes down a request.
    pub(super) fn of(
        request: &Request<Body>,
        operation: Option<&'static str>,
        began: Instant,
    ) -> Self {
        Self {
            operation,
            method: request.method().as_str().into(),
            url: Url::stripped(&request.uri().to_string()),
            began,
        }
    }

    /// Returns the record of the rule that it broke, if it did, and its own.
    pub(super) fn into_records(
        self,
        response: &Response<Body>,
        now: Instant,
    ) -> (Option<Record>, Record) {
        let status = response.status().as_u16();
        let rule: Option<&Rule> = response.extensions().get();
        let refused = rule.map(|rule| {
            let refused = Refused {
                subject: "credential".into(),
                rule: match rule.code {
                    Some(code) => format!("AADSTS{code}: {}", rule.text).into(),
                    None => Text::from(&*rule.text),
                },
                operation: self.operation.map(Text::from),
                url: None,
                status: Some(status),
            };
            Record::new(Service::Identity, Details::Refused(refused))
        });
        let request = journal::Request {
            operation: self.operation.map(Text::from),
            method: self.method,
            url: self.url,
            status,
            error: rule.and_then(|rule| Some(format!("AADSTS{}", rule.code?).into())),
            receivers: None,
        };
        let record = Record::new(Service::Identity, Details::Request(request));
        let took = now.saturating_duration_since(self.began);
        (refused, record.with_took(took))
    }
}
