"""azwire-emulator: Azure Web PubSub and Azure Relay on your machine, for tests.

``Emulator`` starts the program and stops it::

    from azwire_emulator import Emulator

    with Emulator() as emulator:
        print(emulator.pubsub.connection_string)

The package is a pytest plugin, too: the fixtures ``azwire_emulator``,
``webpubsub_connection_string`` and ``relay_connection_string`` are there without an import.
"""

from ._aio import AsyncEmulator
from ._clock import AsyncClock, Clock, ClockState
from ._emulator import Emulator
from ._error import EmulatorError
from ._faults import ArmedRule, Fault, FaultRule, FaultState, Occasion
from ._journal import Kind, Payload, Record, Records, Service
from ._program import find_program
from ._services import AsyncPubSub, AsyncRelay, Identity, PubSub, Relay
from ._state import (
    Connection,
    HubState,
    HybridConnection,
    HybridConnectionState,
    PubSubState,
    RelayState,
)

__all__ = [
    "ArmedRule",
    "AsyncClock",
    "AsyncEmulator",
    "AsyncPubSub",
    "AsyncRelay",
    "Clock",
    "ClockState",
    "Connection",
    "Emulator",
    "EmulatorError",
    "Fault",
    "FaultRule",
    "FaultState",
    "HubState",
    "HybridConnection",
    "HybridConnectionState",
    "Identity",
    "Kind",
    "Occasion",
    "Payload",
    "PubSub",
    "PubSubState",
    "Record",
    "Records",
    "Relay",
    "RelayState",
    "Service",
    "find_program",
]
