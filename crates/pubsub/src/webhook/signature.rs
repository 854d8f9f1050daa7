//! The signature of the service's requests. Pure.
//!
//! It is an HMAC-SHA256 of the connection id with an access key: it proves that
//! the sender has a key, but covers neither body nor time, so it does not
//! prevent a replay.

use auth::_internal::HmacSha256;
use http::HeaderMap;

use super::header;

/// Returns the index of the key that matches an entry of `ce-signature`.
///
/// Every entry is compared with every key, in constant time, even after a
/// match. Entries of other algorithms, and those
/// after [`MAX_ENTRIES`], are ignored.
pub(super) fn verify(keys: &[HmacSha256], headers: &HeaderMap) -> Option<usize> {
    let connection_id = header::CONNECTION_ID.read(headers).ok().flatten()?;
    let mut found = None;
    for entry in header::SIGNATURE.list(headers).take(MAX_ENTRIES) {
        let Some(code) = code(entry) else { continue };
        for (index, key) in keys.iter().enumerate() {
            if key.verify(connection_id.as_bytes(), &code) {
                found = Some(index);
            }
        }
    }
    found
}

/// Decodes an entry `sha256={hex}`, in upper or lower case.
fn code(entry: &str) -> Option<[u8; HmacSha256::LEN]> {
    let (algorithm, hex) = entry.split_once('=')?;
    let hex = hex.trim().as_bytes();
    if !algorithm.trim().eq_ignore_ascii_case("sha256") || hex.len() != 2 * HmacSha256::LEN {
        return None;
    }
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut code = [0; HmacSha256::LEN];
    for (byte, pair) in code.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::try_from(digit(pair[0])? << 4 | digit(pair[1])?).ok()?;
    }
    Some(code)
}

/// The service sends one entry for each of its two keys.
const MAX_ENTRIES: usize = 16;

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use serde_json::Value;

    use super::*;

    fn headers(connection_id: &str, signatures: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let id = HeaderValue::from_bytes(connection_id.as_bytes()).unwrap();
        headers.insert("ce-connectionid", id);
        for signature in signatures {
            headers.append("ce-signature", HeaderValue::from_str(signature).unwrap());
        }
        headers
    }

    #[test]
    fn passes_the_vectors_with_either_key_and_in_every_form() {
        let vectors: Value =
            serde_json::from_str(include_str!("../../tests/vectors/signature.json")).unwrap();
        let key = |name: &str| HmacSha256::new(vectors[name].as_str().unwrap().as_bytes());
        let (first, second) = (key("key"), key("secondary_key"));
        let both = [first.clone(), second.clone()];
        let other = [HmacSha256::new(b"other")];
        for vector in vectors["signatures"].as_array().unwrap() {
            let id = vector["connection_id"].as_str().unwrap();
            let text = vector["ce_signature"].as_str().unwrap();
            let (one, two) = text.split_once(',').unwrap();
            let upper = one.to_ascii_uppercase();
            for (keys, entries, expected) in [
                (&both[..1], &[text][..], Some(0)),
                (&both[1..], &[text], Some(0)),
                (&both, &[one], Some(0)),
                (&both, &[two], Some(1)),
                (&both, &[&upper], Some(0)),
                (&both, &["sha512=00", two], Some(1)),
                (&both, &[" , sha256=zz ,, x", one], Some(0)),
                (&both[..1], &[two], None),
                (&other, &[text], None),
                (&both, &[], None),
                (&[], &[text], None),
                (&both, &[&one[..70]], None),
                (&both, &[&one[7..]], None),
            ] {
                assert_eq!(verify(keys, &headers(id, entries)), expected, "{entries:?}");
            }
            assert_eq!(verify(&both, &headers("conn2", &[text])), None);
        }
    }

    #[test]
    fn two_connection_ids_are_not_signed() {
        let key = HmacSha256::new(b"k");
        let code: String = key.sign(b"a").iter().map(|b| format!("{b:02x}")).collect();
        let mut headers = headers("a", &[&format!("sha256={code}")]);
        assert_eq!(verify(std::slice::from_ref(&key), &headers), Some(0));
        headers.append("ce-connectionid", HeaderValue::from_static("b"));
        assert_eq!(verify(&[key], &headers), None);
    }
}
