"""The emulator, as a context manager."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Dict, Iterable, Mapping, Optional, Type, Union

from ._aio import AsyncEmulator
from ._clock import Clock, Seconds, _seconds
from ._control import CLEAR_JOURNAL, RESET, ROTATE_KEYS, Control
from ._error import EmulatorError
from ._journal import Kind, Records, Service, _look
from ._options import PathLike, Value, Values, command_line
from ._process import Process
from ._program import find_program
from ._services import Identity, PubSub, Relay


class Emulator:
    """An emulator of Azure Web PubSub and Azure Relay, in a process of its own::

        with Emulator(hybrid_connection="orders") as emulator:
            service = WebPubSubServiceClient.from_connection_string(
                emulator.pubsub.connection_string, hub="chat"
            )

    ``async with Emulator() as emulator`` is the same for asyncio: the methods of what it gives,
    an :class:`AsyncEmulator`, are coroutines.

    It listens on free ports of the loopback addresses, and it cannot outlive this process: even
    if this process is killed, the emulator ends. One object is one run at a time; it may be
    started again once it has been stopped.
    """

    def __init__(
        self,
        *,
        host: Optional[Values] = None,
        advertise: Optional[str] = None,
        free_ports: bool = True,
        pubsub_port: Optional[int] = None,
        relay_port: Optional[int] = None,
        relay_plain_port: Optional[int] = None,
        identity_port: Optional[int] = None,
        no_identity: Optional[bool] = None,
        no_pubsub: Optional[bool] = None,
        no_relay: Optional[bool] = None,
        hybrid_connection: Optional[Values] = None,
        certificates: Optional[PathLike] = None,
        certificate_name: Optional[Values] = None,
        auto_create: Optional[bool] = None,
        event_handler: Optional[Values] = None,
        group_presence: Optional[Values] = None,
        journal: Optional[PathLike] = None,
        journal_bytes: Optional[int] = None,
        allow_unvalidated_entra_tokens: Optional[bool] = None,
        socket_io: Optional[bool] = None,
        reply_delay: Optional[Seconds] = 0.02,
        config: Optional[PathLike] = None,
        appsettings: Optional[PathLike] = None,
        log_file: Optional[PathLike] = None,
        arguments: Iterable[str] = (),
        environment: Optional[Mapping[str, str]] = None,
        program: Optional[PathLike] = None,
        timeout: Seconds = 30.0,
    ) -> None:
        """Says how to start it.

        All up to ``log_file`` are the flags of the program (``azwire-emulator --help``); flags
        that may be repeated take one value or several. ``None`` leaves a setting to the
        program's variables and files.

        Args:
            host: Addresses to listen on. Default: the loopback addresses.
            advertise: The host name or address by which clients reach it.
            free_ports: Whether to take a free port wherever none is given. Otherwise, 8080 and
                the other usual ones.
            pubsub_port: The port of Web PubSub.
            relay_port: The port of Relay with TLS.
            relay_plain_port: The port of Relay without TLS.
            identity_port: The port of the authority for Entra ID tokens.
            no_identity: Issues no Entra ID tokens, and takes none.
            no_pubsub: Leaves Web PubSub out.
            no_relay: Leaves Relay out.
            hybrid_connection: The hybrid connections; ``NAME:anonymous`` for one whose senders
                need no token. Default: ``hc1``.
            certificates: A folder to keep the certificate authority in.
            certificate_name: Further names for the certificate.
            auto_create: Lets a listener create the hybrid connection that it listens on.
            event_handler: Sends the events of a hub to an application, as ``HUB=URL-TEMPLATE``.
            group_presence: Patterns of groups whose joining and leaving is reported as well.
            journal: A file to which what happens is added.
            journal_bytes: How much memory the journal may take; 0 switches it off.
            allow_unvalidated_entra_tokens: Accepts Entra tokens by audience and expiry alone.
            socket_io: Makes the Web PubSub resource one for Socket.IO.
            reply_delay: How long acknowledgements are held back, in seconds. The default is what
                ``azure.messaging.webpubsubclient.WebPubSubClient`` needs, which misses an answer
                that comes before it begins to wait. The one of ``.aio`` does not need it.
            config: A TOML file with settings.
            appsettings: A settings file of Microsoft's ``awps-emulator``.
            log_file: A file that the log is added to, in place of :attr:`log`.
            arguments: Further arguments of the program. A flag among them replaces the one that
                would come from here.
            environment: Variables of the program, besides those of this process.
            program: The program. Default: :func:`find_program`.
            timeout: How long it may take until it is ready, in seconds. It takes milliseconds.
        """
        flags: Dict[str, Value] = {
            "host": host,
            "advertise": advertise,
            "free-ports": free_ports or None,
            "pubsub-port": pubsub_port,
            "relay-port": relay_port,
            "relay-plain-port": relay_plain_port,
            "identity-port": identity_port,
            "no-identity": no_identity,
            "no-pubsub": no_pubsub,
            "no-relay": no_relay,
            "hybrid-connection": hybrid_connection,
            "certificates": certificates,
            "certificate-name": certificate_name,
            "auto-create": auto_create,
            "event-handler": event_handler,
            "group-presence": group_presence,
            "journal": journal,
            "journal-bytes": journal_bytes,
            "allow-unvalidated-entra-tokens": allow_unvalidated_entra_tokens,
            "socket-io": socket_io,
            "reply-delay": None if reply_delay is None else _seconds(reply_delay),
            "config": config,
            "appsettings": appsettings,
            "log-file": log_file,
            "exit-with-parent": True,
        }
        self._arguments = command_line(flags, arguments)
        self._environment = dict(environment or {})
        self._program = program
        self._timeout = _seconds(timeout)
        self._lock = threading.Lock()
        self._process: Optional[Process] = None
        self._latest: Optional[Process] = None
        self._ready: Dict[str, Any] = {}
        self._control: Optional[Control] = None

    def start(self) -> Emulator:
        """Starts it, and waits until it is ready.

        Raises:
            EmulatorError: It does not start, or is not ready in time. It does not run then.
        """
        return self._start(threading.Event())

    def _start(self, canceled: threading.Event) -> Emulator:
        with self._lock:
            if self._process is not None:
                raise EmulatorError("the emulator has been started already")
            self._control = None
            program = os.fspath(self._program or find_program())
            process = Process([program, *self._arguments], {**os.environ, **self._environment})
            self._process = self._latest = process
        try:
            if canceled.is_set():
                raise EmulatorError("the start was canceled")
            line = process.ready_line(self._timeout)
            ready = _parse(line)
            if ready is None:
                raise process.error(f"azwire-emulator printed no ready line, but {line[:200]!r}")
            self._control = Control(ready["control"], self._fate)
            self._ready = ready
        except BaseException:
            # A Control-C as well.
            process.kill()
            self._process = None
            raise
        return self

    def stop(self) -> None:
        """Ends it, and waits until it has ended. Further calls do nothing.

        In a child of ``os.fork`` it does nothing: the emulator is the parent's.
        """
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.stop()

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.stop()

    async def __aenter__(self) -> AsyncEmulator:
        canceled = threading.Event()
        starting = asyncio.ensure_future(asyncio.to_thread(self._start, canceled))
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            # The thread cannot be canceled, but it ends as soon as its process does.
            canceled.set()
            await asyncio.to_thread(self._abandon)
            await asyncio.wait([starting])
            if not starting.cancelled():
                starting.exception()
            raise
        return self.aio

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await asyncio.to_thread(self.stop)

    @property
    def aio(self) -> AsyncEmulator:
        """The same emulator, with coroutines for methods."""
        self._running()
        return AsyncEmulator(self)

    @property
    def pubsub(self) -> PubSub:
        """Web PubSub.

        Raises:
            EmulatorError: It is left out.
        """
        control = self._running()
        return PubSub._read(self._part("pubsub"), control)

    @property
    def relay(self) -> Relay:
        """Relay.

        Raises:
            EmulatorError: It is left out.
        """
        control = self._running()
        return Relay._read(self._part("relay"), control)

    @property
    def identity(self) -> Identity:
        """The authority for Entra ID tokens.

        Raises:
            EmulatorError: It is left out.
        """
        self._running()
        return Identity._read(self._part("identity"))

    @property
    def clock(self) -> Clock:
        """The clock that both services follow."""
        return Clock(self._running())

    @property
    def ca_certificate(self) -> Path:
        """The certificate to trust for TLS, a file in PEM format."""
        self._running()
        return Path(self._ready["caCertificate"])

    @property
    def control(self) -> str:
        """The address of the admin API. The emulator's page is there, too."""
        self._running()
        return str(self._ready["control"])

    @property
    def ready_line(self) -> Mapping[str, Any]:
        """All of what the program printed when it was ready."""
        self._running()
        return self._ready

    @property
    def variables(self) -> Dict[str, str]:
        """The variables by which programs find it, as ``azwire-emulator exec`` sets them.

        Those for certificates name the emulator's authority alone: a program with
        ``SSL_CERT_FILE`` trusts no other then.
        """
        self._running()
        variables = {"AZWIRE_EMULATOR_READY": json.dumps(self._ready)}
        pubsub, relay = self._ready.get("pubsub"), self._ready.get("relay")
        if pubsub is not None:
            variables["WEBPUBSUB_CONNECTION_STRING"] = pubsub["connectionString"]
            variables["WEBPUBSUB_ENDPOINT"] = pubsub["secureEndpoint"]
        if relay is not None:
            variables["RELAY_CONNECTION_STRING"] = relay["connectionString"]
        variables.update(self._ready.get("identity", {}).get("environment", {}))
        return variables

    @property
    def log(self) -> str:
        """What it wrote to standard error since its latest start: the last 64 KiB."""
        return "" if self._latest is None else self._latest.log

    @property
    def pid(self) -> int:
        """The id of its process."""
        process = self._process
        if process is None:
            raise EmulatorError(NOT_RUNNING)
        return process.pid

    def reset(self) -> None:
        """Makes everything as it was after the start; addresses and keys stay.

        It closes every connection and removes faults, records of the journal, and event handlers
        that were added. The clock runs as that of the system again.
        """
        self._running().run(RESET)

    def journal(
        self,
        kind: Union[Kind, Iterable[Kind], None] = None,
        *,
        service: Optional[Service] = None,
        hub: Optional[str] = None,
        entity: Optional[str] = None,
        group: Optional[str] = None,
        user: Optional[str] = None,
        connection: Optional[str] = None,
        text: Optional[str] = None,
        after: Optional[int] = None,
        limit: Optional[int] = None,
        wait: Seconds = 0.0,
    ) -> Records:
        """Returns what happened and fits, the oldest first.

        Args:
            kind: The kind of the records, or several.
            service: The service.
            hub: The hub, without case.
            entity: The hybrid connection, without case.
            group: The group.
            user: The user.
            connection: The id of the connection, listener or sender.
            text: Contained in a payload, name, id, address, reason or error; without case.
            after: Only records after the one with this id.
            limit: At most so many. Default: 1,000.
            wait: If nothing fits yet, wait so many seconds for the first that does, at most 300.

        Raises:
            EmulatorError: A parameter is invalid.
        """
        filters = {"service": service, "hub": hub, "entity": entity, "group": group, "user": user}
        filters.update(connection=connection, text=text)
        return self._running().run(_look(kind, wait, filters, after, limit))

    def clear_journal(self) -> None:
        """Removes all records of the journal."""
        self._running().run(CLEAR_JOURNAL)

    def rotate_keys(self) -> None:
        """Signs Entra ID tokens with the next key from now on."""
        self._running().run(ROTATE_KEYS)

    def _running(self) -> Control:
        if self._process is None or self._control is None:
            raise EmulatorError(NOT_RUNNING)
        return self._control

    def _part(self, name: str) -> Mapping[str, Any]:
        part: Optional[Mapping[str, Any]] = self._ready.get(name)
        if part is None:
            raise EmulatorError(f"this emulator runs without {name}")
        return part

    def _fate(self) -> Optional[EmulatorError]:
        """Says how the program ended, if it has."""
        process = self._process
        if process is None:
            return EmulatorError(NOT_RUNNING)
        if process.exit_code() is None:
            return None
        return process.error(f"azwire-emulator {process.fate()}")

    def _abandon(self) -> None:
        with self._lock:
            process, self._process = self._process, None
        if process is not None:
            process.kill()


NOT_RUNNING = "the emulator does not run; start it with `with Emulator() as emulator`"


def _parse(line: str) -> Optional[Dict[str, Any]]:
    try:
        ready = json.loads(line)
    except ValueError:
        return None
    is_one = isinstance(ready, dict) and {"control", "caCertificate"} <= ready.keys()
    return ready if is_one else None
