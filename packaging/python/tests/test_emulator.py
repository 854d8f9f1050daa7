"""What a started emulator offers, judged with the official SDKs where one can."""

from __future__ import annotations

import http.server
import io
import json
import queue
import ssl
import threading
import urllib.request
from datetime import timedelta
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from azure.core.exceptions import HttpResponseError
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubclient.models import CallbackType
from azure.messaging.webpubsubservice import WebPubSubServiceClient

from azwire_emulator import Emulator, EmulatorError, FaultRule, Record


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(hybrid_connection=["orders", "open:anonymous"]) as emulator:
        yield emulator


@pytest.fixture(autouse=True)
def _reset(emulator: Emulator) -> Iterator[None]:
    yield
    emulator.reset()


@pytest.fixture
def service(emulator: Emulator) -> Iterator[WebPubSubServiceClient]:
    # Retries would hide the faults.
    with WebPubSubServiceClient.from_connection_string(
        emulator.pubsub.connection_string, hub="chat", retry_total=0
    ) as service:
        yield service


def test_the_ready_line_is_in_attributes(emulator: Emulator) -> None:
    line = emulator.ready_line
    assert emulator.control == line["control"]
    assert emulator.ca_certificate == Path(line["caCertificate"])
    assert "BEGIN CERTIFICATE" in emulator.ca_certificate.read_text()
    assert emulator.pubsub.endpoint == line["pubsub"]["endpoint"]
    assert emulator.pubsub.endpoint in emulator.control
    assert emulator.pubsub.secure_connection_string == line["pubsub"]["secureConnectionString"]
    assert emulator.relay.endpoint.startswith("sb://localhost:")
    assert emulator.relay.connection_string.startswith(f"Endpoint={emulator.relay.endpoint};")
    assert "UseDevelopmentEmulator=true" in emulator.relay.plain_connection_string
    assert emulator.relay.hybrid_connections == ["orders", "open"]
    assert emulator.identity.authority.startswith("https://localhost:")
    assert emulator.identity.environments["client-secret"]["AZURE_TENANT_ID"] == "adfs"


def test_keys_are_not_in_what_a_failed_assertion_shows(emulator: Emulator) -> None:
    for shown in (emulator.pubsub, emulator.relay, emulator.identity, emulator.aio.pubsub):
        assert "Key" not in repr(shown)
        assert "SECRET" not in repr(shown)


def test_the_certificate_is_that_of_the_ports(emulator: Emulator) -> None:
    context = ssl.create_default_context(cafile=str(emulator.ca_certificate))
    address = emulator.pubsub.secure_endpoint + "/_emulator/health"
    with urllib.request.urlopen(address, context=context, timeout=10) as response:
        assert json.load(response)["status"] == "healthy"


def test_variables_are_those_of_exec(emulator: Emulator) -> None:
    variables = emulator.variables
    assert variables["WEBPUBSUB_CONNECTION_STRING"] == emulator.pubsub.connection_string
    assert variables["WEBPUBSUB_ENDPOINT"] == emulator.pubsub.secure_endpoint
    assert variables["RELAY_CONNECTION_STRING"] == emulator.relay.connection_string
    assert variables["IDENTITY_ENDPOINT"] == emulator.identity.token_endpoint
    assert json.loads(variables["AZWIRE_EMULATOR_READY"]) == emulator.ready_line


def test_what_was_sent_is_in_the_journal(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    service.send_to_group("kitchen", {"dish": "soup"})
    [sent] = emulator.journal("request", hub="CHAT", group="kitchen", wait=10)
    assert isinstance(sent, Record)
    assert (sent.operation, sent.status, sent.receivers) == ("sendToGroup", 202, 0)
    assert sent.payload is not None
    assert sent.payload.type == "json"
    assert sent.payload.json() == {"dish": "soup"}
    assert json.loads(sent.payload.text) == {"dish": "soup"}
    assert sent.json["operation"] == "sendToGroup"
    assert sent.user is None
    assert "operation='sendToGroup'" in repr(sent)
    assert "user" not in repr(sent)


def test_a_payload_that_is_not_text_is_bytes_and_may_be_cut(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    data = b"\xff" * 5000
    service.send_to_all(io.BytesIO(data), content_type="application/octet-stream")
    [sent] = emulator.journal(["request", "message"], wait=10)
    assert sent.payload is not None
    assert (sent.payload.length, sent.payload.is_cut) == (5000, True)
    assert sent.payload.data == data[:4096]


def test_the_journal_goes_on_after_a_record(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    for word in ("one", "two", "three"):
        service.send_to_all(word, content_type="text/plain")
    first = emulator.journal("request", limit=2)
    assert [record.payload.text for record in first if record.payload] == ["one", "two"]
    rest = emulator.journal("request", after=first.next)
    assert [record.payload.text for record in rest if record.payload] == ["three"]
    assert rest.missed == 0
    emulator.clear_journal()
    assert emulator.journal() == []


def test_waiting_for_nothing_ends_with_nothing(emulator: Emulator) -> None:
    assert emulator.journal("request", wait=timedelta(milliseconds=50)) == []


def test_waiting_ends_with_what_happens(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    found: queue.Queue[Any] = queue.Queue()

    def wait() -> None:
        found.put(emulator.journal("request", group="kitchen", wait=30))

    thread = threading.Thread(target=wait)
    thread.start()
    service.send_to_group("kitchen", "soup", content_type="text/plain")
    [sent] = found.get(timeout=20)
    assert sent.payload.text == "soup"
    thread.join(10)


def test_a_wrong_parameter_is_named(emulator: Emulator) -> None:
    with pytest.raises(EmulatorError, match='`limit` is "0", and must be') as error:
        emulator.journal(limit=0)
    assert error.value.status == 400


def test_a_reset_makes_it_as_new(emulator: Emulator, service: WebPubSubServiceClient) -> None:
    service.send_to_all("hello", content_type="text/plain")
    emulator.clock.advance(3600)
    emulator.pubsub.inject_fault(FaultRule("status", at="request", status=503, times="forever"))
    before = emulator.ready_line
    emulator.reset()
    assert emulator.journal() == []
    assert emulator.clock.state().offset == 0
    assert emulator.pubsub.faults().rules == []
    assert emulator.ready_line == before
    assert not service.user_exists("ann")


def test_a_fault_strikes_as_often_as_its_rule_says(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    rule = FaultRule("status", at="request", scope="chat", status=429, retry_after=1, times=2)
    armed = emulator.pubsub.inject_fault(rule, seed=7)
    assert armed.seed == 7
    assert [each.rule for each in armed.rules] == [rule]
    for _ in range(2):
        with pytest.raises(HttpResponseError) as refused:
            service.send_to_all("hello", content_type="text/plain")
        assert refused.value.status_code == 429
    service.send_to_all("hello", content_type="text/plain")
    assert emulator.pubsub.faults().struck == 2
    assert [record.fault for record in emulator.journal("fault", wait=10)] == ["status", "status"]
    emulator.pubsub.clear_faults()
    assert emulator.pubsub.faults().rules == []


def test_a_fault_that_cannot_be_is_refused_with_its_rule(emulator: Emulator) -> None:
    with pytest.raises(EmulatorError, match="rule 0: the fault cannot strike on that occasion"):
        emulator.pubsub.inject_fault(FaultRule("drop", at="ack"))
    with pytest.raises(EmulatorError, match="rule 0: a response cannot come twice"):
        emulator.relay.inject_fault(FaultRule("duplicateAck", at="ack"))
    armed = emulator.relay.inject_fault(FaultRule("status", at="open", status=503, times="forever"))
    assert [each.rule.times for each in armed.rules] == ["forever"]
    assert emulator.relay.faults() == armed
    emulator.relay.clear_faults()
    assert emulator.relay.faults().struck == 0


def test_the_clock_can_be_held_and_advanced(emulator: Emulator) -> None:
    held = emulator.clock.hold()
    assert held.is_held
    assert emulator.clock.state().now == held.now
    moved = emulator.clock.advance(timedelta(minutes=1))
    assert moved.now - held.now == timedelta(minutes=1)
    assert moved.offset == 60
    assert emulator.clock.advance(0.5).offset == 60.5
    assert not emulator.clock.release().is_held


def test_the_state_shows_who_is_connected(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    url = service.get_client_access_token(user_id="ann", groups=["kitchen"])["url"]
    received: queue.Queue[Any] = queue.Queue()
    client = WebPubSubClient(url)
    client.subscribe(CallbackType.SERVER_MESSAGE, received.put)
    with client:
        assert emulator.pubsub.state()["hubs"]["chat"]["connections"] == 1
        [connection] = emulator.pubsub.connections()["chat"]
        assert connection["userId"] == "ann"
        assert connection["groups"] == ["kitchen"]
        assert not connection["isLost"]
        service.send_to_user("ann", "hello", content_type="text/plain")
        assert received.get(timeout=10).data == "hello"
    [connected] = emulator.journal("connected", user="ann", wait=10)
    assert connected.groups == ["kitchen"]
    assert connected.is_recovered is False
    [gone] = emulator.journal("disconnected", user="ann", wait=10)
    assert gone.ended_by == "client"


def test_relay_shows_its_hybrid_connections(emulator: Emulator) -> None:
    assert emulator.relay.state()["hybridConnections"]["orders"]["listeners"] == []
    settings = {each["path"]: each for each in emulator.relay.settings()}
    assert settings["orders"]["requiresClientAuthorization"]
    assert not settings["open"]["requiresClientAuthorization"]


def test_events_go_to_a_handler_that_a_test_adds(
    emulator: Emulator, service: WebPubSubServiceClient
) -> None:
    events: queue.Queue[str] = queue.Queue()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_OPTIONS(self) -> None:
            self.send_response(200)
            self.send_header("WebHook-Allowed-Origin", "*")
            self.end_headers()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            events.put(f"{self.headers['ce-eventName']} {self.headers['ce-userId']}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        emulator.pubsub.add_event_handler(
            "chat",
            f"http://127.0.0.1:{server.server_port}/{{event}}",
            user_events="",
            system_events=["connect"],
            group_presence=["kitchen"],
        )
        url = service.get_client_access_token(user_id="ann")["url"]
        with WebPubSubClient(url):
            assert events.get(timeout=10) == "connect ann"
        server.shutdown()
        thread.join(10)
    with pytest.raises(EmulatorError, match="hub"):
        emulator.pubsub.add_event_handler("", "http://127.0.0.1:1/")


def test_services_that_are_left_out_are_named() -> None:
    with Emulator(no_relay=True, no_identity=True) as emulator:
        assert emulator.pubsub.state()["hubs"] == {}
        assert "RELAY_CONNECTION_STRING" not in emulator.variables
        with pytest.raises(EmulatorError, match="runs without relay"):
            _ = emulator.relay
        with pytest.raises(EmulatorError, match="runs without identity"):
            _ = emulator.identity
    with Emulator(no_pubsub=True) as emulator:
        assert emulator.relay.state()["hybridConnections"].keys() == {"hc1"}
        emulator.reset()
        with pytest.raises(EmulatorError, match="runs without pubsub"):
            _ = emulator.pubsub


def test_proxies_of_the_environment_are_not_asked(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert emulator.pubsub.state()["hubs"] == {}


def test_it_can_be_stopped_twice_and_started_again() -> None:
    emulator = Emulator()
    emulator.stop()
    with pytest.raises(EmulatorError, match="does not run"):
        emulator.reset()
    pids = set()
    for _ in range(2):
        with emulator:
            pids.add(emulator.pid)
            with pytest.raises(EmulatorError, match="started already"):
                emulator.start()
            # A failed second start leaves the first alone.
            emulator.reset()
            emulator.stop()
            emulator.stop()
        for what in ("pubsub", "relay", "clock", "control", "aio", "pid", "variables"):
            with pytest.raises(EmulatorError, match="does not run"):
                getattr(emulator, what)
    assert len(pids) == 2


def test_the_end_is_graceful(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Emulator(log_file=log, environment={"RUST_LOG": "info"}) as emulator:
        authority = emulator.ca_certificate
        assert authority.exists()
    assert "standard input has ended" in log.read_text()
    assert not authority.exists()


def test_options_reach_the_program(tmp_path: Path) -> None:
    options: Dict[str, Any] = {
        "host": "127.0.0.1",
        "certificates": tmp_path / "certificates",
        "certificate_name": ["a.test", "b.test"],
        "auto_create": True,
        "journal": tmp_path / "journal",
        "socket_io": False,
        "event_handler": "chat=http://127.0.0.1:1/{event}",
    }
    with Emulator(**options, arguments=["--reply-delay", "0.5"]) as emulator:
        assert emulator.ca_certificate == tmp_path / "certificates" / "ca.pem"
        emulator.clock.hold()
    [held] = map(json.loads, (tmp_path / "journal").read_text().splitlines())
    assert held["action"] == "held"


def test_what_it_said_is_kept_after_its_end() -> None:
    emulator = Emulator(environment={"RUST_LOG": "azwire_emulator=info"})
    assert emulator.log == ""
    with emulator:
        emulator.reset()
    assert "the emulator was reset" in emulator.log
