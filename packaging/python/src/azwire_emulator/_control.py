"""Requests to the admin API, to be made in any thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import urllib.parse
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, Mapping, Optional, TypeVar

from ._error import EmulatorError

T = TypeVar("T")

ANSWER = 30.0
"""How long an answer may take, in seconds, besides what it is asked to wait."""


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request, and what is read from the answer."""

    method: str
    path: str
    read: Callable[[Any], T]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Optional[object] = None
    wait: float = 0.0


def nothing(_: Any) -> None:
    """Reads nothing from an answer."""


RESET: Call[None] = Call("POST", "/reset", nothing)
CLEAR_JOURNAL: Call[None] = Call("DELETE", "/journal", nothing)
ROTATE_KEYS: Call[None] = Call("POST", "/rotate-keys", nothing)


class Control:
    """The admin API of one emulator."""

    def __init__(self, url: str, fate: Callable[[], Optional[EmulatorError]]) -> None:
        """Takes its address, and what has become of the program, if it does not run."""
        self._url = urllib.parse.urlsplit(url)
        self._fate = fate

    def run(self, call: Call[T]) -> T:
        """Makes a request.

        Raises:
            EmulatorError: It was refused, or there is no answer.
        """
        return self._run(call, Exchange(self._url))

    async def run_async(self, call: Call[T]) -> T:
        """Makes a request in another thread, which does not outlive the cancellation of this task."""
        exchange = Exchange(self._url)
        try:
            return await asyncio.to_thread(self._run, call, exchange)
        except asyncio.CancelledError:
            exchange.abort()
            raise

    def _run(self, call: Call[T], exchange: Exchange) -> T:
        what = f"{call.method} {call.path}"
        try:
            status, text = exchange.run(call)
        except (OSError, http.client.HTTPException) as error:
            fate = self._fate()
            if fate is not None:
                raise fate from error
            raise EmulatorError(f"{what}: the emulator does not answer: {error!r}") from error
        try:
            value = json.loads(text)
        except ValueError as error:
            raise EmulatorError(f"{what}: {status}, and the answer is not JSON") from error
        if status >= 400:
            problem = value.get("error") if isinstance(value, dict) else None
            raise EmulatorError(f"{what}: {problem or status}", status=status)
        return call.read(value)


class Exchange:
    """A request under way, on a connection of its own and without proxies."""

    def __init__(self, url: urllib.parse.SplitResult) -> None:
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(url.hostname or "", url.port, timeout=ANSWER)
        self._prefix = url.path
        self._is_aborted = False

    def run(self, call: Call[Any]) -> tuple[int, bytes]:
        target = self._prefix + call.path
        if call.query:
            target += "?" + urllib.parse.urlencode(call.query)
        body = None if call.body is None else json.dumps(call.body).encode()
        try:
            self._connection.timeout = ANSWER + call.wait
            self._connection.connect()
            if self._is_aborted:
                raise OSError("aborted")
            self._connection.request(call.method, target, body)
            response = self._connection.getresponse()
            return response.status, response.read()
        finally:
            self._connection.close()

    def abort(self) -> None:
        """Ends it from another thread."""
        self._is_aborted = True
        open_socket = self._connection.sock
        if open_socket is not None:
            try:
                open_socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                # It has just ended by itself.
                pass
