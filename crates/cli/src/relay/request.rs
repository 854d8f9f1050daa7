//! `azwire relay request`: HTTP through a hybrid connection.

use std::fmt::Write as _;
use std::path::PathBuf;

use ::relay::Sender;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use clap::Args;
use futures::StreamExt as _;
use http::{Method, Response};
use serde_json::{Map, Value, json};
use transport::Body;

use super::header::{self, Header};
use super::namespace::Namespace;
use crate::exit::Exit;
use crate::failure::{Failure, Result};
use crate::input;
use crate::output::Output;

/// Sends an HTTP request to a listener and prints the answer.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire relay request /orders?id=7 --hybrid-connection hc1
  azwire relay request /orders -d '{\"id\":7}' -H 'Content-Type: application/json'
  azwire relay request / --output json | jq .status")]
pub(super) struct Request {
    /// The path below the hybrid connection, and the query.
    #[arg(value_name = "PATH", default_value = "/")]
    path: String,
    /// The method [default: GET, or POST with a body].
    #[arg(short = 'X', long, value_name = "METHOD")]
    method: Option<Method>,
    /// The body; `-` stands for standard input.
    #[arg(short = 'd', long, value_name = "DATA")]
    data: Option<String>,
    /// Sends the content of a file as the body.
    #[arg(long, value_name = "FILE", conflicts_with = "data")]
    data_file: Option<PathBuf>,
    /// A header, as Name: value. May be repeated.
    #[arg(short = 'H', long = "header", value_name = "HEADER", value_parser = header::parse)]
    headers: Vec<Header>,
    /// Prints the status and the headers as well.
    #[arg(short = 'i', long)]
    include: bool,
    /// Ends with exit code 8 if the status is 400 or above.
    #[arg(long)]
    fail: bool,
}

impl Request {
    pub(super) async fn run(self, namespace: &Namespace, output: Output) -> Result<()> {
        let place = namespace.hybrid_connection(None)?;
        let sender = namespace.sender(place)?.build()?;
        let response = self.send(&sender).await?;
        let status = response.status();
        match output.is_json() {
            true => print_json(response, output).await?,
            false => self.print(response, output).await?,
        }
        match self.fail && status.as_u16() >= 400 {
            true => {
                let text = format!("the listener answered {status}");
                Err(Failure::new(Exit::Service, text))
            }
            false => Ok(()),
        }
    }

    async fn send(&self, sender: &Sender) -> Result<Response<Body>> {
        let body = self.body()?;
        let method = self.method.clone().unwrap_or(match body {
            Some(_) => Method::POST,
            None => Method::GET,
        });
        let path = match self.path.starts_with('/') {
            true => self.path.clone(),
            false => format!("/{}", self.path),
        };
        let mut request = http::Request::builder().method(method).uri(path);
        for Header { name, value } in &self.headers {
            request = request.header(name, value);
        }
        let request = request
            .body(body.map_or_else(Body::empty, Body::from))
            .map_err(|error| Failure::usage(format!("PATH: {error}")))?;
        Ok(sender.send(request).await?)
    }

    fn body(&self) -> Result<Option<Bytes>> {
        Ok(match (&self.data, &self.data_file) {
            (Some(data), _) if data == "-" => Some(input::take("--data")?.read_all(MAX_BODY)?),
            (Some(data), _) => Some(Bytes::copy_from_slice(data.as_bytes())),
            (None, Some(path)) => Some(input::read_file("--data-file", path, MAX_BODY)?),
            (None, None) => None,
        })
    }

    /// Prints the body as it comes.
    async fn print(&self, response: Response<Body>, output: Output) -> Result<()> {
        let (head, mut body) = response.into_parts();
        if self.include {
            let mut text = format!("HTTP/1.1 {}\n", head.status);
            for (name, value) in &head.headers {
                let _ = writeln!(
                    text,
                    "{name}: {}",
                    String::from_utf8_lossy(value.as_bytes())
                );
            }
            output.write(format!("{text}\n").as_bytes())?;
        }
        while let Some(chunk) = body.next().await {
            output.write(&chunk?)?;
        }
        Ok(())
    }
}

async fn print_json(response: Response<Body>, output: Output) -> Result<()> {
    let (head, body) = response.into_parts();
    let mut headers: Map<String, Value> = Map::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match headers.get_mut(name.as_str()) {
            Some(Value::Array(values)) => values.push(value.into()),
            _ => {
                headers.insert(name.as_str().to_owned(), json!([value]));
            }
        }
    }
    let body = body.collect(MAX_BODY).await?;
    let mut json = json!({ "status": head.status.as_u16(), "headers": headers });
    match std::str::from_utf8(&body) {
        Ok(text) => json["body"] = text.into(),
        Err(_) => json["bodyBase64"] = STANDARD.encode(&body).into(),
    }
    output.print("", &json)
}

/// What is held in memory of a body: as much as a message of a WebSocket may have.
const MAX_BODY: usize = 64 << 20;
