//! Entry points for the fuzz targets and seeded tests of this repository, behind
//! the private feature `_fuzzing`.

pub use crate::session::fuzzing::drive_session;
#[cfg(feature = "webhook")]
pub use crate::webhook::fuzzing::receive_webhook_request;
