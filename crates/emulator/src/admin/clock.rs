//! The clock, which both services follow.

use std::time::{Duration, UNIX_EPOCH};

use http::{Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use transport::Body;

use crate::answer::{self, admin_error};
use crate::clock::EmulatorClock;
use crate::json_body::read_object;

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Step {
    /// In seconds.
    advance: f64,
    hold: Option<bool>,
}

/// Moves the clock.
pub(super) async fn step(clock: &EmulatorClock, request: Request<Body>) -> Response<Body> {
    let step: Step = match read_object(request).await {
        Ok(step) => step,
        Err(response) => return response,
    };
    let Ok(advance) = Duration::try_from_secs_f64(step.advance) else {
        return admin_error(
            StatusCode::BAD_REQUEST,
            "`advance` is not a number of seconds",
        );
    };
    match step.hold {
        Some(true) => clock.hold(),
        Some(false) => clock.release(),
        None => {}
    }
    clock.advance(advance);
    answer::json(StatusCode::OK, &state(clock))
}

/// Returns the time, and how it was moved.
pub(super) fn state(clock: &EmulatorClock) -> Value {
    let since = clock.wall().duration_since(UNIX_EPOCH);
    json!({
        "now": since.unwrap_or_default().as_secs_f64(),
        "offset": clock.offset().as_secs_f64(),
        "isHeld": clock.is_held(),
    })
}
