//! TLS: which peers are trusted, what is offered, and what failures report.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use azwire_tests::origin::{Origin, serve_lines};
use azwire_tests::{Authority, Identity, within};
use http::Uri;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{HandshakeKind, NamedGroup, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use transport::ErrorKind;
use transport::net::{ConnectorBuilder, HyperClient};
use transport::tls::{RootCertificates, TlsConnector};

use crate::client::{client, fetch, plain};
use crate::http::{after, on_tokio};

/// What the server saw of each handshake.
type Seen = Arc<Mutex<Vec<(HandshakeKind, Option<NamedGroup>)>>>;

/// A TLS server that answers every request with a fixed line.
async fn origin(config: ServerConfig) -> (Origin, Seen) {
    let seen = Seen::default();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let log = Arc::clone(&seen);
    let origin = Origin::start(move |_, stream| {
        let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
        async move {
            // A client that does not trust us ends the handshake.
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let session = stream.get_ref().1;
            let group = session
                .negotiated_key_exchange_group()
                .map(|group| group.name());
            log.lock()
                .unwrap()
                .push((session.handshake_kind().unwrap(), group));
            serve_lines(stream).await;
        }
    })
    .await;
    (origin, seen)
}

async fn origin_of(identity: Identity) -> Origin {
    origin(identity.server_config()).await.0
}

fn trusting(authority: &Authority) -> ConnectorBuilder {
    let roots = RootCertificates::from_der(authority.der()).unwrap();
    plain().tls(TlsConnector::ring(roots).unwrap())
}

fn https(origin: &Origin, host: &str) -> Uri {
    format!("https://{host}:{}/?s3cret", origin.address.port())
        .parse()
        .unwrap()
}

#[tokio::test]
async fn a_server_of_a_known_authority_is_trusted_by_name_and_by_address() {
    let authority = Authority::new("ours");
    let origin = origin_of(authority.issue(&["localhost", "127.0.0.1"])).await;
    let pem = format!("some text\n{}", authority.pem());
    for roots in [
        RootCertificates::from_pem(pem.as_bytes()).unwrap(),
        RootCertificates::from_der(authority.der()).unwrap(),
        // The platform's roots and one more.
        RootCertificates::platform()
            .with_pem(pem.as_bytes())
            .unwrap(),
    ] {
        let client = client(plain().tls(TlsConnector::ring(roots).unwrap()));
        for host in ["localhost", "127.0.0.1"] {
            let text = within(fetch(&client, &https(&origin, host))).await.unwrap();
            assert_eq!(text, "GET /?s3cret HTTP/1.1");
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_acceptable_is_refused_with_its_reason() {
    let authority = Authority::new("ours");
    let good = authority.issue(&["localhost"]);
    let expired = authority.issue_expired(&["localhost"]);
    let other = authority.issue(&["hub.example"]);
    let trusting = || client(trusting(&authority));
    let strange = |name| client(self::trusting(&Authority::new(name)));
    let platform = || client(plain().tls(TlsConnector::default()));
    let cases: [(Identity, HyperClient, &str); 5] = [
        (good.clone(), strange("theirs"), "issuer is unknown"),
        // A root that was recreated under the old name.
        (
            good.clone(),
            strange("ours"),
            "an older one with the same name",
        ),
        (good, platform(), "issuer is unknown"),
        (other, trusting(), "for a different name"),
        (expired, trusting(), "has expired"),
    ];
    for (identity, client, reason) in cases {
        let origin = origin_of(identity).await;
        let error = within(fetch(&client, &https(&origin, "localhost")))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
        assert!(!error.may_be_delivered() && !error.is_retryable());
        let text = error.to_string();
        assert!(text.contains(reason), "{text}");
        assert!(
            text.contains(&format!("localhost:{}", origin.address.port())),
            "{text}"
        );
        assert!(!format!("{error} {error:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn whoever_has_the_key_of_its_certificate_is_trusted_if_told_so() {
    let authority = Authority::new("unknown");
    let trusting = || {
        let tls = TlsConnector::ring(RootCertificates::dangerous_any()).unwrap();
        client(plain().tls(tls))
    };
    let good = authority.issue(&["localhost"]);
    for identity in [
        good.clone(),
        authority.issue(&["hub.example"]),
        authority.issue_expired(&["localhost"]),
    ] {
        for versions in [[&rustls::version::TLS13], [&rustls::version::TLS12]] {
            let resolver = identity.clone().server_config().cert_resolver;
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ServerConfig::builder_with_provider(provider)
                .with_protocol_versions(&versions)
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(resolver);
            let (origin, _) = origin(config).await;
            let fetched = within(fetch(&trusting(), &https(&origin, "localhost"))).await;
            assert_eq!(fetched.unwrap(), "GET /?s3cret HTTP/1.1");
        }
    }
    // One that shows the certificate of another.
    let mut stolen = authority.issue(&["localhost"]);
    stolen.chain = good.chain;
    let key = PrivateKeyDer::try_from(stolen.key).unwrap();
    let key = rustls::crypto::ring::sign::any_supported_type(&key).unwrap();
    let chain = stolen.chain.into_iter().map(CertificateDer::from).collect();
    let shown = Arc::new(rustls::sign::SingleCertAndKey::from(
        rustls::sign::CertifiedKey::new(chain, key),
    ));
    for versions in [[&rustls::version::TLS13], [&rustls::version::TLS12]] {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        let (origin, _) = origin(config).await;
        let fetched = within(fetch(&trusting(), &https(&origin, "localhost"))).await;
        let error = fetched.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
        let text = error.to_string();
        assert!(text.contains("signature does not match"), "{text}");
    }
}

#[tokio::test]
async fn p384_is_offered_first_and_sessions_are_resumed() {
    let authority = Authority::new("ours");
    let mut config = authority.issue(&["localhost"]).server_config();
    // Like Azure Relay's front ends: only P-384.
    let mut provider = rustls::crypto::ring::default_provider();
    provider
        .kx_groups
        .retain(|group| group.name() == NamedGroup::secp384r1);
    for versions in [[&rustls::version::TLS13], [&rustls::version::TLS12]] {
        let resolver = Arc::clone(&config.cert_resolver);
        config = ServerConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(&versions)
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        let (origin, seen) = origin(config.clone()).await;
        let connector = trusting(&authority).build();
        let idle_none = || {
            HyperClient::builder(connector.clone())
                .max_idle_per_host(0)
                .build()
        };
        // Two clients over one connector: the sessions belong to the connector.
        for client in [idle_none(), idle_none()] {
            within(fetch(&client, &https(&origin, "localhost")))
                .await
                .unwrap();
        }
        let seen = seen.lock().unwrap();
        // Without a second round trip for another group, and the second time without a certificate.
        let group = Some(NamedGroup::secp384r1);
        assert_eq!(seen[0], (HandshakeKind::Full, group), "{versions:?}");
        assert_eq!(seen[1].0, HandshakeKind::Resumed, "{versions:?}");
    }
}

#[tokio::test]
async fn a_peer_that_is_no_tls_server_is_told_from_one_that_leaves() {
    let authority = Authority::new("ours");
    let client = client(trusting(&authority));
    let talking = Origin::start(|_, mut stream| async move {
        _ = stream.write_all(b"220 mail.example ready\r\n").await;
        _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let error = within(fetch(&client, &https(&talking, "localhost")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
    assert!(
        error.to_string().ends_with("the peer does not speak TLS"),
        "{error}"
    );

    let leaving = Origin::start(|_, mut stream| async move {
        _ = stream.read_u8().await;
    })
    .await;
    let error = within(fetch(&client, &https(&leaving, "localhost")))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error:?}");
    assert!(error.is_retryable() && !error.may_be_delivered());
    assert!(
        error
            .to_string()
            .ends_with("closed the connection during the TLS handshake"),
        "{error}"
    );
}

#[tokio::test]
async fn a_stall_in_the_handshake_ends_with_the_deadline() {
    let authority = Authority::new("ours");
    let (silent, heard) = Origin::silent().await;
    let clock = on_tokio();
    let connector = trusting(&authority)
        .connect_timeout(Duration::from_secs(9))
        .runtime(clock.shared());
    let client = client(connector);
    let uri = https(&silent, "localhost");
    let error = after(&clock, heard, Duration::from_secs(9), fetch(&client, &uri))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    assert!(!error.may_be_delivered());
    assert!(
        error
            .to_string()
            .starts_with("the TLS handshake with localhost:"),
        "{error}"
    );
}

#[test]
fn roots_are_checked_where_they_are_given() {
    let authority = Authority::new("ours");
    let pem = authority.pem();
    let broken = pem.replace("-----END", "----END");
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for text in ["", "text", &broken, key, garbage] {
        let error = RootCertificates::from_pem(text.as_bytes()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}");
    }
    assert!(RootCertificates::from_der(vec![1, 2, 3]).is_err());
    let both = RootCertificates::from_pem(format!("{key}{pem}{pem}").as_bytes()).unwrap();
    assert!(format!("{both:?}").contains("extra: 2"));
    let error = TlsConnector::ring(RootCertificates::none()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls);
}
