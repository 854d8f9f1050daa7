//! Numbers in the query string of a request, parsed like the service's framework does. Pure.

use std::ops::RangeInclusive;

use super::error::RestError;
use crate::pubsub::query::Query;

/// The meaning of an empty value in the query.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Empties {
    /// The same as no value.
    Absent,
    /// Not a number.
    Refused,
}

/// Reads a number in the query within its range. Of several the first counts.
pub(super) fn number(
    query: &Query,
    name: &'static str,
    range: RangeInclusive<u32>,
    empties: Empties,
) -> Result<Option<u32>, RestError> {
    let Some(text) = query.first(name) else {
        return Ok(None);
    };
    let digits = text.trim();
    if digits.is_empty() && empties == Empties::Absent {
        return Ok(None);
    }
    let number: i32 = digits
        .parse()
        .map_err(|_| RestError::not_valid(name, digits))?;
    let number = u32::try_from(number).ok();
    match number.filter(|number| range.contains(number)) {
        Some(number) => Ok(Some(number)),
        None => {
            let (least, most) = range.into_inner();
            let message = format!("The field {name} must be between {least} and {most}.");
            let target = name;
            Err(RestError::Validation { target, message })
        }
    }
}
