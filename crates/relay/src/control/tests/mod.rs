//! The channel driven step by step, and through days of virtual time.

mod simulation;
mod steps;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

#[expect(
    clippy::disallowed_methods,
    reason = "any instant serves as the origin of virtual time"
)]
fn origin() -> Instant {
    Instant::now()
}
