//! Entry points for the fuzz targets and seeded tests of this repository, behind
//! the private feature `_fuzzing`.

pub use crate::control::fuzzing::drive_control_channel;
