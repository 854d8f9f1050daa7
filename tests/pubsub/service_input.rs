//! What cannot be right is refused before anything is sent, with the name of
//! the argument and the rule.

use std::time::Duration;

use auth::AccessKey;
use azwire_tests::within;
use pubsub::{
    ClientAccessOptions, CloseOptions, Content, Endpoint, Error, ErrorKind, Filter, GroupPattern,
    ListOptions, Permission, SendOptions, ServiceClient, ServiceClientBuilder,
};
use transport::SharedHttpClient;
use transport::testing::ScriptedHttp;

fn refused(result: Result<impl Sized, Error>, argument: &str, rule: &str) {
    let Err(error) = result else {
        panic!("{argument} was taken");
    };
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error:?}");
    assert_eq!(error.to_string(), format!("{argument}: {rule}"));
    assert!(!error.may_be_delivered() && !error.is_retryable());
}

fn builder(endpoint: &str) -> ServiceClientBuilder {
    ServiceClient::builder(
        endpoint.parse().unwrap(),
        "chat".parse().unwrap(),
        AccessKey::new("key"),
    )
}

#[tokio::test]
async fn bad_arguments_are_refused_and_nothing_is_sent() {
    within(async {
        let http = ScriptedHttp::new();
        let client = builder("https://contoso.webpubsub.azure.com")
            .http_client(SharedHttpClient::new(http.clone()))
            .build()
            .unwrap();
        let send = SendOptions::default;

        refused(client.hub("1a"), "hub", "must begin with a letter");
        refused(
            client.send_to_group(" ", "x", send()).await,
            "group",
            "must not be empty or blank",
        );
        refused(
            client.send_to_group("g".repeat(1025), "x", send()).await,
            "group",
            "must not be longer than 1024 characters",
        );
        refused(
            client.send_to_user("", "x", send()).await,
            "user_id",
            "must not be empty",
        );
        refused(
            client.send_to_connection("", "x", send()).await,
            "connection_id",
            "must not be empty",
        );
        // These would send to everybody: `users/../:send`.
        let climbs = "must not be . or .., which a path cannot contain";
        refused(
            client.send_to_user("..", "x", send()).await,
            "user_id",
            climbs,
        );
        refused(
            client.send_to_group(".", "x", send()).await,
            "group",
            climbs,
        );
        refused(
            client.connection_exists("..").await,
            "connection_id",
            climbs,
        );

        let range = "must be 0 to 300 seconds";
        for ttl in [Duration::from_millis(300_001), Duration::MAX] {
            refused(
                client.send_to_all("x", send().with_ttl(ttl)).await,
                "ttl",
                range,
            );
        }
        let long = || Filter::user_id().eq("x".repeat(Filter::MAX_LEN));
        let limit = "must not be over 8 KiB";
        refused(
            client.send_to_all("x", send().with_filter(long())).await,
            "filter",
            limit,
        );
        refused(
            client.add_connections_to_groups(["g"], long()).await,
            "filter",
            limit,
        );
        refused(
            client
                .send_to_connection("c", "x", send().with_filter(Filter::verbatim("true")))
                .await,
            "filter",
            "must not be set for a send to a connection",
        );
        let excluded = || send().with_excluded(["c"]).unwrap();
        let rule = "must be empty for a send to a user or a connection";
        refused(
            client.send_to_user("u", "x", excluded()).await,
            "excluded",
            rule,
        );
        refused(
            client.send_to_connection("c", "x", excluded()).await,
            "excluded",
            rule,
        );
        refused(
            send().with_excluded([""]),
            "connection_id",
            "must not be empty",
        );
        let others = CloseOptions::default().with_excluded(["d"]).unwrap();
        refused(
            client.close_connection("c", others).await,
            "excluded",
            "must be empty when one connection is closed",
        );

        let too_much = vec![0; Content::MAX_LEN + 1];
        refused(
            client.send_to_all(too_much.clone(), send()).await,
            "content",
            "must not be over 1 MiB",
        );
        refused(
            Content::from_reader(too_much.as_slice()),
            "content",
            "must not be over 1 MiB",
        );
        refused(
            client.send_to_all("x", many_excluded()).await,
            "request",
            "must not have a URL over 64 KiB",
        );
        let none: [&str; 0] = [];
        refused(
            client.remove_connections_from_groups(none, None).await,
            "groups",
            "must not be empty",
        );
        refused(
            Permission::send_to_group(""),
            "group",
            "must not be empty or blank",
        );
        refused(
            GroupPattern::new("******"),
            "pattern",
            "must not contain more than five *",
        );
        for size in [0, 201] {
            refused(
                ListOptions::default().with_page_size(size),
                "page_size",
                "must be 1 to 200",
            );
        }
        for top in [0, 1 << 31] {
            refused(
                ListOptions::default().with_top(top),
                "top",
                "must be 1 to 2147483647",
            );
        }
        let access = ClientAccessOptions::default().with_lifetime(Duration::ZERO);
        refused(
            client.generate_client_token(&access).await,
            "lifetime",
            "must be more than zero",
        );
        refused(
            client.client_access_url(&access).await,
            "lifetime",
            "must be at least one second",
        );
        assert_eq!(http.requests().len(), 0);
    })
    .await;
}

#[test]
fn an_endpoint_that_cannot_be_right_is_refused() {
    for (text, rule) in [
        (
            "ftp://contoso.example",
            "must begin with http:// or https://",
        ),
        (
            "wss://contoso.example",
            "must begin with http:// or https://",
        ),
        ("contoso.example", "must begin with http:// or https://"),
        (
            "https://u:p@contoso.example",
            "must not contain a user name or password",
        ),
        (
            "https://contoso.example?a=b",
            "must not have a query or a fragment",
        ),
    ] {
        refused(text.parse::<Endpoint>(), "endpoint", rule);
    }
}

#[test]
fn plain_text_stays_on_this_machine_unless_it_is_allowed() {
    let rule = "must be https:// for other machines, unless plain text is allowed";
    refused(builder("http://contoso.example").build(), "endpoint", rule);
    refused(
        ServiceClient::from_connection_string("Endpoint=http://10.0.0.1:8080;AccessKey=k", "chat"),
        "endpoint",
        rule,
    );
    refused(
        builder("https://contoso.example")
            .reverse_proxy_endpoint("http://gateway.example".parse().unwrap())
            .build(),
        "reverse_proxy_endpoint",
        rule,
    );
    for endpoint in [
        "http://localhost:8080",
        "http://127.0.0.1",
        "http://[::1]:1",
    ] {
        assert!(builder(endpoint).build().is_ok(), "{endpoint}");
    }
    let emulator = builder("http://emulator:8080").allow_plain_text(true);
    assert!(emulator.build().is_ok());
}

#[test]
fn options_that_cannot_be_sent_are_refused() {
    let builder = || builder("https://contoso.example");
    let rule = "must be letters, digits, - and ., such as 2024-12-01";
    for version in ["", "2024&x=1", "2024 12"] {
        refused(builder().api_version(version).build(), "api_version", rule);
    }
    refused(
        builder().application_id("a\nb").build(),
        "application_id",
        "must be visible ASCII",
    );
    refused(
        builder().entra_scope(" ").build(),
        "entra_scope",
        "must not be empty",
    );
    refused(
        ServiceClient::from_connection_string("Endpoint=https://h;AccessKey=k", "a/b"),
        "hub",
        "must contain only letters, digits and _ ` , . [ ]",
    );
}

fn many_excluded() -> SendOptions {
    let ids = (0..2000).map(|id| format!("connection-with-a-rather-long-id-{id}"));
    SendOptions::default().with_excluded(ids).unwrap()
}

/// Web PubSub ignores what its official client ignores, and says so where it matters.
#[test]
fn both_services_say_the_same_about_a_wrong_connection_string() {
    for (text, problem) in [
        ("", "the connection string is empty"),
        (" ; ", "the connection string is empty"),
        ("garbage", "part 1 of the connection string has no `=`"),
        (
            "=garbage",
            "part 1 of the connection string has no key before its `=`",
        ),
        (
            "Endpont=sb://h/",
            "the key `Endpont` of the connection string is unknown",
        ),
        ("Endpoint=", "the connection string has no `Endpoint`"),
        (
            "Endpoint=sb://h/;endpoint=sb://h/",
            "the key `endpoint` appears twice in the connection string",
        ),
    ] {
        let expected = format!("connection_string: {problem}");
        let error = text.parse::<pubsub::ConnectionString>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
        let error = text.parse::<relay::ConnectionString>().unwrap_err();
        assert_eq!(error.to_string(), expected, "{text}");
    }
}
