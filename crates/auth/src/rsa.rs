//! RSA signatures with SHA-256 (RS256, RFC 7518 §3.3), as Entra ID makes them; beside `hmac`
//! the only module that calls a crypto library.

use std::fmt;

use ring::rand::SystemRandom;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};

/// A private key with its public half, parsed once for any number of signatures.
pub struct RsaKeyPair {
    key: KeyPair,
    public: RsaPublicKey,
    /// ring blinds with it; the signature does not depend on it.
    random: SystemRandom,
}

impl RsaKeyPair {
    /// Parses the DER of a PKCS#8 private key of 2048 bits or more. `None` if it is anything else.
    pub fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let key = KeyPair::from_pkcs8(der).ok()?;
        let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
        Some(Self {
            key,
            public: RsaPublicKey(public),
            random: SystemRandom::new(),
        })
    }

    /// Returns the public half.
    pub fn public(&self) -> &RsaPublicKey {
        &self.public
    }

    /// Returns the signature of `message`: always the same one. `None` if the system has no
    /// random numbers to blind with.
    pub fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let mut signature = vec![0; self.key.public().modulus_len()];
        let made = self
            .key
            .sign(&RSA_PKCS1_SHA256, &self.random, message, &mut signature);
        made.ok().map(|()| signature)
    }
}

impl fmt::Debug for RsaKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaKeyPair(..)")
    }
}

/// A public key.
#[derive(Clone)]
pub struct RsaPublicKey(PublicKeyComponents<Vec<u8>>);

impl RsaPublicKey {
    /// Creates a key from its parts, in bytes from the highest on.
    pub fn new(modulus: Vec<u8>, exponent: Vec<u8>) -> Self {
        Self(PublicKeyComponents {
            n: modulus,
            e: exponent,
        })
    }

    /// Returns the modulus without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.0.n
    }

    /// Returns the exponent without leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.0.e
    }

    /// Whether `signature` is one of `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            .is_ok()
    }
}

impl fmt::Debug for RsaPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RsaPublicKey(..)")
    }
}

/// Returns the SHA-256 hash of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut hash = [0; 32];
    hash.copy_from_slice(digest.as_ref());
    hash
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    #[test]
    fn passes_the_vector_of_rfc_7515() {
        // RFC 7515 A.2.
        let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let modulus = decode(
            "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        );
        let key = RsaPublicKey::new(modulus.clone(), decode("AQAB"));
        let message = b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let mut signature = decode(
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        );
        let pair = RsaKeyPair::from_pkcs8(&decode(PRIVATE)).unwrap();
        assert_eq!(pair.sign(message).as_ref(), Some(&signature));
        assert_eq!(pair.public().modulus(), modulus);
        assert_eq!(pair.public().exponent(), [1, 0, 1]);
        assert!(key.verify(message, &signature));
        assert!(!key.verify(&message[1..], &signature));
        assert!(!key.verify(message, &signature[1..]));
        signature[9] ^= 1;
        assert!(!key.verify(message, &signature));
        assert!(!key.verify(message, b""));
    }

    #[test]
    fn debug_names_the_key_and_shows_nothing_of_it() {
        let pair = RsaKeyPair::from_pkcs8(&URL_SAFE_NO_PAD.decode(PRIVATE).unwrap()).unwrap();
        assert_eq!(format!("{pair:?}"), "RsaKeyPair(..)");
        assert_eq!(format!("{:?}", pair.public()), "RsaPublicKey(..)");
    }

    #[test]
    fn hashes() {
        assert_eq!(sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        assert!(RsaKeyPair::from_pkcs8(b"").is_none());
        assert!(RsaKeyPair::from_pkcs8(&[0x30; 1200]).is_none());
    }

    /// The private key of RFC 7515 A.2 as PKCS#8.
    const PRIVATE: &str = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh-BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3_BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM_U-3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv_s4yDQs4v5tJ_reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3-H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ60imZV1URk0KpLttoLhyt3SmqdEf_kgHePDdtzEafpAu-cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8_Lk8l1Mk09jxxCfui5nYooNyac8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGAg-C2V0L4oNXnP7LZcPAZRwKBgQC5A8R-CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0KgeqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS_l1OW1EnXUEoEHKl54Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7_Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U_zyO2M_hTip7tUeh7CXgwo59dkpN75gJLVds29-DAncu3KXU4f2Fa-7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf_evpitUf-4JYbLpvNXWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq-jdw6PVNGo2hxfjSiZ8IIzHdsPXI89__pMjZcQK9r-CCoRjaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U";
}
