//! A certificate authority for one test.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that is trusted only where a test says so.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: Certificate,
}

impl Authority {
    /// Creates an authority with a fresh key.
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("the crypto library makes keys");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params
            .self_signed(&key)
            .expect("the parameters are complete");
        Self {
            issuer: Issuer::new(params, key),
            certificate,
        }
    }

    /// The authority's certificate in DER.
    pub fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The authority's certificate in PEM (RFC 7468).
    pub fn pem(&self) -> String {
        let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
        for (index, letter) in STANDARD.encode(self.der()).chars().enumerate() {
            if index > 0 && index % 64 == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push_str("\n-----END CERTIFICATE-----\n");
        pem
    }

    /// Issues a certificate for a server with these names and addresses.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.sign(params_for(names))
    }

    /// Issues a certificate that expired in the year 2000.
    pub fn issue_expired(&self, names: &[&str]) -> Identity {
        let mut params = params_for(names);
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(2000, 1, 1);
        self.sign(params)
    }

    fn sign(&self, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("the crypto library makes keys");
        let certificate = params
            .signed_by(&key, &self.issuer)
            .expect("the parameters are complete");
        Identity {
            chain: vec![certificate.der().to_vec(), self.der().to_vec()],
            key: key.serialize_der(),
        }
    }
}

/// A server's identity: its chain and its key, in DER.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Identity {
    /// The certificates, the server's own first.
    pub chain: Vec<Vec<u8>>,
    /// The private key (PKCS#8).
    pub key: Vec<u8>,
}

impl Identity {
    /// Returns the settings of a rustls server with this identity, for the test to change.
    pub fn server_config(self) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                self.chain.into_iter().map(CertificateDer::from).collect(),
                PrivateKeyDer::try_from(self.key).unwrap(),
            )
            .unwrap()
    }
}

fn params_for(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("the names are ASCII")
}
