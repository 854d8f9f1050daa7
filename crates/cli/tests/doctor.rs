//! `azwire pubsub doctor` against handlers that are right, wrong, and absent.

mod support;

use http::{Request, Response};
use pubsub::webhook::{
    ConnectRequest, ConnectResponse, EventHandler, Rejection, UserEventRequest, UserEventResponse,
    Webhook,
};
use serde_json::Value;
use support::{Program, azwire};
use transport::net::{Handler, Server};
use transport::{Body, async_trait};

const CONNECTION_STRING: &str = "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=ABCDEFGH=;";

/// Does what the samples do.
struct Echo;

#[async_trait]
impl EventHandler for Echo {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        match request.context().user_id().map(|user| user.as_str()) {
            Some("mallory") => Err(Rejection::unauthorized("not you")),
            _ => Ok(ConnectResponse::accept()),
        }
    }

    async fn message(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        match request.data().as_str() {
            Some(text) => Ok(UserEventResponse::text(text.to_owned())),
            None => Err(Rejection::bad_request("text only")),
        }
    }
}

/// Serves a webhook of this crate over HTTP.
#[derive(Debug)]
struct Served(Webhook);

#[async_trait]
impl Handler for Served {
    async fn handle(&self, request: Request<Body>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect(1 << 20).await.expect("it arrives");
        let request = Request::from_parts(head, body);
        self.0.handle(request).await.map(Body::from)
    }
}

/// Answers every request alike.
#[derive(Debug)]
struct Always {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

#[async_trait]
impl Handler for Always {
    async fn handle(&self, _: Request<Body>) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(*name, *value);
        }
        response.body(self.body.into()).expect("it is an answer")
    }
}

fn serve(handler: impl Handler) -> (Server, String) {
    let address = "127.0.0.1:0".parse().expect("it is an address");
    let server = Server::builder(handler)
        .bind(address)
        .start()
        .expect("it starts");
    let url = format!("http://{}/{{hub}}/{{event}}", server.local_addrs()[0]);
    (server, url)
}

fn doctor(url: &str, arguments: &[&str]) -> Program {
    let command = [
        "pubsub",
        "-o",
        "json",
        "doctor",
        "--hub",
        "chat",
        "--handler",
        url,
    ];
    azwire(&command)
        .args(arguments)
        .env("WEBPUBSUB_CONNECTION_STRING", CONNECTION_STRING)
}

/// Returns each check with its verdict, and the exit code.
async fn verdicts(program: Program) -> (Vec<(String, String)>, i32) {
    let ended = program.ended().await;
    let verdicts = ended.stdout.lines().map(|line| {
        let value: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = |name: &str| value[name].as_str().expect("it is text").to_owned();
        (text("check"), text("verdict"))
    });
    (verdicts.collect(), ended.code)
}

fn webhook() -> Webhook {
    let webhook = Webhook::builder()
        .hub("chat", Echo)
        .connection_string(CONNECTION_STRING);
    webhook.build().expect("it is complete")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_handler_is_found_sound() {
    let (_server, url) = serve(Served(webhook()));
    let (verdicts, code) = verdicts(doctor(&url, &["--user", "ann"])).await;
    let expected = [
        ("address", "note"),
        ("validation", "ok"),
        ("connect", "ok"),
        ("signature", "ok"),
        ("connected", "ok"),
        ("user event", "ok"),
        ("disconnected", "ok"),
    ];
    let expected = expected.map(|(check, verdict)| (check.to_owned(), verdict.to_owned()));
    assert_eq!(verdicts, expected);
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_refused_may_be_meant_so() {
    let (_server, url) = serve(Served(webhook()));
    let (verdicts, code) = verdicts(doctor(&url, &["--user", "mallory"])).await;
    assert!(
        verdicts.contains(&("connect".into(), "note".into())),
        "{verdicts:?}"
    );
    assert_eq!(code, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_or_origin_is_told() {
    let (_server, url) = serve(Served(webhook()));
    let wrong = doctor(&url, &[]).env(
        "WEBPUBSUB_CONNECTION_STRING",
        "Endpoint=https://contoso.webpubsub.azure.com;AccessKey=other=;",
    );
    let ended = wrong.ended().await;
    assert_eq!(ended.code, 10, "{ended:?}");
    assert!(
        ended
            .stdout
            .contains("is the key of this resource the handler's"),
        "{ended:?}"
    );
    let other = Always {
        status: 204,
        headers: &[("webhook-allowed-origin", "other.example")],
        body: "",
    };
    let (_server, url) = serve(other);
    let (first, code) = verdicts(doctor(&url, &[])).await;
    assert_eq!(code, 10, "{first:?}");
    assert!(
        first.contains(&("validation".into(), "wrong".into())),
        "{first:?}"
    );
    let (second, _) = verdicts(doctor(&url, &["--origin", "other.example"])).await;
    assert!(
        second.contains(&("validation".into(), "ok".into())),
        "{second:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_said_in_plain_words() {
    let any = Always {
        status: 200,
        headers: &[
            ("webhook-allowed-origin", "*"),
            ("content-type", "text/html"),
        ],
        body: "<p>hello</p>",
    };
    let (_server, url) = serve(any);
    let ended = doctor(&url, &["-o", "text"]).ended().await;
    assert_eq!(ended.code, 10, "{ended:?}");
    for said in [
        "ok     validation: events of contoso.webpubsub.azure.com are allowed by \"*\"",
        "WRONG  connect: the body of the answer is not what the service reads",
        "WRONG  signature: an event with a wrong ce-signature is accepted",
        "WRONG  user event: the answer to \"message\" is \"text/html\"",
    ] {
        assert!(ended.stdout.contains(said), "{said}: {}", ended.stdout);
    }
    let missing = Always {
        status: 404,
        headers: &[],
        body: "",
    };
    let (_server, url) = serve(missing);
    let (verdicts, code) = verdicts(doctor(&url, &[])).await;
    assert!(
        verdicts.contains(&("validation".into(), "wrong".into())),
        "{verdicts:?}"
    );
    assert_eq!(code, 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_not_there_is_one_finding() {
    let (verdicts, code) = verdicts(doctor("http://127.0.0.1:1/{event}", &[])).await;
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    assert_eq!(verdicts[1], ("validation".into(), "wrong".into()));
    assert_eq!(code, 10);
    let ended = doctor("http://{hub}.example/", &[]).ended().await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--handler"), "{ended:?}");
}
