//! The exchanges of `crates/pubsub/tests/vectors/webhook_*.json`. The official handler
//! is held to the same files by `tests/conformance/pubsub_webhook_compare.js`.

use std::sync::Arc;
use std::sync::Mutex;

use async_trait::async_trait;
use auth::AccessKey;
use azwire_tests::within;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use pubsub::Data;
use pubsub::webhook::{
    AllowedOrigins, ConnectRequest, ConnectResponse, ConnectedRequest, ConnectionContext,
    ConnectionState, DisconnectedRequest, EventHandler, GroupJoinedRequest, GroupLeftRequest,
    MqttConnectCode, MqttUserProperty, MultiMap, Rejection, UserEventRequest, UserEventResponse,
    Webhook,
};
use serde_json::{Map, Value, json};

#[tokio::test]
async fn questions_of_the_service_are_answered() {
    play(include_str!(
        "../../../crates/pubsub/tests/vectors/webhook_validation.json"
    ))
    .await;
}

#[tokio::test]
async fn events_are_answered() {
    play(include_str!(
        "../../../crates/pubsub/tests/vectors/webhook_events.json"
    ))
    .await;
}

#[tokio::test]
async fn events_of_mqtt_clients_are_answered() {
    play(include_str!(
        "../../../crates/pubsub/tests/vectors/webhook_mqtt.json"
    ))
    .await;
}

#[tokio::test]
async fn what_is_not_an_event_reaches_no_handler() {
    play(include_str!(
        "../../../crates/pubsub/tests/vectors/webhook_refusals.json"
    ))
    .await;
}

/// Plays each vector of a file against a webhook of its own.
async fn play(file: &str) {
    let file: Value = serde_json::from_str(file).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    assert!(!vectors.is_empty());
    for vector in vectors {
        let scripted = Arc::new(Scripted {
            script: vector["handler"].clone(),
            seen: Mutex::default(),
        });
        let webhook = webhook(&vector["settings"], scripted.clone());
        let request = request(&vector["request"], &file["headers"]);
        let response = within(webhook.handle(request)).await;
        let name = vector["name"].as_str().unwrap();
        check_response(name, &response, &vector["response"]);
        let seen = scripted.seen.lock().unwrap().take();
        check_seen(name, seen, vector.get("seen"));
    }
}

fn webhook(settings: &Value, handler: Arc<Scripted>) -> Webhook {
    let mut builder = Webhook::builder().hub("chat", handler);
    if settings["keys"] == true {
        for key in KEYS {
            builder = builder.access_key(&AccessKey::new(key));
        }
    }
    if let Some(origins) = settings["origins"].as_array() {
        let origins = origins.iter().map(|origin| origin.as_str().unwrap());
        builder = builder.allowed_origins(AllowedOrigins::list(origins));
    }
    builder.build().unwrap()
}

fn request(request: &Value, common: &Value) -> Request<Bytes> {
    let mut headers = Map::new();
    for (name, value) in [common, &request["headers"]]
        .into_iter()
        .flat_map(|headers| headers.as_object().unwrap())
    {
        headers.insert(name.to_ascii_lowercase(), value.clone());
    }
    let mut builder = Request::builder()
        .method(request["method"].as_str().unwrap())
        .uri("/api/webpubsub/hubs/chat/");
    for (name, value) in &headers {
        if let Some(value) = value.as_str() {
            builder = builder.header(name, value);
        }
    }
    let body = request["body"].as_str().unwrap_or_default().to_owned();
    builder.body(body.into()).unwrap()
}

fn check_response(name: &str, found: &Response<Bytes>, expected: &Value) {
    assert_eq!(
        found.status().as_u16(),
        expected["status"],
        "{name}: {found:?}"
    );
    let no_headers = Map::new();
    let headers = expected["headers"].as_object().unwrap_or(&no_headers);
    for compared in COMPARED {
        let values: Vec<&str> = found
            .headers()
            .get_all(compared)
            .iter()
            .map(|value| value.to_str().unwrap())
            .collect();
        let expected = headers
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(compared));
        let expected = expected.map_or("", |(_, value)| value.as_str().unwrap());
        assert_eq!(values.join(", "), expected, "{name}: {compared}");
    }
    match expected.get("json") {
        Some(json) => {
            let body: Value = serde_json::from_slice(found.body()).unwrap();
            assert_eq!(body, *json, "{name}");
        }
        None => {
            let body = std::str::from_utf8(found.body()).unwrap();
            assert_eq!(
                body,
                expected["body"].as_str().unwrap_or_default(),
                "{name}"
            );
        }
    }
}

/// Compares the members that are expected; `null` is what is missing.
fn check_seen(name: &str, found: Option<Value>, expected: Option<&Value>) {
    match expected {
        None => {}
        Some(Value::Null) => assert_eq!(found, None, "{name}: the handler was called"),
        Some(expected) => {
            let found = found.unwrap_or_else(|| panic!("{name}: the handler was not called"));
            check_holds(name, &found, expected);
        }
    }
}

fn check_holds(name: &str, found: &Value, expected: &Value) {
    for (member, value) in expected.as_object().unwrap() {
        match member.as_str() {
            "mqtt" => check_holds(name, &found[member], value),
            _ => assert_eq!(found[member], *value, "{name}: {member}"),
        }
    }
}

/// Does what a vector says, and notes what it was told.
struct Scripted {
    script: Value,
    seen: Mutex<Option<Value>>,
}

impl Scripted {
    fn note(&self, context: &ConnectionContext, more: Value) {
        let states: Option<Value> = context.state().and_then(|state| state.to_json().ok());
        let mut seen = json!({
            "hub": context.hub().as_str(),
            "connectionId": context.connection_id().as_str(),
            "userId": context.user_id().map(|user| user.as_str()),
            "eventName": context.event_name(),
            "states": states.unwrap_or_else(|| json!({})),
            "physicalConnectionId": context.mqtt().map(|mqtt| mqtt.physical_connection_id()),
            "sessionId": context.mqtt().and_then(|mqtt| mqtt.session_id()),
        });
        let more = more.as_object().unwrap().clone();
        seen.as_object_mut().unwrap().extend(more);
        *self.seen.lock().unwrap() = Some(seen);
    }
}

#[async_trait]
impl EventHandler for Scripted {
    async fn connect(&self, request: ConnectRequest) -> Result<ConnectResponse, Rejection> {
        let certificates = request.client_certificates().iter();
        let certificates: Vec<_> = certificates.map(|one| one.thumbprint()).collect();
        let seen = json!({
            "claims": as_json(request.claims()),
            "query": as_json(request.query()),
            "subprotocols": request.subprotocols(),
            "clientCertificates": certificates,
            "mqtt": request.mqtt().map(|mqtt| json!({
                "protocolVersion": mqtt.protocol_version(),
                "cleanStart": mqtt.clean_start(),
                "username": mqtt.username(),
                "password": mqtt.password().map(base64),
                "userProperties": mqtt.user_properties(),
            })),
        });
        self.note(request.context(), seen);
        let script = &self.script["connect"];
        refuse(script)?;
        if let Some(mqtt) = script["failWith"].get("mqtt") {
            let code = u8::try_from(mqtt["code"].as_u64().unwrap()).unwrap();
            let reason = mqtt["reason"].as_str().unwrap_or_default();
            let mut rejection = Rejection::mqtt(MqttConnectCode::new(code), reason);
            for property in properties(mqtt) {
                rejection = rejection.with_mqtt_user_property(property);
            }
            return Err(rejection);
        }
        let mut response = ConnectResponse::accept();
        let answer = &script["success"];
        if let Some(user) = answer["userId"].as_str() {
            response = response.with_user_id(user)?;
        }
        for group in strings(&answer["groups"]) {
            response = response.with_group(group.as_str())?;
        }
        if answer.get("roles").is_some() {
            response = response.without_roles();
        }
        for role in strings(&answer["roles"]) {
            response = response.with_role(role);
        }
        if let Some(subprotocol) = answer["subprotocol"].as_str() {
            response = response.with_subprotocol(subprotocol);
        }
        for property in properties(&answer["mqtt"]) {
            response = response.with_mqtt_user_property(property);
        }
        if let Some(state) = script.get("state") {
            response = response.with_state(ConnectionState::json(state)?);
        }
        Ok(response)
    }

    async fn connected(&self, request: ConnectedRequest) {
        self.note(request.context(), json!({}));
    }

    async fn disconnected(&self, request: DisconnectedRequest) {
        let mqtt = request.mqtt().map(|mqtt| {
            json!({
                "initiatedByClient": mqtt.is_initiated_by_client(),
                "disconnectPacket": mqtt.disconnect_packet().map(|packet| json!({
                    "code": packet.code(),
                    "userProperties": packet.user_properties(),
                })),
            })
        });
        let seen = json!({ "reason": request.reason(), "mqtt": mqtt });
        self.note(request.context(), seen);
    }

    async fn group_joined(&self, request: GroupJoinedRequest) {
        let seen = json!({ "group": request.group().as_str() });
        self.note(request.context(), seen);
    }

    async fn group_left(&self, request: GroupLeftRequest) {
        let seen = json!({ "group": request.group().as_str() });
        self.note(request.context(), seen);
    }

    async fn user_event(&self, request: UserEventRequest) -> Result<UserEventResponse, Rejection> {
        let data = match request.data() {
            Data::Json(json) => serde_json::from_str(json)?,
            other => json!(String::from_utf8_lossy(other.as_bytes())),
        };
        let seen = json!({ "dataType": request.data().type_name(), "data": data });
        self.note(request.context(), seen);
        let script = &self.script["userEvent"];
        refuse(script)?;
        let mut response = match (script["data"].as_str(), script["type"].as_str()) {
            (Some(data), Some("text")) => UserEventResponse::text(data),
            (Some(data), Some("json")) => UserEventResponse::data(Data::Json(data.into())),
            (Some(data), _) => UserEventResponse::binary(data.to_owned()),
            (None, _) => UserEventResponse::accept(),
        };
        if let Some(state) = script.get("state") {
            response = response.with_state(ConnectionState::json(state)?);
        }
        Ok(response)
    }
}

fn refuse(script: &Value) -> Result<(), Rejection> {
    match script["fail"].as_array().map(Vec::as_slice) {
        Some([status, reason]) => {
            let status = u16::try_from(status.as_u64().unwrap()).unwrap();
            let status = StatusCode::from_u16(status).unwrap();
            Err(Rejection::new(status, reason.as_str().unwrap_or_default()))
        }
        _ => Ok(()),
    }
}

fn properties(mqtt: &Value) -> Vec<MqttUserProperty> {
    let properties = mqtt["userProperties"].as_array().into_iter().flatten();
    properties
        .map(|property| {
            let text = |name| property[name].as_str().unwrap();
            MqttUserProperty::new(text("name"), text("value"))
        })
        .collect()
}

fn strings(list: &Value) -> Vec<String> {
    serde_json::from_value(list.clone()).unwrap_or_default()
}

fn as_json(map: &MultiMap) -> Value {
    let entries = map
        .iter()
        .map(|(name, values)| (name.to_owned(), json!(values)));
    Value::Object(entries.collect())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

const COMPARED: [&str; 4] = [
    "allow",
    "ce-connectionstate",
    "content-type",
    "webhook-allowed-origin",
];
/// The keys of the vectors' signatures.
const KEYS: [&str; 2] = [
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789ABCDEFGH",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567",
];
