//! Names as they arrive: short strings of their own, and longer ones that share the bytes of their frame.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::{Serialize, Serializer};
use smol_str::SmolStr;
use transport::Text;

/// A string from the service, such as the group of a message, made without an allocation. It
/// dereferences to [`str`], and so has all its methods.
///
/// One of more than 23 bytes shares those of the frame in which it came. It keeps the frame in memory, and
/// what was read along with it. To keep a name for long, make a [`String`] of it.
///
/// ```
/// use azwire_pubsub::SharedStr;
///
/// let group = SharedStr::from("room-7");
/// assert_eq!(group, "room-7");
/// assert!(group.starts_with("room-"));
/// assert_eq!(format!("{group}, {group:?}"), "room-7, \"room-7\"");
/// assert_eq!(String::from(group), "room-7");
/// ```
#[derive(Clone)]
pub struct SharedStr(Repr);

#[derive(Clone)]
enum Repr {
    /// Held inline: to copy a few bytes costs less than to count one more owner of a frame.
    Short(SmolStr),
    Long(Text),
}

impl SharedStr {
    /// Returns the string.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Short(text) => text,
            Repr::Long(text) => text,
        }
    }

    /// Creates a string from a part of a frame.
    #[inline]
    pub(crate) fn part(frame: &Text, part: &str) -> Self {
        Self::short(part).unwrap_or_else(|| Self(Repr::Long(frame.slice_ref(part))))
    }

    /// Creates a string from a part of a frame, if it is text.
    #[cfg(feature = "protobuf")]
    #[inline]
    pub(crate) fn part_of_bytes(frame: &bytes::Bytes, part: &[u8]) -> Option<Self> {
        if part.len() <= MAX_SHORT {
            return Self::short(std::str::from_utf8(part).ok()?);
        }
        let text = frame.slice_ref(part).try_into().ok()?;
        Some(Self(Repr::Long(text)))
    }

    #[inline]
    fn short(text: &str) -> Option<Self> {
        (text.len() <= MAX_SHORT).then(|| Self(Repr::Short(SmolStr::new_inline(text))))
    }
}

/// The number of bytes that are held inline.
const MAX_SHORT: usize = 23;

impl Default for SharedStr {
    fn default() -> Self {
        Self::from("")
    }
}

// Hidden, because the page would list every method of `str`.
#[doc(hidden)]
impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for SharedStr {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for SharedStr {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl Eq for SharedStr {}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl PartialEq<str> for SharedStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for SharedStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for SharedStr {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<SharedStr> for str {
    fn eq(&self, other: &SharedStr) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<SharedStr> for &str {
    fn eq(&self, other: &SharedStr) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<SharedStr> for String {
    fn eq(&self, other: &SharedStr) -> bool {
        self == other.as_str()
    }
}

impl Ord for SharedStr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for SharedStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for SharedStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As that of `str`, so that a map with these keys is searched with a `&str`.
        self.as_str().hash(state);
    }
}

impl Serialize for SharedStr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        Self::short(text).unwrap_or_else(|| Self(Repr::Long(text.into())))
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        Self::short(&text).unwrap_or_else(|| Self(Repr::Long(text.into())))
    }
}

impl From<Text> for SharedStr {
    fn from(text: Text) -> Self {
        Self::short(&text).unwrap_or_else(|| Self(Repr::Long(text)))
    }
}

impl From<SharedStr> for String {
    fn from(text: SharedStr) -> Self {
        text.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn only_a_long_part_shares_the_bytes_of_its_frame() {
        let frame = Text::from("0123456789abcdef01234567");
        #[cfg(feature = "protobuf")]
        let bytes = frame.clone().into_bytes();
        for (length, is_shared) in [(0, false), (1, false), (23, false), (24, true)] {
            let own = frame[..length].to_owned();
            for string in [
                SharedStr::part(&frame, &frame[..length]),
                #[cfg(feature = "protobuf")]
                SharedStr::part_of_bytes(&bytes, &bytes[..length]).unwrap(),
                frame.slice_ref(&frame[..length]).into(),
            ] {
                let range = frame.as_bytes().as_ptr_range();
                assert_eq!(range.contains(&string.as_ptr()), is_shared, "{length}");
                assert_eq!(string, own);
                assert_eq!(string.clone(), SharedStr::from(own.clone()));
                assert_eq!(string, SharedStr::from(own.as_str()));
            }
        }
    }

    #[cfg(feature = "protobuf")]
    #[test]
    fn a_part_that_is_not_text_is_none() {
        for length in [1, 23, 24] {
            let bytes = bytes::Bytes::from(vec![0xff; length]);
            assert!(SharedStr::part_of_bytes(&bytes, &bytes).is_none());
        }
    }

    #[test]
    fn a_part_of_a_frame_is_the_same_as_a_string_of_its_own() {
        let frame = Text::from("to room-7 and room-8");
        let part = SharedStr::from(frame.slice_ref(&frame[3..9]));
        let own = SharedStr::from("room-7".to_owned());
        assert_eq!(part, own);
        assert_eq!(part.cmp(&own), Ordering::Equal);
        let (next, none) = (SharedStr::from("room-8"), SharedStr::default());
        assert!(part < next && part != none);
        assert!(HashSet::from([own.clone()]).contains(&part));
        assert!(HashSet::from([part.clone()]).contains("room-7"));
        assert!(BTreeSet::from([part.clone()]).contains("room-7"));
        let text = "room-7".to_owned();
        assert!("room-7" == part && text == part && *"room-7" == part);
        assert!(part == "room-7" && part == text && part == *"room-7");
        assert_eq!(AsRef::<str>::as_ref(&part), "room-7");
        assert_eq!(format!("{part:>8}, {part:?}"), "  room-7, \"room-7\"");
        assert_eq!(
            serde_json::json!({ "group": part }).to_string(),
            r#"{"group":"room-7"}"#
        );
        assert_eq!(String::from(part), "room-7");
    }

    #[test]
    fn strings_that_differ_are_equal_in_no_form() {
        let (string, other) = (SharedStr::from("room-7"), SharedStr::from("room-8"));
        assert_ne!(string, other);
        assert_ne!(string, *"room-8");
        assert_ne!(*"room-8", string);
        assert_ne!(string, "room-8");
        assert_ne!("room-8", string);
        let other = "room-8".to_owned();
        assert_ne!(string, other);
        assert_ne!(other, string);
    }
}
