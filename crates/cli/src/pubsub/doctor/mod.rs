//! `azwire pubsub doctor`: asks an event handler what the service would ask.

mod request;
mod verdict;

use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::{AccessKey, Clock as _, SharedClock};
use clap::Args;
use futures::future::{Either, select};
use http::{HeaderValue, Uri};
use serde_json::json;
use transport::net::HyperClient;
use transport::{HttpClient as _, Runtime as _, TokioRuntime};

use self::request::{Event, Sender, Template};
use self::verdict::{Answer, Finding, Verdict};
use super::resource::ResourceOptions;
use crate::duration;
use crate::exit::Exit;
use crate::failure::{Failure, Result, chain};
use crate::output::Output;

/// Asks an event handler what the service would ask, and says in plain words what is
/// wrong.
///
/// It plays one client: the abuse protection first, then connect, connected, a user
/// event and disconnected, signed with the key of the resource; and one connect with a
/// wrong signature, which must be refused. The key and the origin are those of the
/// resource, which itself is not asked. The exit code is 10 if something is wrong.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  azwire pubsub doctor --handler 'http://localhost:3000/api/{event}' --hub chat
  azwire pubsub doctor --handler https://app.example/eventhandler --hub chat \\
    --user ann --event order --data '{}'
  azwire pubsub doctor --handler http://localhost:3000/ --hub chat -o json \\
    | jq 'select(.verdict == \"wrong\")'")]
pub(super) struct Doctor {
    /// The URL template of the handler, as in the settings of the hub; {hub} and
    /// {event} are replaced.
    #[arg(long, value_name = "URL", value_parser = request::template)]
    handler: Template,
    /// The user id of the client.
    #[arg(long, value_name = "ID")]
    user: Option<String>,
    /// The name of the user event; message is what simple clients send.
    #[arg(long, value_name = "NAME", default_value = "message")]
    event: String,
    /// The data of the user event: text, or JSON if it is an object or an array.
    #[arg(long, value_name = "TEXT", default_value = "hello from azwire")]
    data: String,
    /// The host for which the handler is asked [default: that of the resource, or
    /// localhost].
    #[arg(long, value_name = "HOST")]
    origin: Option<String>,
    /// How long each answer may take.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "10s")]
    timeout: Duration,
}

/// The run: what is sent with, and what was found.
#[derive(Debug)]
struct Run<'a> {
    client: HyperClient,
    timeout: Duration,
    output: Output,
    sender: Sender<'a>,
    is_wrong: bool,
}

impl Doctor {
    pub(super) async fn run(self, resource: &ResourceOptions, output: Output) -> Result<()> {
        let hub = resource.hub()?;
        let known = resource.address()?;
        let (host, key) = match known {
            Some((endpoint, key)) => (host(endpoint.as_str()), key),
            None => (None, None),
        };
        let origin = self.origin.clone().or(host);
        let origin = origin.unwrap_or_else(|| "localhost".to_owned());
        HeaderValue::from_str(&origin)
            .map_err(|_| Failure::usage("--origin: must be a host name"))?;
        let id = connection_id();
        let is_signed = key.is_some();
        let key = key.unwrap_or_else(|| AccessKey::new(format!("no key {id}")));
        let sender = Sender {
            template: &self.handler,
            hub: hub.as_str(),
            origin: &origin,
            user: self.user.as_deref(),
            connection_id: &id,
            key: &key,
            state: None,
        };
        let mut run = Run {
            client: HyperClient::new(resource.connector()?),
            timeout: self.timeout,
            output,
            sender,
            is_wrong: false,
        };
        for finding in verdict::address(&self.handler.uri(hub.as_str(), "validate"), is_signed) {
            run.report(finding, None)?;
        }
        self.examine(&mut run, is_signed).await?;
        match run.is_wrong {
            true => Err(Failure::silent(Exit::Findings)),
            false => Ok(()),
        }
    }

    async fn examine(&self, run: &mut Run<'_>, is_signed: bool) -> Result<()> {
        let origin = run.sender.origin;
        let Some(answer) = run.ask("validation", run.sender.validation()).await? else {
            // Where nobody answers, everything else would say the same.
            return Ok(());
        };
        run.report(verdict::validation(&answer, origin), Some(&answer))?;

        let connect = run.sender.event(&Event::Connect, now(), true);
        let mut connected_with = None;
        if let Some(answer) = run.ask("connect", connect).await? {
            connected_with = Some(answer.status);
            run.report(verdict::connect(&answer, is_signed), Some(&answer))?;
            run.sender.state = answer.headers.get("ce-connectionstate").cloned();
        }
        let forged = run.sender.event(&Event::Connect, now(), false);
        if let Some(answer) = run.ask("signature", forged).await? {
            run.report(verdict::signature(&answer, connected_with), Some(&answer))?;
        }
        let connected = run.sender.event(&Event::Connected, now(), true);
        if let Some(answer) = run.ask("connected", connected).await? {
            run.report(verdict::ignored("connected", &answer), Some(&answer))?;
        }
        let user = Event::User {
            name: &self.event,
            data: &self.data,
        };
        let user = run.sender.event(&user, now(), true);
        if let Some(answer) = run.ask("user event", user).await? {
            run.report(verdict::user_event(&self.event, &answer), Some(&answer))?;
        }
        let disconnected = run.sender.event(&Event::Disconnected, now(), true);
        if let Some(answer) = run.ask("disconnected", disconnected).await? {
            run.report(verdict::ignored("disconnected", &answer), Some(&answer))?;
        }
        Ok(())
    }
}

impl Run<'_> {
    /// Sends a request; a handler that does not answer is a finding, and `None`.
    async fn ask(
        &mut self,
        check: &'static str,
        request: http::Result<http::Request<transport::Body>>,
    ) -> Result<Option<Answer>> {
        let request = request
            .map_err(|error| Failure::usage(format!("the {check} cannot be asked: {error}")))?;
        let runtime = TokioRuntime::new();
        let began = runtime.now();
        let exchange = async {
            let response = self.client.send(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect(MAX_BODY).await?;
            Ok::<_, transport::Error>((head, body))
        };
        let late = runtime.sleep_until(began + self.timeout);
        let message = match select(pin!(exchange), late).await {
            Either::Left((Ok((head, body)), _)) => {
                return Ok(Some(Answer {
                    status: head.status,
                    headers: head.headers,
                    body,
                    took: runtime.now().saturating_duration_since(began),
                }));
            }
            Either::Left((Err(error), _)) => format!("no answer: {}", chain(&error)),
            Either::Right(_) => {
                let seconds = self.timeout.as_secs_f64();
                format!("no answer within {seconds} s: clients wait for it, and give up")
            }
        };
        self.report(Finding::wrong(check, message), None)?;
        Ok(None)
    }

    fn report(&mut self, finding: Finding, answer: Option<&Answer>) -> Result<()> {
        let Finding {
            check,
            verdict,
            message,
        } = finding;
        self.is_wrong |= verdict == Verdict::Wrong;
        let json = json!({
            "check": check,
            "verdict": verdict.name(),
            "message": message,
            "status": answer.map(|answer| answer.status.as_u16()),
            "milliseconds": answer.map(|answer| answer.took.as_millis()),
        });
        let word = match verdict {
            Verdict::Ok => "ok   ",
            Verdict::Note => "note ",
            Verdict::Wrong => "WRONG",
        };
        self.output
            .print(format_args!("{word}  {check}: {message}"), &json)
    }
}

/// Returns the host of an endpoint, without its port.
fn host(endpoint: &str) -> Option<String> {
    let uri: Uri = endpoint.parse().ok()?;
    uri.host().map(str::to_owned)
}

/// Returns an id that no other run has.
fn connection_id() -> String {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};

    let seed = RandomState::new().build_hasher().finish();
    format!("azwire-doctor-{seed:016x}")
}

fn now() -> SystemTime {
    SharedClock::default().now().max(UNIX_EPOCH)
}

/// What the service takes of an answer.
const MAX_BODY: usize = 16 << 20;
