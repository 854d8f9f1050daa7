//! Fuzzing of webhooks with arbitrary requests.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request};

use super::{AllowedOrigins, UpstreamEvent};

/// Reads the lines up to an empty one as a method and headers, and the rest as a
/// body, and passes them to everything that handles untrusted requests.
/// Returns whether it was an event.
pub fn receive_webhook_request(input: &[u8]) -> bool {
    let (head, body) = match input.windows(2).position(|pair| pair == b"\n\n") {
        Some(end) => (&input[..end], &input[end + 2..]),
        None => (input, &b""[..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n');
    let mut request = Request::new(Bytes::copy_from_slice(body));
    if let Some(Ok(method)) = lines.next().map(Method::from_bytes) {
        *request.method_mut() = method;
    }
    for line in lines.take(MAX_HEADERS) {
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        if let Ok(name) = HeaderName::from_bytes(name)
            && let Ok(value) = HeaderValue::from_bytes(value.get(1..).unwrap_or_default())
        {
            request.headers_mut().append(name, value);
        }
    }
    let headers = request.headers();
    let origins = AllowedOrigins::matching(|origin| origin.len().is_multiple_of(2));
    let allowed = origins.answer(headers);
    assert!(matches!(allowed.status().as_u16(), 200 | 400 | 403));
    #[cfg(feature = "_hmac")]
    {
        let key = auth::_internal::HmacSha256::new(b"k");
        let verified = super::signature::verify(&[key], headers);
        assert!(verified.is_none(), "the key is unknown to the input");
    }
    match UpstreamEvent::from_request(request) {
        Ok(event) => {
            look_at(&event);
            true
        }
        Err(error) => {
            assert!(error.status().is_client_error());
            false
        }
    }
}

/// Calls every accessor that computes its result.
fn look_at(event: &UpstreamEvent) {
    let context = event.context();
    assert!(!context.hub().as_str().is_empty() && !context.connection_id().as_str().is_empty());
    assert!(context.event_type().starts_with("azure.webpubsub."));
    context.event_time();
    context.metadata();
    if let Some(state) = context.state() {
        // Fails if the handler wrote something other than JSON.
        let _ = state.to_json::<serde_json::Value>();
    }
    if let UpstreamEvent::User(event) = event {
        event.data().as_bytes();
    }
    assert!(!format!("{event:?}").is_empty());
}

const MAX_HEADERS: usize = 1000;

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use transport::_internal::SplitMix64;

    use super::*;

    /// The requests of the vectors in the form that [`receive_webhook_request`] reads.
    fn corpus() -> Vec<Vec<u8>> {
        let files = [
            include_str!("../../tests/vectors/webhook_events.json"),
            include_str!("../../tests/vectors/webhook_mqtt.json"),
            include_str!("../../tests/vectors/webhook_refusals.json"),
            include_str!("../../tests/vectors/webhook_validation.json"),
        ];
        let mut corpus = Vec::new();
        for file in files {
            let file: Value = serde_json::from_str(file).unwrap();
            for vector in file["vectors"].as_array().unwrap() {
                let request = &vector["request"];
                let mut headers = file["headers"].as_object().unwrap().clone();
                headers.extend(request["headers"].as_object().unwrap().clone());
                let mut text = request["method"].as_str().unwrap().to_owned();
                for (name, value) in &headers {
                    if let Some(value) = value.as_str() {
                        text += &format!("\n{name}:{value}");
                    }
                }
                text += &format!("\n\n{}", request["body"].as_str().unwrap_or_default());
                corpus.push(text.into_bytes());
            }
        }
        corpus
    }

    #[test]
    fn no_request_makes_the_reader_panic() {
        let corpus = corpus();
        let events = corpus
            .iter()
            .filter(|input| receive_webhook_request(input))
            .count();
        assert!(events > corpus.len() / 2, "{events} of {}", corpus.len());
        let mut series = SplitMix64::new(0x5eed);
        let mut random = |below: usize| (series.next_u64() % below.max(1) as u64) as usize;
        let mut still_events = 0;
        for _ in 0..20_000 {
            let mut input = corpus[random(corpus.len())].clone();
            for _ in 0..=random(4) {
                let at = random(input.len());
                match random(5) {
                    0 => input.truncate(at),
                    1 => input.insert(at, random(256) as u8),
                    2 if at < input.len() => input[at] = random(256) as u8,
                    3 => {
                        let from = &corpus[random(corpus.len())];
                        let start = random(from.len());
                        let end = (start + random(80)).min(from.len());
                        let part = from[start..end].to_vec();
                        input.splice(at..at, part);
                    }
                    _ => {
                        let end = (at + random(20)).min(input.len());
                        input.drain(at..end);
                    }
                }
            }
            still_events += usize::from(receive_webhook_request(&input));
        }
        assert!(still_events > 1_000, "{still_events} mutations got through");
    }
}
