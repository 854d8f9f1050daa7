//! The command `health`: asks an emulator that runs already whether it serves, as containers do.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use futures::future::{Either, select};
use transport::SharedRuntime;

use super::flags::Flags;
use super::settings::Settings;
use super::{running, say};
use crate::{Error, Result};

/// Prints what the emulator says of its health; the exit code is 1 if it says nothing good.
#[tokio::main(flavor = "current_thread")]
pub(super) async fn health(flags: Flags, program: &str) -> Result<ExitCode> {
    let address = running::address(&Settings::load(flags)?.config)?;
    match ask(address).await {
        Ok(text) => {
            let mut out = std::io::stdout().lock();
            // A reader such as `head` may be gone.
            let _ = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            say(&format!("{program}: {error}"));
            Ok(ExitCode::from(NOT_HEALTHY))
        }
    }
}

async fn ask(address: SocketAddr) -> Result<String> {
    let runtime = SharedRuntime::default();
    let late = runtime.sleep_until(runtime.after(LIMIT));
    let asked = Box::pin(running::ask(address, "health", Duration::ZERO));
    let Either::Left((text, _)) = select(asked, late).await else {
        let limit = LIMIT.as_secs();
        let text = format!("no answer from {address} within {limit} seconds");
        return Err(Error::message(text));
    };
    let text = text?;
    let document: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let status = document.as_ref().and_then(|it| it["status"].as_str());
    match status {
        Some("healthy") => Ok(text),
        _ => Err(Error::message(format!(
            "what answers at {address} is no emulator: it does not say that it is healthy"
        ))),
    }
}

/// As Docker and Kubernetes have it for probes: 1 is unhealthy.
const NOT_HEALTHY: u8 = 1;
/// Well below the 30 seconds that Docker gives a check by default; one that hangs would say nothing.
const LIMIT: Duration = Duration::from_secs(5);
