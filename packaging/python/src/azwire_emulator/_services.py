"""Web PubSub and Relay: their addresses, state and faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Iterable, List, Literal, Mapping, Optional, Type, TypeVar

from ._control import Call, Control, nothing
from ._faults import FaultRule, FaultState, _plan
from ._state import Connection, HybridConnection, PubSubState, RelayState

PUBSUB = "/pubsub/_emulator"
RELAY = "/relay/_emulator"

SystemEvent = Literal["connect", "connected", "disconnected"]
"""An event that Web PubSub itself raises."""


P = TypeVar("P", bound="PubSubAddresses")
R = TypeVar("R", bound="RelayAddresses")


@dataclass(frozen=True)
class PubSubAddresses:
    """Where Web PubSub is."""

    _control: Control = field(repr=False, compare=False)
    endpoint: str
    """The endpoint without TLS."""
    connection_string: str = field(repr=False)
    """The connection string without TLS, which every SDK takes."""
    secure_endpoint: str
    """The endpoint with TLS, for token credentials; clients must trust the emulator's authority."""
    secure_connection_string: str = field(repr=False)
    """The connection string with TLS."""

    @classmethod
    def _read(cls: Type[P], line: Mapping[str, Any], control: Control) -> P:
        names = ("endpoint", "connectionString", "secureEndpoint", "secureConnectionString")
        return cls(control, *(line[name] for name in names))


@dataclass(frozen=True)
class RelayAddresses:
    """Where Relay is."""

    _control: Control = field(repr=False, compare=False)
    endpoint: str
    """The endpoint of the namespace."""
    connection_string: str = field(repr=False)
    """The connection string of the namespace, with TLS; clients must trust the emulator's authority."""
    plain_connection_string: str = field(repr=False)
    """The one without TLS, for clients that take ``UseDevelopmentEmulator``."""
    hybrid_connections: List[str]
    """The hybrid connections that there are from the start."""

    @classmethod
    def _read(cls: Type[R], line: Mapping[str, Any], control: Control) -> R:
        names = ("endpoint", "connectionString", "plainConnectionString", "hybridConnections")
        return cls(control, *(line[name] for name in names))


@dataclass(frozen=True)
class Identity:
    """The emulator's own authority for Entra ID tokens."""

    authority: str
    """Its address."""
    tenant_id: str
    """The tenant."""
    token_endpoint: str
    """The endpoint of the managed identity."""
    environment: Mapping[str, str] = field(repr=False)
    """The variables with which ``DefaultAzureCredential`` and ``ManagedIdentityCredential`` sign in."""
    environments: Mapping[str, Mapping[str, str]] = field(repr=False)
    """The variables for each way to sign in: ``managed-identity``, ``client-secret``, ``workload-identity``."""

    @classmethod
    def _read(cls, line: Mapping[str, Any]) -> Identity:
        names = ("authority", "tenantId", "tokenEndpoint", "environment", "environments")
        return cls(*(line[name] for name in names))


def _faults(service: str) -> Call[FaultState]:
    return Call("GET", service + "/faults", FaultState._read)


def _inject(service: str, rules: Iterable[FaultRule], seed: int) -> Call[FaultState]:
    return Call("POST", service + "/faults", FaultState._read, body=_plan(rules, seed))


def _clear(service: str) -> Call[None]:
    return Call("DELETE", service + "/faults", nothing)


def _pubsub_state() -> Call[PubSubState]:
    return Call("GET", PUBSUB + "/state", lambda value: value)


def _connections() -> Call[Dict[str, List[Connection]]]:
    return Call("GET", PUBSUB + "/connections", lambda value: value)


def _handler(
    hub: str,
    url: str,
    user_events: str,
    system_events: Iterable[SystemEvent],
    group_presence: Optional[Iterable[str]],
) -> Call[None]:
    body: Dict[str, Any] = {"hub": hub, "url": url, "user-events": user_events}
    body["system-events"] = list(system_events)
    if group_presence is not None:
        filters = list(group_presence)
        presence = {"event-names": ["joined", "left"], "group-filters": filters}
        body["group-presence-events"] = presence
    return Call("POST", PUBSUB + "/event-handlers", nothing, body=body)


def _relay_state() -> Call[RelayState]:
    return Call("GET", RELAY + "/state", lambda value: value)


def _settings() -> Call[List[HybridConnection]]:
    return Call("GET", RELAY + "/hybrid-connections", lambda value: value)


ALL_SYSTEM_EVENTS: List[SystemEvent] = ["connect", "connected", "disconnected"]


class PubSub(PubSubAddresses):
    """Web PubSub."""

    def state(self) -> PubSubState:
        """Returns counts by hub."""
        return self._control.run(_pubsub_state())

    def connections(self) -> Dict[str, List[Connection]]:
        """Returns the connections by hub, ordered by id."""
        return self._control.run(_connections())

    def inject_fault(self, *rules: FaultRule, seed: int = 0) -> FaultState:
        """Arms rules besides those that are armed already.

        Args:
            rules: On each occasion they are checked in order, and the first that applies strikes.
            seed: Of the draws of rules with a probability.

        Returns:
            All armed rules.

        Raises:
            EmulatorError: A rule is invalid; none is armed then.
        """
        return self._control.run(_inject(PUBSUB, rules, seed))

    def faults(self) -> FaultState:
        """Returns the armed rules, and how often each has struck."""
        return self._control.run(_faults(PUBSUB))

    def clear_faults(self) -> None:
        """Removes all rules."""
        self._control.run(_clear(PUBSUB))

    def add_event_handler(
        self,
        hub: str,
        url: str,
        *,
        user_events: str = "*",
        system_events: Iterable[SystemEvent] = ALL_SYSTEM_EVENTS,
        group_presence: Optional[Iterable[str]] = None,
    ) -> None:
        """Sends the events of a hub to an address, until the next reset.

        Args:
            hub: The hub.
            url: The address, in which ``{hub}`` and ``{event}`` are replaced.
            user_events: Patterns of the user events, with commas; ``*`` for all, empty for none.
            system_events: The system events.
            group_presence: Patterns of the groups whose joining and leaving is reported; empty
                for all groups, ``None`` for none.
        """
        call = _handler(hub, url, user_events, system_events, group_presence)
        self._control.run(call)


class AsyncPubSub(PubSubAddresses):
    """The same as :class:`PubSub` for asyncio."""

    async def state(self) -> PubSubState:
        """See :meth:`PubSub.state`."""
        return await self._control.run_async(_pubsub_state())

    async def connections(self) -> Dict[str, List[Connection]]:
        """See :meth:`PubSub.connections`."""
        return await self._control.run_async(_connections())

    async def inject_fault(self, *rules: FaultRule, seed: int = 0) -> FaultState:
        """See :meth:`PubSub.inject_fault`."""
        return await self._control.run_async(_inject(PUBSUB, rules, seed))

    async def faults(self) -> FaultState:
        """See :meth:`PubSub.faults`."""
        return await self._control.run_async(_faults(PUBSUB))

    async def clear_faults(self) -> None:
        """See :meth:`PubSub.clear_faults`."""
        await self._control.run_async(_clear(PUBSUB))

    async def add_event_handler(
        self,
        hub: str,
        url: str,
        *,
        user_events: str = "*",
        system_events: Iterable[SystemEvent] = ALL_SYSTEM_EVENTS,
        group_presence: Optional[Iterable[str]] = None,
    ) -> None:
        """See :meth:`PubSub.add_event_handler`."""
        call = _handler(hub, url, user_events, system_events, group_presence)
        await self._control.run_async(call)


class Relay(RelayAddresses):
    """Relay."""

    def state(self) -> RelayState:
        """Returns the hybrid connections with their listeners and senders."""
        return self._control.run(_relay_state())

    def settings(self) -> List[HybridConnection]:
        """Returns the settings of the hybrid connections, without keys."""
        return self._control.run(_settings())

    def inject_fault(self, *rules: FaultRule, seed: int = 0) -> FaultState:
        """As :meth:`PubSub.inject_fault`; a rule's scope is the path of a hybrid connection."""
        return self._control.run(_inject(RELAY, rules, seed))

    def faults(self) -> FaultState:
        """Returns the armed rules, and how often each has struck."""
        return self._control.run(_faults(RELAY))

    def clear_faults(self) -> None:
        """Removes all rules."""
        self._control.run(_clear(RELAY))


class AsyncRelay(RelayAddresses):
    """The same as :class:`Relay` for asyncio."""

    async def state(self) -> RelayState:
        """See :meth:`Relay.state`."""
        return await self._control.run_async(_relay_state())

    async def settings(self) -> List[HybridConnection]:
        """See :meth:`Relay.settings`."""
        return await self._control.run_async(_settings())

    async def inject_fault(self, *rules: FaultRule, seed: int = 0) -> FaultState:
        """See :meth:`Relay.inject_fault`."""
        return await self._control.run_async(_inject(RELAY, rules, seed))

    async def faults(self) -> FaultState:
        """See :meth:`Relay.faults`."""
        return await self._control.run_async(_faults(RELAY))

    async def clear_faults(self) -> None:
        """See :meth:`Relay.clear_faults`."""
        await self._control.run_async(_clear(RELAY))
