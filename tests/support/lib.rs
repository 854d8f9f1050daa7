//! The test kit. It holds no assertions.
