//! The protobuf wire format of any message, field by field. Pure.
//!
//! Source: the protobuf encoding specification.

/// An iterator over the fields of a serialized message, in order; it ends after the first malformed
/// one.
#[derive(Clone, Debug)]
pub(crate) struct Fields<'a>(&'a [u8]);

/// The value of a field, as far as the wire format determines it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FieldValue<'a> {
    Varint(u64),
    /// 4 or 8 bytes.
    Fixed,
    Bytes(&'a [u8]),
}

/// The rest is not in the wire format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Malformed;

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline]
    fn field(&mut self) -> Option<(u64, FieldValue<'a>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => FieldValue::Varint(self.varint()?),
            1 => self.part(8).map(|_| FieldValue::Fixed)?,
            2 => {
                let length = self.varint()?;
                FieldValue::Bytes(self.part(usize::try_from(length).ok()?)?)
            }
            5 => self.part(4).map(|_| FieldValue::Fixed)?,
            _ => return None,
        };
        match tag >> 3 {
            0 => None,
            number => Some((number, value)),
        }
    }

    #[inline]
    fn part(&mut self, length: usize) -> Option<&'a [u8]> {
        self.0.split_off(..length)
    }

    #[inline]
    fn varint(&mut self) -> Option<u64> {
        // Most are short.
        if let [byte @ 0..0x80, rest @ ..] = self.0 {
            self.0 = rest;
            return Some(u64::from(*byte));
        }
        self.long_varint()
    }

    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.0.split_off_first()?;
            if shift == 63 && byte > 1 {
                return None;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u64, FieldValue<'a>), Malformed>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field().ok_or(Malformed);
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_order_until_one_cannot_be_read() {
        let bytes = b"\x08\x96\x01\x12\x02hi\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0";
        let fields: Vec<_> = Fields::new(bytes).collect();
        assert_eq!(
            fields,
            [
                Ok((1, FieldValue::Varint(150))),
                Ok((2, FieldValue::Bytes(b"hi"))),
                Ok((3, FieldValue::Fixed)),
                Ok((4, FieldValue::Fixed)),
            ]
        );
        for bad in [
            &b"\x08"[..],
            b"\x12\x03hi",
            b"\x0b",
            b"\x00\x01",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            let fields: Vec<_> = Fields::new(bad).collect();
            assert_eq!(fields, [Err(Malformed)], "{bad:?}");
        }
        let largest = b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
        let mut fields = Fields::new(largest);
        assert_eq!(fields.next(), Some(Ok((1, FieldValue::Varint(u64::MAX)))));
        assert_eq!(fields.next(), None);
    }
}
