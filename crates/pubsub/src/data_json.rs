//! Payloads from values, and values from payloads.

use serde::{Deserialize, Serialize};

use crate::{Data, Error, ErrorKind};

impl Data {
    /// Serializes a value as JSON. A string becomes a JSON string, in quotes.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if the value cannot be serialized, such as
    /// a map whose keys are not strings.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, Error> {
        match serde_json::to_string(value) {
            Ok(text) => Ok(Self::Json(text.into())),
            Err(error) => Err(Error::not_serialized("data", error)),
        }
    }

    /// Deserializes JSON into a `T`, which may borrow from this payload.
    ///
    /// # Errors
    ///
    /// [`Protocol`](crate::ErrorKind::Protocol) if the payload is not JSON, which the text then
    /// says, or has another shape than `T`; the source says where.
    #[doc(alias = "json")]
    pub fn to_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Error> {
        match self {
            Self::Json(text) => serde_json::from_str(text).map_err(|error| {
                Error::new(ErrorKind::Protocol, error)
                    .with_context("the JSON of the data is not of the expected type")
            }),
            other => Err(Error::message(
                ErrorKind::Protocol,
                format!("the data is {}, not JSON", other.type_name()),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use serde_json::Value;
    use transport::Text;

    use super::*;

    #[test]
    fn a_payload_is_made_from_what_is_at_hand() {
        let object = serde_json::json!({ "a": [1, "ü"] });
        for (data, type_name, bytes) in [
            (Data::from("ü"), "text", "ü"),
            (Data::from("ü".to_owned()), "text", "ü"),
            (Data::from(Text::from("ü")), "text", "ü"),
            (Data::from(Bytes::from_static(b"b")), "binary", "b"),
            (Data::from(b"b".to_vec()), "binary", "b"),
            (Data::from(object.clone()), "json", r#"{"a":[1,"ü"]}"#),
            (Data::json(&object).unwrap(), "json", r#"{"a":[1,"ü"]}"#),
            (Data::json("x").unwrap(), "json", r#""x""#),
        ] {
            assert_eq!(data.type_name(), type_name);
            assert_eq!(data.as_bytes(), bytes.as_bytes());
            let text = (type_name != "binary").then_some(bytes);
            assert_eq!(data.as_str(), text);
        }
        assert!(Data::from(Value::Null).check().is_err());
    }

    #[test]
    fn what_is_wrong_with_json_is_said_once() {
        let keys = std::collections::HashMap::from([(vec![1], 1)]);
        let error = Data::json(&keys).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.to_string(), "data: cannot be serialized as JSON");
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "key must be a string");

        let error = Data::from("1").to_json::<u8>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol);
        assert_eq!(error.to_string(), "the data is text, not JSON");
        assert!(std::error::Error::source(&error).is_none());

        let error = Data::json("1").unwrap().to_json::<u8>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the JSON of the data is not of the expected type"
        );
        assert!(std::error::Error::source(&error).is_some());
    }
}
