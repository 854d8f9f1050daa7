//! Entry points for the fuzz targets and seeded tests of this repository, behind
//! the private feature `_fuzzing`.

#[cfg(feature = "pubsub")]
pub use crate::pubsub::fuzzing as pubsub;
#[cfg(feature = "relay")]
pub use crate::relay::fuzzing as relay;
