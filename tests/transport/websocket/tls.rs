//! WebSockets over TLS: which servers the client trusts, and messages over TLS.

use azwire_tests::Authority;
use futures::SinkExt;
use transport::net::UpgradeOptions;
use transport::{ErrorKind, HandshakeRequest, Message, WebSocketConnector};

use super::{Acceptor, assert_kind, connector, next, tls_connector, within};

#[tokio::test]
async fn large_messages_cross_in_both_directions() {
    let authority = Authority::new("wss");
    let mut acceptor = Acceptor::start_tls(UpgradeOptions::default(), &authority);
    let request = HandshakeRequest::new(acceptor.tls_uri("/")).with_subprotocol("a");
    let opened = within(tls_connector(&authority).connect(request))
        .await
        .unwrap();
    let (mut client, mut server) = (opened.socket, acceptor.accept().await);
    let message = Message::binary(
        (0..3_000_000)
            .map(|at| (at % 241) as u8)
            .collect::<Vec<_>>(),
    );
    for _ in 0..2 {
        let (sent, received) =
            within(async { tokio::join!(client.send(message.clone()), next(&mut server)) }).await;
        sent.unwrap();
        assert_eq!(received, message);
        std::mem::swap(&mut client, &mut server);
    }
}

#[tokio::test]
async fn an_unknown_authority_is_not_believed() {
    let acceptor = Acceptor::start_tls(UpgradeOptions::default(), &Authority::new("one"));
    let request = HandshakeRequest::new(acceptor.tls_uri("/?token=S3CRET"));
    let connector = tls_connector(&Authority::new("another"));
    let error = within(connector.connect(request)).await.unwrap_err();
    assert_kind(&error, ErrorKind::Tls);
    assert!(!error.may_be_delivered());
    assert!(!format!("{error} {error:?}").contains("S3CRET"));
}

#[tokio::test]
async fn wss_needs_tls_and_ws_must_not_meet_it() {
    let acceptor = Acceptor::start_tls(UpgradeOptions::default(), &Authority::new("wss"));
    let request = HandshakeRequest::new(acceptor.tls_uri("/"));
    let error = within(connector().connect(request)).await.unwrap_err();
    assert_kind(&error, ErrorKind::InvalidInput);
    // Plaintext to a TLS port: the answer is an alert, which is not HTTP, or nothing.
    let request = HandshakeRequest::new(acceptor.uri("/"));
    let error = within(connector().connect(request)).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::Protocol | ErrorKind::Closed),
        "{error:?}"
    );
}
