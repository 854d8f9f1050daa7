//! The parser of a stored authority's certificate. Pure.

use time::OffsetDateTime;
use yasna::tags::TAG_UTCTIME;
use yasna::{ASN1Result, BERReader, BERReaderSeq, Tag};

use super::scope::Scope;

/// The parts of a certificate that decide whether it may still be used.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) not_before: OffsetDateTime,
    pub(super) not_after: OffsetDateTime,
    /// The `SubjectPublicKeyInfo` in DER.
    pub(super) public_key: Vec<u8>,
    /// `None` if it may sign for any name.
    pub(super) scope: Option<Scope>,
}

impl Stored {
    /// Parses a certificate in DER (RFC 5280 §4.1).
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let certificate = yasna::parse_der(der, |reader| {
            reader.read_sequence(|reader| {
                let stored = reader.next().read_sequence(to_be_signed)?;
                // The algorithm and the signature.
                reader.next().read_der()?;
                reader.next().read_der()?;
                Ok(stored)
            })
        });
        certificate.ok()
    }
}

fn to_be_signed(reader: &mut BERReaderSeq<'_, '_>) -> ASN1Result<Stored> {
    reader
        .read_optional(|reader| reader.read_tagged(Tag::context(0), |reader| reader.read_u8()))?;
    // The serial number, the algorithm and the issuer.
    for _ in 0..3 {
        reader.next().read_der()?;
    }
    let (not_before, not_after) = reader
        .next()
        .read_sequence(|reader| Ok((read_time(reader.next())?, read_time(reader.next())?)))?;
    // The subject.
    reader.next().read_der()?;
    let public_key = reader.next().read_der()?;
    let extensions = reader.read_optional(|reader| {
        reader.read_tagged(Tag::context(3), |reader| {
            reader.collect_sequence_of(|reader| {
                reader.read_sequence(|reader| {
                    let id = reader.next().read_oid()?;
                    reader.read_default(false, |reader| reader.read_bool())?;
                    Ok((id, reader.next().read_bytes()?))
                })
            })
        })
    })?;
    let mut scope = None;
    for (id, value) in extensions.unwrap_or_default() {
        if id.components().as_slice() == NAME_CONSTRAINTS {
            scope = Some(yasna::parse_der(&value, read_scope)?);
        }
    }
    Ok(Stored {
        not_before,
        not_after,
        public_key,
        scope,
    })
}

fn read_time(reader: BERReader<'_, '_>) -> ASN1Result<OffsetDateTime> {
    if reader.lookahead_tag()? == TAG_UTCTIME {
        Ok(*reader.read_utctime()?.datetime())
    } else {
        Ok(*reader.read_generalized_time()?.datetime())
    }
}

/// Reads the permitted names (RFC 5280 §4.2.1.10).
fn read_scope(reader: BERReader<'_, '_>) -> ASN1Result<Scope> {
    reader.read_sequence(|reader| {
        let permitted = reader.read_optional(|reader| {
            reader.read_tagged_implicit(Tag::context(0), |reader| {
                reader.collect_sequence_of(|reader| {
                    reader.read_sequence(|reader| reader.next().read_tagged_der())
                })
            })
        })?;
        reader.read_optional(|reader| reader.read_tagged_der())?;
        let mut scope = Scope::default();
        for name in permitted.unwrap_or_default() {
            match name.tag() {
                tag if tag == Tag::context(2) => {
                    scope.push_host(&String::from_utf8_lossy(name.value()));
                }
                tag if tag == Tag::context(7) => scope.push_network(name.value()),
                _ => {}
            }
        }
        Ok(scope)
    })
}

const NAME_CONSTRAINTS: [u64; 4] = [2, 5, 29, 30];
