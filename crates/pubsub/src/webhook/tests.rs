//! Tests of whole webhooks: limits, hubs, time, secrets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::executor::block_on;
use futures::future::pending;
use http::request::Builder;
use http::{Request, Response};
use transport::SharedRuntime;
use transport::testing::ManualRuntime;

use super::{
    EventHandler, Rejection, UserEventRequest, UserEventResponse, Webhook, WebhookBuilder,
    WebhookLimits,
};
use crate::ErrorKind;

/// Answers with its name, and counts.
#[derive(Default)]
struct Named(&'static str, AtomicUsize);

#[async_trait]
impl EventHandler for Named {
    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        self.1.fetch_add(1, Ordering::Relaxed);
        let event = request.context().event_name().to_owned();
        Ok(UserEventResponse::text(format!("{} {event}", self.0)))
    }
}

fn event(hub: &str) -> Builder {
    Request::post("/?code=s3cret")
        .header("ce-type", "azure.webpubsub.user.e")
        .header("ce-hub", hub)
        .header("ce-connectionId", "conn1")
        .header("content-type", "text/plain")
}

fn ask(webhook: &Webhook, request: Builder, body: impl Into<Bytes>) -> Response<Bytes> {
    block_on(webhook.handle(request.body(body.into()).unwrap()))
}

#[test]
fn each_hub_has_its_handler() {
    let both = || {
        Webhook::builder()
            .hub("Chat", Named("chat", AtomicUsize::default()))
            .hub("news", Named("news", AtomicUsize::default()))
    };
    let webhook = both().build().unwrap();
    assert_eq!(ask(&webhook, event("CHAT"), "").body(), "chat e");
    assert_eq!(ask(&webhook, event("news"), "").body(), "news e");
    assert_eq!(ask(&webhook, event("other"), "").status(), 404);
    let webhook = both().any_hub(Named("any", AtomicUsize::default()));
    let webhook = webhook.build().unwrap();
    assert_eq!(ask(&webhook, event("news"), "").body(), "news e");
    assert_eq!(ask(&webhook, event("other"), "").body(), "any e");
    assert_eq!(ask(&webhook, event("not a hub"), "").status(), 400);
}

#[test]
fn a_webhook_needs_handlers_and_good_settings() {
    let builder = Webhook::builder;
    let handler = || Named("a", AtomicUsize::default());
    let mut bad: Vec<WebhookBuilder> = vec![
        builder(),
        builder().hub("1st", handler()),
        builder().hub("a", handler()).hub("A", handler()),
    ];
    #[cfg(feature = "_hmac")]
    bad.extend([
        builder()
            .hub("a", handler())
            .access_key(&auth::AccessKey::new("")),
        builder()
            .hub("a", handler())
            .connection_string("Endpoint=x"),
    ]);
    for builder in bad.drain(..) {
        let error = builder.build().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    }
}

#[test]
fn what_is_too_large_is_refused_unread() {
    let handler = Arc::new(Named::default());
    let limits = WebhookLimits::default().with_body(10).with_headers(400);
    let webhook = Webhook::builder()
        .hub("chat", handler.clone())
        .limits(limits);
    let webhook = webhook.build().unwrap();
    assert_eq!(ask(&webhook, event("chat"), "0123456789").status(), 200);
    assert_eq!(ask(&webhook, event("chat"), "0123456789a").status(), 413);
    let says_so = event("chat").header("content-length", "11");
    assert_eq!(ask(&webhook, says_so, "").status(), 413);
    let head = event("chat")
        .header("content-length", "11")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    assert_eq!(webhook.answer_head(&head).unwrap().status(), 413);
    let large = event("chat").header("ce-connectionState", "s".repeat(400));
    assert_eq!(ask(&webhook, large, "").status(), 431);
    assert_eq!(handler.1.load(Ordering::Relaxed), 1);
    let head = event("chat").body(()).unwrap().into_parts().0;
    assert!(webhook.answer_head(&head).is_none());
}

#[test]
fn a_handler_that_takes_too_long_is_dropped() {
    struct Slow(Arc<Mutex<bool>>);
    struct Dropped(Arc<Mutex<bool>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            *self.0.lock().unwrap() = true;
        }
    }
    #[async_trait]
    impl EventHandler for Slow {
        async fn user_event(&self, _: UserEventRequest) -> Result<UserEventResponse, Rejection> {
            let _dropped = Dropped(self.0.clone());
            pending().await
        }
    }

    let runtime = ManualRuntime::new();
    let is_dropped = Arc::new(Mutex::new(false));
    let webhook = Webhook::builder()
        .hub("chat", Slow(is_dropped.clone()))
        .time_limit(Duration::from_secs(5), SharedRuntime::new(runtime.clone()))
        .build()
        .unwrap();
    let request = event("chat").body(Bytes::new()).unwrap();
    let mut handled = Box::pin(webhook.handle(request));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(handled.as_mut().poll(&mut context).is_pending());
    runtime.advance(Duration::from_secs(4));
    assert!(handled.as_mut().poll(&mut context).is_pending());
    assert!(!*is_dropped.lock().unwrap());
    runtime.advance(Duration::from_secs(1));
    assert_eq!(block_on(handled).status(), 503);
    assert!(*is_dropped.lock().unwrap());
}

#[test]
fn nothing_secret_is_shown() {
    struct Showing(Arc<Mutex<String>>);
    #[async_trait]
    impl EventHandler for Showing {
        async fn user_event(
            &self,
            request: UserEventRequest,
        ) -> Result<UserEventResponse, Rejection> {
            *self.0.lock().unwrap() = format!("{request:?}");
            Err(Rejection::bad_request("s3cret"))
        }
    }

    let shown = Arc::new(Mutex::new(String::new()));
    let webhook = Webhook::builder().hub("chat", Showing(shown.clone()));
    #[cfg(feature = "_hmac")]
    let webhook = webhook.access_key(&auth::AccessKey::new("s3cret"));
    assert!(!format!("{webhook:?}").contains("s3cret"));
    let webhook = webhook.build().unwrap();
    assert!(!format!("{webhook:?}").contains("s3cret"));

    // hmac.new(b"s3cret", b"conn1", "sha256") in Python.
    let signature = "sha256=c53978ff6f851e0f833747db42013e5cd43a3899ed5612c9d9eaf024eec76e1a";
    let request = event("chat")
        .header("ce-signature", signature)
        .header("ce-userId", "s3cret")
        .header("ce-connectionState", "s3cret")
        .header("authorization", "Bearer s3cret");
    let response = ask(&webhook, request, "s3cret");
    assert_eq!(response.status(), 400);
    let shown = shown.lock().unwrap();
    assert!(shown.contains("conn1"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");
    assert!(!format!("{:?}", Rejection::bad_request("s3cret")).contains("s3cret"));
}

#[test]
fn an_event_that_is_not_known_has_the_name_of_its_type() {
    use super::UpstreamEvent;

    for (event_type, name) in [
        ("azure.webpubsub.sys.joined", "joined"),
        ("azure.webpubsub.gp.renamed", "renamed"),
        ("azure.webpubsub.new.a.b", "a.b"),
        ("azure.webpubsub.thing", "thing"),
    ] {
        let request = Request::post("/")
            .header("ce-type", event_type)
            .header("ce-hub", "chat")
            .header("ce-connectionId", "conn1")
            .body(Bytes::new())
            .unwrap();
        let event = UpstreamEvent::from_request(request).unwrap();
        assert!(matches!(event, UpstreamEvent::Unknown(_)), "{event_type}");
        assert_eq!(event.context().event_name(), name);
    }
}
