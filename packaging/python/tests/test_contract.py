"""What is typed here is what the program has: neither less nor more."""

from __future__ import annotations

import inspect
import re
import subprocess
from pathlib import Path
from typing import Any, Dict, List, Set, Type, get_args

import pytest
from azure.messaging.webpubsubclient import WebPubSubClient
from azure.messaging.webpubsubservice import WebPubSubServiceClient

from azwire_emulator import (
    AsyncClock,
    AsyncEmulator,
    AsyncPubSub,
    AsyncRelay,
    Clock,
    Connection,
    Emulator,
    Fault,
    FaultRule,
    HubState,
    HybridConnection,
    HybridConnectionState,
    Kind,
    Occasion,
    PubSub,
    PubSubState,
    Record,
    Relay,
    RelayState,
    find_program,
)
from azwire_emulator._faults import _NAMES
from azwire_emulator._journal import _snake

README = Path(__file__).parents[3] / "crates" / "emulator" / "README.md"


def table(heading: str) -> List[List[str]]:
    """Returns the rows of the table of the emulator's README that begins with a heading."""
    lines = README.read_text(encoding="utf-8").split(f"\n| {heading} |", 1)[1].splitlines()
    rows = []
    for line in lines[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def words(cell: str) -> Set[str]:
    return set(re.findall(r"`([A-Za-z-]+)`", cell))


def test_every_flag_is_a_keyword() -> None:
    output = subprocess.run([find_program(), "--help"], capture_output=True, text=True, check=True)
    flags = set(re.findall(r"^ +(?:-\w, )?--([a-z-]+)", output.stdout, re.MULTILINE))
    assert "hybrid-connection" in flags
    keywords = set(inspect.signature(Emulator).parameters)
    own = {"arguments", "environment", "program", "timeout"}
    # Without the first nothing here would hold; the others print something and end.
    others = {"exit-with-parent", "help", "version"}
    assert {name.replace("_", "-") for name in keywords - own} == flags - others


def test_every_kind_and_member_of_a_record_is_a_field() -> None:
    rows = table("kind | recorded when | members of its own")
    kinds: Set[str] = set().union(*(words(kind) for kind, *_ in rows))
    assert kinds == set(get_args(Kind))
    fields = set(Record.__dataclass_fields__)
    # Of `refused`, the table lists values of `subject` as well.
    values = "token role right permission credential recovery message request".split()
    members: Set[str] = set().union(*(words(when + own) for _, when, own in rows)) - set(values)
    assert "bytesToListener" in members
    assert {_snake(member) for member in members} <= fields
    common = "id time kind service hub entity group user connection tracking_id took payload json"
    assert fields - {_snake(member) for member in members} == set(common.split())


def test_every_fault_is_named_with_its_fields() -> None:
    rows = table("fault | `at` | further fields")
    assert set().union(*(words(fault) for fault, *_ in rows)) == set(get_args(Fault))
    occasions: Set[str] = set().union(*(words(at) for _, at, _ in rows))
    assert occasions == set(get_args(Occasion))
    further: Set[str] = set().union(*(words(cell) for *_, cell in rows))
    general = "fault at scope user connection every times probability".split()
    names = {_NAMES.get(name, name) for name in FaultRule.__dataclass_fields__}
    assert names == further | set(general)


def test_states_have_the_keys_of_their_types() -> None:
    def check(value: Any, of: Type[Any]) -> None:
        assert set(value) == set(of.__annotations__)

    with Emulator() as emulator:
        string = emulator.pubsub.connection_string
        with WebPubSubServiceClient.from_connection_string(string, hub="chat") as service:
            url = service.get_client_access_token(user_id="ann")["url"]
        with WebPubSubClient(url):
            state = emulator.pubsub.state()
            check(state, PubSubState)
            check(state["hubs"]["chat"], HubState)
            [connection] = emulator.pubsub.connections()["chat"]
            check(connection, Connection)
        relay = emulator.relay.state()
        check(relay, RelayState)
        check(relay["hybridConnections"]["hc1"], HybridConnectionState)
        check(emulator.relay.settings()[0], HybridConnection)


@pytest.mark.parametrize(
    ("plain", "coroutines"),
    [(Emulator, AsyncEmulator), (PubSub, AsyncPubSub), (Relay, AsyncRelay), (Clock, AsyncClock)],
)
def test_both_forms_have_the_same_methods(plain: Type[Any], coroutines: Type[Any]) -> None:
    def public(of: Type[Any]) -> Dict[str, Any]:
        return {name: vars(of)[name] for name in vars(of) if not name.startswith("_")}

    first, second = public(plain), public(coroutines)
    # Starting and stopping is that of the one object, which each form leads to.
    assert set(first) - {"start", "stop", "aio"} == set(second) - {"sync"}
    for name, member in second.items():
        assert member.__doc__
        if inspect.isfunction(member):
            assert inspect.iscoroutinefunction(member), name
            assert inspect.signature(member) == inspect.signature(first[name]), name
