//! A throw-away certificate authority and a certificate for this machine's
//! loopback names.
//!
//! Loopback only: nobody should trust such an authority for anything else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use transport::tls::TlsAcceptor;

use crate::{Error, Result};

/// A certificate authority and a server's certificate made by it.
pub(crate) struct Certificates {
    pub(crate) ca_pem: String,
    pub(crate) acceptor: TlsAcceptor,
}

impl Certificates {
    /// Makes a server's certificate, by the authority in `folder` if there is one.
    /// A new authority is written there as `ca.pem` and `ca.key`.
    pub(crate) fn load_or_make(folder: &Path, names: &[String]) -> Result<Self> {
        let wrong = |error: rcgen::Error| Error::new("cannot make a certificate", error);
        let unusable = |error: std::io::Error| {
            Error::new(
                format!(
                    "cannot use the certificate folder {}: {error}",
                    folder.display()
                ),
                error,
            )
        };
        let (ca_file, key_file) = (folder.join("ca.pem"), folder.join("ca.key"));
        let (ca_key, ca_pem) = if key_file.exists() && ca_file.exists() {
            let pem = std::fs::read_to_string(&key_file).map_err(unusable)?;
            let key = from_pem(&pem).and_then(|der| KeyPair::try_from(der).ok());
            let key = key.ok_or_else(|| {
                Error::message(format!(
                    "{} is not a private key in PEM",
                    key_file.display()
                ))
            })?;
            let pem = std::fs::read_to_string(&ca_file).map_err(unusable)?;
            // A certificate holds its public key as it is.
            let public = key.public_key_raw();
            let is_its = from_pem(&pem)
                .is_some_and(|der| der.windows(public.len()).any(|part| part == public));
            if !is_its {
                return Err(Error::message(format!(
                    "{} is not the certificate of {}",
                    ca_file.display(),
                    key_file.display()
                )));
            }
            (key, pem)
        } else if key_file.exists() || ca_file.exists() {
            return Err(Error::message(format!(
                "the certificate folder {} holds only one of ca.pem and ca.key; it is somebody else's, or damaged",
                folder.display()
            )));
        } else {
            let key = KeyPair::generate().map_err(wrong)?;
            let ca = ca_params().self_signed(&key).map_err(wrong)?;
            let pem = to_pem("CERTIFICATE", ca.der());
            std::fs::create_dir_all(folder).map_err(unusable)?;
            write_private(&key_file, &to_pem("PRIVATE KEY", &key.serialize_der()))
                .map_err(unusable)?;
            std::fs::write(&ca_file, &pem).map_err(unusable)?;
            (key, pem)
        };
        let issuer = Issuer::new(ca_params(), ca_key);
        let key = KeyPair::generate().map_err(wrong)?;
        let certificate = server_params(names)?
            .signed_by(&key, &issuer)
            .map_err(wrong)?;
        let acceptor = TlsAcceptor::ring([certificate.der().to_vec()], &key.serialize_der())
            .map_err(|error| Error::new("cannot use the certificate", error))?;
        Ok(Self { ca_pem, acceptor })
    }
}

fn ca_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "azwire emulator throw-away CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_params(names: &[String]) -> Result<CertificateParams> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "azwire emulator");
    params.subject_alt_names = vec![
        SanType::DnsName("localhost".try_into().expect("a host name is ASCII")),
        SanType::IpAddress(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        SanType::IpAddress(IpAddr::V6(Ipv6Addr::LOCALHOST)),
    ];
    for name in names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.as_str().try_into().map_err(|_| {
                Error::message(format!("certificate name {name:?}: not a host name"))
            })?),
        });
    }
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn to_pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    // 64 characters a line (RFC 7468 §2).
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().map(|byte| char::from(*byte)));
        pem.push('\n');
    }
    pem.push_str(&format!("-----END {label}-----\n"));
    pem
}

fn from_pem(pem: &str) -> Option<Vec<u8>> {
    let text: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    STANDARD.decode(text).ok()
}

/// Writes a file that only its owner can read, where the system knows such a thing.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, text.as_bytes())
}
