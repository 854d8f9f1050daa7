//! The TLS port: the issuer of its certificate, and the names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use azwire_tests::relay::peer::*;
use azwire_tests::within;
use emulator::Emulator;
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use transport::Body;
use transport::net::{Handler, Server};
use transport::tls::TlsAcceptor;

type TlsStream = tokio_rustls::client::TlsStream<TcpStream>;

/// A folder that is removed on drop.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn folder(name: &str) -> Folder {
    let path = std::env::temp_dir().join(format!("azwire-relay-tls-{name}-{}", std::process::id()));
    std::fs::remove_dir_all(&path).ok();
    Folder(path)
}

/// Connects to the TLS port under `name`, trusting the certificate in `ca`.
async fn connect(emulator: &Emulator, ca: &Path, name: &str) -> std::io::Result<TlsStream> {
    connect_to(port(emulator).parse().unwrap(), ca, name).await
}

async fn connect_to(port: u16, ca: &Path, name: &str) -> std::io::Result<TlsStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(ca).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await
}

fn port(emulator: &Emulator) -> String {
    let endpoint = emulator.relay().endpoint();
    let port = endpoint.trim_end_matches('/').rsplit(':').next();
    port.unwrap().to_owned()
}

/// Sends one request to the TLS port under `name`.
async fn get(emulator: &Emulator, ca: &Path, name: &str) -> std::io::Result<String> {
    let mut tls = connect(emulator, ca, name).await?;
    let name = match name.contains(':') {
        true => format!("[{name}]"),
        false => name.to_owned(),
    };
    let request = format!(
        "GET /hc1 HTTP/1.1\r\nHost: {name}:{}\r\nConnection: close\r\n\r\n",
        port(emulator)
    );
    tls.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    // The server may end the connection without a TLS close alert.
    let _ = tls.read_to_string(&mut text).await;
    Ok(text)
}

#[tokio::test]
async fn the_authority_is_reused_and_the_names_are_those_asked_for() {
    within(async {
        let folder = folder("reuse");
        let ca = folder.0.join("ca.pem");
        let mut pems = Vec::new();
        let more = &["*.servicebus.windows.net", "10.1.2.3"][..];
        for names in [&[][..], &[], more, &["contoso.servicebus.windows.net"]] {
            let mut config = config(&["hc1"]);
            config.certificates = Some(folder.0.clone());
            config.certificate_names = names.iter().map(|name| (*name).to_owned()).collect();
            let emulator = start(config).await;
            assert_eq!(emulator.relay().ca_certificate(), ca);
            pems.push(std::fs::read_to_string(&ca).unwrap());
            for name in ["localhost", "127.0.0.1", "::1"] {
                let text = get(&emulator, &ca, name).await.unwrap();
                assert!(
                    text.starts_with("HTTP/1.1 401 RelaySecurityTokenRequired"),
                    "{text}"
                );
            }
            let real = get(&emulator, &ca, "contoso.servicebus.windows.net").await;
            assert_eq!(real.is_ok(), !names.is_empty());
            assert!(get(&emulator, &ca, "contoso.example").await.is_err());
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                let key = std::fs::metadata(folder.0.join("ca.key")).unwrap();
                assert_eq!(key.permissions().mode() & 0o077, 0);
            }
        }
        assert_eq!(pems[0], pems[1]);
        // The authority may sign only for its names: more names need another one.
        assert_ne!(pems[1], pems[2]);
        assert_eq!(pems[2], pems[3]);
    })
    .await;
}

#[tokio::test]
async fn the_key_of_the_authority_is_good_for_its_names_alone() {
    within(async {
        let folder = folder("constrained");
        let mut config = config(&["hc1"]);
        config.certificates = Some(folder.0.clone());
        config.certificate_names = vec!["*.Servicebus.windows.net".to_owned()];
        start(config).await;
        let ca = folder.0.join("ca.pem");
        // Somebody who stole the key issues a certificate.
        let key = PrivateKeyDer::from_pem_file(folder.0.join("ca.key")).unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "azwire emulator throw-away CA");
        let issuer = Issuer::new(params, KeyPair::try_from(&key).unwrap());
        for (name, is_good) in [
            ("localhost", true),
            ("127.0.0.1", true),
            ("127.1.2.3", true),
            ("::1", true),
            ("contoso.servicebus.windows.net", true),
            ("servicebus.windows.net", true),
            ("contoso.servicebus.windows.net.example", false),
            ("windows.net", false),
            ("login.microsoftonline.com", false),
            ("10.0.0.1", false),
            ("::2", false),
        ] {
            let key = KeyPair::generate().unwrap();
            let params = CertificateParams::new([name.to_owned()]).unwrap();
            let certificate = params.signed_by(&key, &issuer).unwrap();
            let chain = [certificate.der().to_vec()];
            let acceptor = TlsAcceptor::ring(chain, &key.serialize_der()).unwrap();
            let server = Server::builder(Nothing)
                .bind_tls(([127, 0, 0, 1], 0).into(), acceptor)
                .start()
                .unwrap();
            let connected = connect_to(server.local_addrs()[0].port(), &ca, name).await;
            assert_eq!(connected.is_ok(), is_good, "{name}: {:?}", connected.err());
        }
    })
    .await;
}

#[derive(Debug)]
struct Nothing;

#[async_trait::async_trait]
impl Handler for Nothing {
    async fn handle(&self, _: http::Request<Body>) -> http::Response<Body> {
        http::Response::new(Body::empty())
    }
}

#[tokio::test]
async fn an_address_names_the_host_that_its_listener_used() {
    within(async {
        let mut config = config(&["hc1"]);
        config.certificate_names = vec!["*.servicebus.windows.net".to_owned()];
        let emulator = start(config).await;
        let name = "contoso.servicebus.windows.net";
        let ca = emulator.relay().ca_certificate();
        let mut tls = connect(&emulator, ca, name).await.unwrap();
        let host = format!("{name}:{}", port(&emulator));
        let fields = |host: &str| format!("ServiceBusAuthorization: {}\r\n", root_token(host));
        let listen = opening(&host, "/$hc/hc1?sb-hc-action=listen", &fields(name));
        tls.write_all(listen.as_bytes()).await.unwrap();
        let mut seen = Vec::new();
        let mut until = async |part: &str| {
            loop {
                let text = String::from_utf8_lossy(&seen).into_owned();
                if text.contains(part) {
                    return text;
                }
                assert!(tls.read_buf(&mut seen).await.unwrap() > 0, "{text}");
            }
        };
        let head = until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        // A sender at the other port.
        let plain = authority(&emulator);
        let mut wire = Wire::connect(&plain).await;
        wire.write(opening(&plain, "/$hc/hc1/x", &fields(&plain)))
            .await;
        let text = until("&sb-hc-rendezvous=").await;
        let address = format!(r#""address":"wss://{host}/$hc/hc1/x?sb-hc-action=accept&"#);
        assert!(text.contains(&address), "{text}");
    })
    .await;
}

#[tokio::test]
async fn a_folder_or_name_that_is_no_good_is_named_in_one_line() {
    within(async {
        let folder = folder("bad");
        std::fs::create_dir_all(&folder.0).unwrap();
        std::fs::write(folder.0.join("ca.pem"), "nonsense").unwrap();
        std::fs::write(folder.0.join("ca.key"), "nonsense").unwrap();
        let half = self::folder("half");
        std::fs::create_dir_all(&half.0).unwrap();
        std::fs::write(half.0.join("ca.pem"), "somebody else's").unwrap();
        let (one, other) = (self::folder("one"), self::folder("other"));
        for folder in [&one, &other] {
            let mut config = config(&["hc1"]);
            config.certificates = Some(folder.0.clone());
            start(config).await;
        }
        std::fs::copy(other.0.join("ca.key"), one.0.join("ca.key")).unwrap();
        let mut bad_folder = config(&["hc1"]);
        bad_folder.certificates = Some(folder.0.clone());
        let mut bad_name = config(&["hc1"]);
        bad_name.certificate_names = vec!["not ä name".to_owned()];
        let mut half_folder = config(&["hc1"]);
        half_folder.certificates = Some(half.0.clone());
        let mut mixed_folder = config(&["hc1"]);
        mixed_folder.certificates = Some(one.0.clone());
        for (config, named) in [
            (bad_folder, "ca.pem is not a certificate in PEM"),
            (bad_name, "not ä name"),
            (half_folder, "only one of ca.pem and ca.key"),
            (mixed_folder, "is not the certificate of"),
        ] {
            let error = builder(config).start().await.unwrap_err().to_string();
            assert!(error.contains(named) && !error.contains('\n'), "{error}");
        }
        // The existing files are unchanged.
        let kept = std::fs::read_to_string(half.0.join("ca.pem")).unwrap();
        assert_eq!(kept, "somebody else's");
    })
    .await;
}
