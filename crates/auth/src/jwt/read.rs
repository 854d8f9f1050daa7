//! Single-pass parsing of claims; pure. The documentation of [`Claims`] lists the
//! accepted types.

use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::value::RawValue;

use super::claims::Field;
use super::{Claims, JwtError};

impl Claims {
    /// Parses a payload, which is one JSON object.
    pub(super) fn from_json(json: &[u8]) -> Result<Self, JwtError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let claims = deserializer
            .deserialize_map(ClaimsVisitor)
            .map_err(|_| JwtError::Malformed)?;
        deserializer.end().map_err(|_| JwtError::Malformed)?;
        Ok(claims)
    }
}

/// The name of a claim; copied only if the claim has no field.
enum Name {
    Field(Field),
    Custom(String),
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(NameVisitor)
    }
}

struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a claim")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Name, E> {
        Ok(Field::of(name).map_or_else(|| Name::Custom(name.to_owned()), Name::Field))
    }
}

struct ClaimsVisitor;

impl<'de> Visitor<'de> for ClaimsVisitor {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut claims = Claims::default();
        while let Some(name) = map.next_key::<Name>()? {
            let field = match name {
                Name::Field(field) => field,
                Name::Custom(name) => {
                    let value = map.next_value::<Box<RawValue>>()?;
                    claims.custom.push((name, value.get().to_owned()));
                    continue;
                }
            };
            match field {
                Field::Audiences => claims.audiences = list(map.next_value()?, Scalar::into_text)?,
                Field::ExpiresOn => {
                    claims.expires_on = match map.next_value()? {
                        Scalar::Null => None,
                        value => Some(value.into_time()?),
                    }
                }
                Field::IssuedAt => {
                    claims.issued_at = Some(map.next_value::<Scalar>()?.into_time()?);
                }
                Field::NotBefore => {
                    claims.not_before = Some(map.next_value::<Scalar>()?.into_time()?);
                }
                Field::Issuer => claims.issuer = map.next_value::<Scalar>()?.into_text()?,
                Field::Subject => claims.subject = map.next_value::<Scalar>()?.into_subject()?,
                Field::Roles => claims.roles = list(map.next_value()?, Scalar::into_any_text)?,
                Field::Groups => claims.groups = list(map.next_value()?, Scalar::into_any_text)?,
            }
        }
        keep_last(&mut claims.custom);
        Ok(claims)
    }
}

/// Keeps the last value of each claim, in the position of the first.
fn keep_last(custom: &mut Vec<(String, String)>) {
    let mut names: Vec<&str> = custom.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    if names.windows(2).all(|pair| pair[0] != pair[1]) {
        return;
    }
    let mut places = HashMap::with_capacity(custom.len());
    let mut kept: Vec<(String, String)> = Vec::with_capacity(custom.len());
    for (name, value) in custom.drain(..) {
        let place = *places.entry(name.clone()).or_insert(kept.len());
        match kept.get_mut(place) {
            Some((_, known)) => *known = value,
            None => kept.push((name, value)),
        }
    }
    *custom = kept;
}

/// A value that is neither an array nor an object.
enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
}

impl Scalar {
    /// Returns a string, or nothing for `null`.
    fn into_text<E: de::Error>(self) -> Result<Option<String>, E> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            other => Err(other.unexpected("a string")),
        }
    }

    /// Returns a string or a number as text, or nothing for `null`.
    fn into_subject<E: de::Error>(self) -> Result<Option<String>, E> {
        match self {
            Self::Bool(_) => Err(self.unexpected("a string or a number")),
            other => other.into_any_text(),
        }
    }

    /// Returns the value as text in .NET's spelling, or nothing for `null`.
    fn into_any_text<E: de::Error>(self) -> Result<Option<String>, E> {
        Ok(match self {
            Self::Null => None,
            Self::Bool(true) => Some("True".to_owned()),
            Self::Bool(false) => Some("False".to_owned()),
            Self::Integer(number) => Some(number.to_string()),
            Self::Float(number) => Some(float_text(number)),
            Self::Text(text) => Some(text),
        })
    }

    /// Converts seconds since 1970 to a time.
    fn into_time<E: de::Error>(self) -> Result<SystemTime, E> {
        let seconds = match &self {
            Self::Integer(seconds) => Some(*seconds),
            Self::Float(seconds) => whole(*seconds),
            Self::Text(text) => {
                let text = text.trim();
                let float = || text.parse().ok().and_then(whole);
                text.parse().ok().or_else(float)
            }
            Self::Null | Self::Bool(_) => None,
        };
        let seconds = seconds.ok_or_else(|| self.unexpected("a number of seconds"))?;
        let seconds = seconds.clamp(0, END_OF_TIME).unsigned_abs();
        Ok(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    fn unexpected<E: de::Error>(&self, expected: &'static str) -> E {
        // Strings are not quoted: they may be secret.
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(*value),
            Self::Integer(_) | Self::Float(_) => Unexpected::Other("a number"),
            Self::Text(_) => Unexpected::Other("a string"),
        };
        E::invalid_type(found, &expected)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a number, a boolean or null")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Scalar, E> {
        Ok(Scalar::Null)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
        Ok(Scalar::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        Ok(Scalar::Integer(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        // .NET reads an integer beyond `long` as a double.
        #[expect(
            clippy::cast_precision_loss,
            reason = "a double is rounded the same way"
        )]
        let float = || Scalar::Float(number as f64);
        Ok(i64::try_from(number).map_or_else(|_| float(), Scalar::Integer))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<Scalar, E> {
        Ok(Scalar::Float(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }
}

/// One value or an array of them; both are in use for `aud` (RFC 7519 §4.1.3)
/// and for roles and groups.
enum OneOrMany {
    One(Scalar),
    Many(Vec<Scalar>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value or an array of values")
    }

    fn visit_unit<E: de::Error>(self) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_unit().map(OneOrMany::One)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_bool(value).map(OneOrMany::One)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_i64(number).map(OneOrMany::One)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_u64(number).map(OneOrMany::One)
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_f64(number).map(OneOrMany::One)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMany, E> {
        ScalarVisitor.visit_str(text).map(OneOrMany::One)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<OneOrMany, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = sequence.next_element()? {
            values.push(value);
        }
        Ok(OneOrMany::Many(values))
    }
}

/// Returns the texts of one or several values; values without a text are skipped.
fn list<E: de::Error>(
    values: OneOrMany,
    text: fn(Scalar) -> Result<Option<String>, E>,
) -> Result<Vec<String>, E> {
    match values {
        OneOrMany::One(value) => Ok(text(value)?.into_iter().collect()),
        OneOrMany::Many(values) => values
            .into_iter()
            .filter_map(|value| text(value).transpose())
            .collect(),
    }
}

/// Returns the nearest whole number, a half to the even one; none beyond 64 bits.
fn whole(number: f64) -> Option<i64> {
    let number = number.round_ties_even();
    // Both bounds are powers of two, which a float represents exactly.
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (-TWO_TO_63..TWO_TO_63)
        .contains(&number)
        .then_some(number as i64)
}

/// Formats a number as .NET does: with a two-digit exponent from 1E+15 upwards and below 1E-05.
fn float_text(number: f64) -> String {
    let magnitude = number.abs();
    if magnitude == 0.0 || (1e-5..1e15).contains(&magnitude) {
        return number.to_string();
    }
    let text = format!("{number:E}");
    let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    format!("{digits}E{sign}{exponent:0>2}")
}

/// The last second of the year 9999, the end of .NET's time range.
const END_OF_TIME: i64 = 253_402_300_799;
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Claims, JwtError> {
        Claims::from_json(json.as_bytes())
    }

    fn time(seconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_secs(seconds))
    }

    #[test]
    fn of_a_repeated_claim_the_last_value_counts() {
        for (json, expected) in [
            (r#"{"a":1,"a":2}"#, &[("a", "2")][..]),
            (r#"{"a":1,"b":2,"a":3}"#, &[("a", "3"), ("b", "2")]),
            (r#"{"b":1,"a":2}"#, &[("b", "1"), ("a", "2")]),
        ] {
            let claims = read(json).unwrap();
            assert_eq!(claims.custom().collect::<Vec<_>>(), expected, "{json}");
        }
    }

    #[test]
    fn times_are_numbers_or_texts_of_numbers() {
        for (value, seconds) in [
            ("1700000000", 1_700_000_000),
            ("\"1700000000\"", 1_700_000_000),
            ("\" +1700000000 \"", 1_700_000_000),
            ("\"1.7e9\"", 1_700_000_000),
            ("1.7e9", 1_700_000_000),
            ("1.5", 2),
            ("2.5", 2),
            ("2.51", 3),
            ("-1", 0),
            ("\"-1e3\"", 0),
            ("253402300800", 253_402_300_799),
            ("9223372036854775807", 253_402_300_799),
            ("\"9223372036854775807\"", 253_402_300_799),
            ("9.2e18", 253_402_300_799),
        ] {
            for name in ["exp", "nbf", "iat"] {
                let claims = read(&format!("{{\"{name}\":{value}}}")).unwrap();
                let found = claims.expires_on.or(claims.not_before).or(claims.issued_at);
                assert_eq!(found, time(seconds), "{name} {value}");
            }
        }
    }

    #[test]
    fn a_time_that_cannot_be_read_is_not_taken_for_none() {
        for value in [
            "9223372036854775808",
            "-9223372036854777000",
            "1e300",
            "1e999",
            "true",
            "[1700000000]",
            "{}",
            "\"\"",
            "\"soon\"",
            "\"1e300\"",
            "\"NaN\"",
            "\"inf\"",
            "\"99999999999999999999\"",
        ] {
            for name in ["exp", "nbf", "iat"] {
                let json = format!("{{\"{name}\":{value}}}");
                assert_eq!(read(&json), Err(JwtError::Malformed), "{json}");
            }
        }
        assert_eq!(read(r#"{"exp":null}"#).unwrap().expires_on, None);
        assert_eq!(read(r#"{"nbf":null}"#), Err(JwtError::Malformed));
    }

    #[test]
    fn subjects_may_be_numbers() {
        for (value, subject) in [
            ("\"ann\"", Some("ann")),
            ("42", Some("42")),
            ("-7", Some("-7")),
            ("1.50", Some("1.5")),
            ("123456.0", Some("123456")),
            ("1e15", Some("1E+15")),
            ("-1.25e-7", Some("-1.25E-07")),
            ("18446744073709551615", Some("1.8446744073709552E+19")),
            ("null", None),
        ] {
            let claims = read(&format!("{{\"sub\":{value}}}")).unwrap();
            assert_eq!(claims.subject.as_deref(), subject, "{value}");
        }
        for value in ["true", "[]", "[\"ann\"]", "{}"] {
            let json = format!("{{\"sub\":{value}}}");
            assert_eq!(read(&json), Err(JwtError::Malformed), "{json}");
        }
    }

    #[test]
    fn roles_and_groups_are_one_value_or_several() {
        for (value, texts) in [
            ("\"a\"", &["a"][..]),
            ("7", &["7"]),
            ("true", &["True"]),
            ("null", &[]),
            ("[]", &[]),
            (
                "[\"a\",1,null,2.5,false,\"\"]",
                &["a", "1", "2.5", "False", ""],
            ),
        ] {
            let json = format!("{{\"role\":{value},\"webpubsub.group\":{value}}}");
            let claims = read(&json).unwrap();
            assert_eq!(
                (&*claims.roles, &*claims.groups),
                (
                    texts
                        .iter()
                        .map(|text| (*text).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice(),
                    texts
                        .iter()
                        .map(|text| (*text).to_owned())
                        .collect::<Vec<_>>()
                        .as_slice()
                ),
                "{json}"
            );
        }
        for value in ["{}", "[[\"a\"]]", "[{\"a\":1}]"] {
            for name in ["role", "webpubsub.group"] {
                let json = format!("{{\"{name}\":{value}}}");
                assert_eq!(read(&json), Err(JwtError::Malformed), "{json}");
            }
        }
    }

    #[test]
    fn audiences_and_issuers_are_texts() {
        let claims = read(r#"{"aud":["a",null,"b"],"iss":null}"#).unwrap();
        assert_eq!((claims.audiences.len(), claims.issuer), (2, None));
        for json in [
            r#"{"aud":1}"#,
            r#"{"aud":["a",1]}"#,
            r#"{"aud":true}"#,
            r#"{"iss":1}"#,
            r#"{"iss":["a"]}"#,
        ] {
            assert_eq!(read(json), Err(JwtError::Malformed), "{json}");
        }
    }

    #[test]
    fn the_last_of_two_claims_counts_at_the_place_of_the_first() {
        let claims = read(
            r#"{"x":1,"sub":"a","role":["r"],"exp":1,"y":2,"sub":"b","role":[],"exp":"9","x":3}"#,
        )
        .unwrap();
        assert_eq!(claims.subject.as_deref(), Some("b"));
        assert!(claims.roles.is_empty());
        assert_eq!(claims.expires_on, time(9));
        assert_eq!(
            claims.custom().collect::<Vec<_>>(),
            [("x", "3"), ("y", "2")]
        );
        // Each occurrence must be readable.
        let unreadable = read(r#"{"exp":true,"exp":9}"#);
        assert_eq!(unreadable, Err(JwtError::Malformed));
        assert_eq!(read(r#"[]"#), Err(JwtError::Malformed));
    }
}
