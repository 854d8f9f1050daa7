//! Conversion of transport errors to I/O errors.

use std::io;

pub(super) fn io_error(error: transport::Error) -> io::Error {
    io::Error::new(io_error_kind(&error), error)
}

pub(super) fn io_error_kind(error: &transport::Error) -> io::ErrorKind {
    match error.kind() {
        transport::ErrorKind::Closed => io::ErrorKind::ConnectionReset,
        transport::ErrorKind::Protocol | transport::ErrorKind::TooLarge => {
            io::ErrorKind::InvalidData
        }
        _ => io::ErrorKind::BrokenPipe,
    }
}
