"""The journal: what happened at the emulator."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Dict, Iterable, List, Literal, Mapping, Optional, Union

from ._clock import Seconds, _seconds
from ._control import Call

Kind = Literal[
    "request",
    "connected",
    "disconnected",
    "message",
    "event",
    "refused",
    "listener",
    "sender",
    "rendezvous",
    "relayed-request",
    "fault",
    "clock",
]
"""The kind of a record; the emulator's README says when each is recorded."""

Service = Literal["pubsub", "relay", "identity", "emulator"]
"""The service that a record is of."""


@dataclass(frozen=True)
class Payload:
    """What a message or a request carried."""

    type: str
    """``text``, ``json``, ``binary``, ``protobuf``, or a media type."""
    length: int
    """The whole length, in bytes."""
    data: bytes
    """At most its first 4,096 bytes."""
    is_cut: bool = False
    """Whether there was more than :attr:`data`."""

    @property
    def text(self) -> str:
        """:attr:`data` as text.

        Raises:
            UnicodeDecodeError: It is not UTF-8.
        """
        return self.data.decode()

    def json(self) -> Any:
        """Returns the value that it is as JSON.

        Raises:
            ValueError: It is not JSON, or was cut.
        """
        return json.loads(self.data)

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> Payload:
        text = value.get("text")
        data = text.encode() if text is not None else base64.b64decode(value.get("base64", ""))
        return cls(value["type"], value["length"], data, value.get("isCut", False))


@dataclass(frozen=True)
class Record:
    """One thing that happened.

    It has the members that its kind has; the others are ``None``. The emulator's README lists
    them by kind.
    """

    id: int
    """Its number since the start; a reset does not begin again."""
    time: datetime
    """When it happened, on the emulator's clock."""
    kind: Kind
    """What it is about."""
    service: Service
    """The service that it happened at."""
    hub: Optional[str] = None
    """The hub, in lower case."""
    entity: Optional[str] = None
    """The hybrid connection, by its path in lower case."""
    group: Optional[str] = None
    """The group."""
    user: Optional[str] = None
    """The user."""
    connection: Optional[str] = None
    """The id of the connection, or of the Relay listener or sender."""
    tracking_id: Optional[str] = None
    """The id by which both sides find the same operation in their logs."""
    took: Optional[float] = None
    """How long it took, in seconds of real time."""
    payload: Optional[Payload] = None
    """What was sent."""
    operation: Optional[str] = None
    """The operation, such as ``sendToGroup``."""
    method: Optional[str] = None
    """The HTTP method."""
    url: Optional[str] = None
    """The address, without secrets."""
    status: Optional[int] = None
    """The status of the response."""
    error: Optional[str] = None
    """What went wrong."""
    receivers: Optional[int] = None
    """How many connections it was sent or applied to."""
    response: Optional[Payload] = None
    """The body of the response."""
    event: Optional[str] = None
    """The name of the event."""
    ack_id: Optional[int] = None
    """The ack id, if the client wants an acknowledgement."""
    attempt: Optional[int] = None
    """The attempt, counted from 1."""
    headers: Optional[Mapping[str, str]] = None
    """The headers of an event that say what it is."""
    state: Optional[str] = None
    """The states of the connection that an event handler changed, as JSON."""
    will_retry: Optional[bool] = None
    """Whether an event will be sent again."""
    subprotocol: Optional[str] = None
    """The subprotocol of a client."""
    groups: Optional[List[str]] = None
    """The groups that a client is in from the start."""
    roles: Optional[List[str]] = None
    """The roles of a client."""
    is_recovered: Optional[bool] = None
    """Whether a connection was there before."""
    may_recover: Optional[bool] = None
    """Whether a client may recover its connection."""
    code: Optional[int] = None
    """The close code."""
    reason: Optional[str] = None
    """The reason of an end or a rejection."""
    ended_by: Optional[str] = None
    """The party that ended a connection."""
    subject: Optional[str] = None
    """What was refused, such as ``token`` or ``role``."""
    rule: Union[str, int, None] = None
    """The rule that was broken, in a sentence; of a fault, the place of its rule."""
    action: Optional[str] = None
    """What a listener did, which step of a rendezvous it is, or how the clock was moved."""
    listener: Optional[str] = None
    """The id of the listener."""
    is_by_rendezvous: Optional[bool] = None
    """Whether a request went over a rendezvous, not over the control channel."""
    bytes_to_listener: Optional[int] = None
    """How many bytes went to the listener, at an end."""
    bytes_to_sender: Optional[int] = None
    """How many bytes went to the sender, at an end."""
    fault: Optional[str] = None
    """The fault that struck."""
    at: Optional[str] = None
    """The occasion of the fault."""
    by: Optional[float] = None
    """How far the clock was advanced, in seconds."""
    offset: Optional[float] = None
    """How far the clock has been advanced in all, in seconds."""
    is_held: Optional[bool] = None
    """Whether the clock is held."""
    json: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)
    """The record as the emulator sent it."""

    def __repr__(self) -> str:
        shown = ((name, getattr(self, name)) for name in _FIELDS if name != "json")
        members = ", ".join(f"{name}={value!r}" for name, value in shown if value is not None)
        return f"Record({members})"

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> Record:
        members = {_snake(name): member for name, member in value.items()}
        members = {name: member for name, member in members.items() if name in _FIELDS}
        # Python before 3.11 does not read the Z.
        members["time"] = datetime.fromisoformat(value["time"].replace("Z", "+00:00"))
        for name in ("payload", "response"):
            if name in members:
                members[name] = Payload._read(members[name])
        return cls(**{**members, "json": value})


_FIELDS = tuple(item.name for item in fields(Record))
_CAPITAL = re.compile("[A-Z]")


def _snake(name: str) -> str:
    return _CAPITAL.sub(lambda capital: "_" + capital[0].lower(), name)


class Records(List[Record]):
    """The records that fit, the oldest first."""

    next: int
    """The ``after`` with which the next question goes on."""
    missed: int
    """How many were asked for, but had made room for newer ones."""

    def __init__(self, records: Iterable[Record], next: int, missed: int) -> None:
        super().__init__(records)
        self.next = next
        self.missed = missed

    @classmethod
    def _read(cls, value: Dict[str, Any]) -> Records:
        records = [Record._read(record) for record in value["records"]]
        return cls(records, value["next"], value["missed"])


def _look(
    kind: Union[Kind, Iterable[Kind], None],
    wait: Seconds,
    filters: Mapping[str, Optional[str]],
    after: Optional[int],
    limit: Optional[int],
) -> Call[Records]:
    query = {name: value for name, value in filters.items() if value is not None}
    if kind is not None:
        query["kind"] = kind if isinstance(kind, str) else ",".join(kind)
    if after is not None:
        query["after"] = str(after)
    if limit is not None:
        query["limit"] = str(limit)
    seconds = _seconds(wait)
    if seconds:
        query["wait"] = str(seconds)
    return Call("GET", "/journal", Records._read, query=query, wait=seconds)
