//! What is sent: from an argument, a file, or standard input.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;

use crate::failure::{Failure, Result};
use crate::input;

/// The data of one message or body.
#[derive(Args, Clone, Debug)]
pub(crate) struct Payload {
    /// The data; `-`, or nothing at all, stands for standard input, which is sent as it
    /// is, its last line break included.
    #[arg(value_name = "DATA")]
    data: Option<String>,
    /// Sends the content of a file.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    file: Option<PathBuf>,
}

impl Payload {
    /// Reads the data.
    pub(crate) fn read(&self, max: usize) -> Result<Bytes> {
        match (&self.data, &self.file) {
            (_, Some(path)) => input::read_file("--file", path, max),
            (Some(data), None) if data != "-" => {
                let bytes = Bytes::copy_from_slice(data.as_bytes());
                match bytes.len() > max {
                    true => Err(Failure::usage(format!("DATA must be at most {max} bytes"))),
                    false => Ok(bytes),
                }
            }
            _ => input::take("DATA")?.read_all(max),
        }
    }
}
